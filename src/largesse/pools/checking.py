"""Tells of many codes at once what they are: for whoever was handed a box of them."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from largesse.campaigns.model import Campaign, CodeSource
from largesse.campaigns.ports import PatternState
from largesse.codes.canonical import canonical
from largesse.codes.coder import Judge
from largesse.codes.pattern import read_canonical_text
from largesse.issuance.decide import definition_of, expires_at_ms, status
from largesse.issuance.model import LedgerEntry, Place
from largesse.kernel.clock import TenantClocks
from largesse.kernel.errors import InvalidInputError
from largesse.kernel.threads import Run
from largesse.pools.model import CHECKED_MAX, CodeState, Finding, Pool, PoolStatus
from largesse.pools.ports import PoolRecords, PoolStore, Secrets

JUDGES_MAX = 256
"""Patterns whose judges are remembered: a small one keeps a table of its codes."""


class _Typed(NamedTuple):
    """A code as somebody typed it, and where to look for it; None where there is no need to look.

    `place` is its place in the counter of the permuted pattern `pattern`, else `stored` is its
    canonical form, under which a random code is kept.
    """

    finding: Finding
    pattern: str = ""
    place: int | None = None
    stored: str | None = None


class Checking:
    """Checks codes of a tenant. `id_of` tells an incentive's id by its place."""

    def __init__(
        self,
        store: PoolStore,
        secrets: Secrets,
        id_of: Callable[[Place], str],
        clocks: TenantClocks,
        run: Run,
    ) -> None:
        self._store = store
        self._secrets = secrets
        self._id_of = id_of
        self._clocks = clocks
        self._run = run
        self._judges: dict[tuple[int, str], Judge] = {}

    async def check(self, tenant: int, codes: Sequence[str]) -> list[Finding]:
        """One finding for each code, in their order; of another tenant's codes nothing is known."""
        if len(codes) > CHECKED_MAX:
            message = f"one call checks at most {CHECKED_MAX:,} codes; there are {len(codes):,}"
            raise InvalidInputError(message, "/codes")
        patterns = await self._store.read(lambda records: records.patterns(tenant))
        typed = await self._run(lambda: [self._read(tenant, patterns, code) for code in codes])
        now_ms = self._clocks.now_ms(tenant)

        def look_up(records: PoolRecords) -> list[tuple[Finding, Place | None]]:
            lookup = _Lookup(records, tenant, now_ms)
            return [lookup.finding(one) for one in typed]

        found = await self._store.read(look_up)
        return [
            finding if place is None else replace(finding, incentive_id=self._id_of(place))
            for finding, place in found
        ]

    def _read(self, tenant: int, patterns: Sequence[PatternState], code: str) -> _Typed:
        """What can be told without the ledger."""
        best = _Typed(Finding(code=code, well_formed=False, check_right=None, known=False))
        for state in patterns:
            judge = self._judge(tenant, state.pattern)
            right = judge.check(code)
            if right is None:
                continue
            shown = right if judge.has_check_symbols else None
            best = _Typed(replace(best.finding, well_formed=True, check_right=shown))
            if not right:
                continue
            if state.source == CodeSource.RANDOM:
                return best._replace(stored=canonical(code))
            return best._replace(pattern=state.pattern, place=judge.place(code))
        return best

    def _judge(self, tenant: int, pattern: str) -> Judge:
        key = (tenant, pattern)
        if key not in self._judges:
            if len(self._judges) >= JUDGES_MAX:
                self._judges.clear()
            self._judges[key] = Judge(read_canonical_text(pattern), self._secrets(tenant))
        return self._judges[key]


class _Lookup:
    """What the ledger knows at one moment of a tenant's codes."""

    def __init__(self, records: PoolRecords, tenant: int, now_ms: int) -> None:
        self._records = records
        self._tenant = tenant
        self._now_ms = now_ms
        self._versions: dict[tuple[int, int], Campaign] = {}

    def finding(self, typed: _Typed) -> tuple[Finding, Place | None]:
        """A code that was read with all that is known of it, and where its incentive stands."""
        records, tenant = self._records, self._tenant
        entry, pool = None, None
        if typed.place is not None:
            entry = records.entry_of_place(tenant, typed.pattern, typed.place)
            pool = records.pool_of_place(tenant, typed.pattern, typed.place)
        elif typed.stored is not None:
            entry = records.entry_of_code(tenant, typed.stored)
            pool = records.pool_of_code(tenant, typed.stored)
        if entry is not None:
            return self._issued(typed.finding, entry)
        return (typed.finding if pool is None else _pooled(typed.finding, pool)), None

    def _issued(self, finding: Finding, entry: LedgerEntry) -> tuple[Finding, Place]:
        issued = entry.issued
        campaign = self._version(issued.campaign, issued.version)
        definition = definition_of(campaign, issued.reward)
        expires = expires_at_ms(definition, issued.at_ms)
        told = replace(
            finding,
            known=True,
            status=CodeState(status(entry, expires, self._now_ms).value),
            campaign_id=campaign.id,
            reward=definition.key,
        )
        return told, Place(issued.reward, issued.serial)

    def _version(self, campaign: int, version: int) -> Campaign:
        key = (campaign, version)
        if key not in self._versions:
            self._versions[key] = self._records.campaign_at(campaign, version)
        return self._versions[key]


def _pooled(finding: Finding, pool: Pool) -> Finding:
    """A code of a pool that is not ready is good for nothing yet, or no more."""
    ready = pool.status is PoolStatus.READY
    return replace(
        finding,
        known=True,
        status=CodeState.AVAILABLE if ready else CodeState.DELETED,
        campaign_id=pool.campaign_id,
        reward=pool.reward_key,
        pool_id=pool.id,
    )
