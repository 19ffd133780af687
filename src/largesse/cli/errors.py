"""What a command of ours can fail of; each message is one line that says what to do."""

from collections.abc import Mapping
from typing import Any

from largesse.kernel.errors import LargesseError


class CommandError(LargesseError):
    """The command cannot do what was asked."""


class RefusedError(LargesseError):
    """The server refused; `problem` is its answer (RFC 9457)."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        parts = [str(problem[name]) for name in ("code", "detail") if problem.get(name)]
        told = ": ".join(parts) or str(problem.get("title", "the server refused"))
        where = f" (at {problem['pointer']})" if problem.get("pointer") else ""
        super().__init__(told + where)
        self.problem = problem
