"""Calls about code pools, and about codes by the thousand."""

from collections.abc import Sequence

from msgspec import Struct

from largesse.client.call import Call, Request, get, path_of, post, reading
from largesse.client.model import CodeFinding, CodePool, Job, Page

_POOL = reading(CodePool)
_POOLS = reading(Page[CodePool])
_JOB = reading(Job)


class Findings(Struct, frozen=True):
    """One finding for each code that was asked about, in their order."""

    results: list[CodeFinding]


_FINDINGS = reading(Findings)


def generate(
    campaign: str, count: int, name: str, *, reward: str | None = None, key: str | None = None
) -> Call[Job]:
    """Set units aside and have a code made for each; the job's `subject` is the code pool."""
    body = {"count": count, "name": name, "reward": reward}
    return post(path_of("campaigns", campaign, "code-pools"), body, _JOB, key)


def list_all(*, limit: int | None = None, cursor: str | None = None) -> Call[Page[CodePool]]:
    """List the tenant's code pools, newest first."""
    return get(path_of("code-pools"), _POOLS, limit=limit, cursor=cursor)


def show(pool: str) -> Call[CodePool]:
    """Read a code pool; its codes are exported."""
    return get(path_of("code-pools", pool), _POOL)


def export(
    pool: str,
    *,
    form: str = "csv",
    again: bool = False,
    key: str | None = None,
) -> Call[Job]:
    """Have a pool's codes written to a file, as csv or parquet; it is the job's result."""
    body = {"format": form, "again": again}
    return post(path_of("code-pools", f"{pool}:export"), body, _JOB, key)


def delete(pool: str) -> Call[CodePool]:
    """Take a code pool back: its units return to the stock, its codes are good for nothing."""
    return Call(Request("DELETE", path_of("code-pools", pool)), _POOL)


def check(codes: Sequence[str]) -> Call[Findings]:
    """Ask what is known of up to 1,000 codes."""
    return post(f"{path_of('codes')}:check", {"codes": codes}, _FINDINGS)
