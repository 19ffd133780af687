"""What PostgreSQL did to answer: a prepared statement, run by EXPLAIN."""

import json
from collections.abc import Iterator
from typing import Any

from psycopg import Connection, sql


def found_and_read(db: Connection, run: sql.Composable) -> tuple[int, int]:
    """How many rows an `EXECUTE` gives, and how many of the journal are read for them."""
    asked = sql.SQL("EXPLAIN (ANALYZE, FORMAT JSON) ") + run
    [plan] = db.execute(asked).fetchone() or ({},)
    found = plan if isinstance(plan, list) else json.loads(plan)
    top = found[0]["Plan"]
    return int(top["Actual Rows"]), sum(_touched(node) for node in _nodes(top))


def _nodes(plan: Any) -> Iterator[Any]:  # noqa: ANN401 — JSON knows no types
    """All nodes of a plan."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def _touched(node: Any) -> int:  # noqa: ANN401 — JSON knows no types
    """The rows of the journal that a node looked at."""
    if not str(node.get("Relation Name", "")).startswith("journal"):
        return 0
    each = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return int(each * node["Actual Loops"])
