"""Codes as campaigns see them: formats that must not collide, and places to be taken in time."""

from msgspec import Struct

from largesse.campaigns import decide
from largesse.campaigns.model import (
    Campaign,
    CampaignDefinition,
    CodeFormat,
    CodeSource,
    RewardDefinition,
)
from largesse.campaigns.ports import CampaignRecords, CodeSpace, CodeSpaces, PatternState
from largesse.kernel.errors import InvalidInputError

RANDOM_DENSITY_INVERSE = 2
"""Random codes may fill half of their space: beyond that, finding a new one takes ever longer."""


class _Use(Struct, frozen=True):
    """A reward's use of a pattern, and where in the body it stands."""

    pointer: str
    space: CodeSpace
    source: CodeSource


class CodeKeeper:
    """Checks code formats when a campaign is saved, and takes places when it is activated."""

    def __init__(self, spaces: CodeSpaces) -> None:
        self._spaces = spaces

    def check(
        self,
        records: CampaignRecords,
        tenant: int,
        definition: CampaignDefinition,
        present: Campaign | None = None,
    ) -> tuple[str, ...]:
        """Raise `InvalidInputError` for a code format that cannot work; return warnings.

        A pattern must be equal to or disjoint from every other of the tenant, be used with one
        source only, and have room for the quotas. `present` is the campaign as it is kept.
        """
        known = {(state.pattern, state.source): state for state in records.patterns(tenant)}
        others = list(known)
        needed: dict[str, int] = {}
        warnings: list[str] = []
        for index, reward in enumerate(definition.rewards):
            use = self._use(f"/rewards/{index}/code", reward)
            if use is None:
                continue
            self._check_overlaps(use, others)
            others.append((use.space.pattern, use.source.value))
            missing = self._missing(records, reward, present)
            needed[use.space.pattern] = needed.get(use.space.pattern, 0) + missing
            state = known.get((use.space.pattern, use.source.value))
            _check_room(use, needed[use.space.pattern], state)
            warnings.extend(f"{use.pointer}: {warning}" for warning in use.space.warnings)
        return tuple(warnings)

    def cover(self, records: CampaignRecords, campaign: Campaign) -> None:
        """Take as many places as the rewards of an active campaign need to keep their quotas."""
        for reward in campaign.rewards:
            code = reward.definition.code
            if code is None:
                continue
            measured = self._spaces.measure(code, reward.definition.quota_total)
            state = records.add_pattern(campaign.tenant, measured.pattern, code.source.value)
            if code.source is CodeSource.PERMUTED:
                covered = sum(block.count for block in records.blocks(reward.number))
                missing = decide.codes_missing(reward, covered)
                if missing:
                    records.take_block(state.id, reward.number, missing)

    def _use(self, pointer: str, reward: RewardDefinition) -> _Use | None:
        if reward.code is None:
            return None
        return _Use(pointer, self._measure(pointer, reward.code, reward), reward.code.source)

    def _measure(self, pointer: str, code: CodeFormat, reward: RewardDefinition) -> CodeSpace:
        try:
            return self._spaces.measure(code, reward.quota_total)
        except InvalidInputError as error:
            raise InvalidInputError(str(error), pointer + error.pointer, error.code) from error

    def _check_overlaps(self, use: _Use, others: list[tuple[str, str]]) -> None:
        for pattern, source in others:
            if source == use.source == CodeSource.RANDOM:
                continue  # their table keeps one of each code
            same = pattern == use.space.pattern
            if (same and source != use.source) or self._spaces.overlap(pattern, use.space.pattern):
                message = (
                    f"codes of {use.space.pattern!r} ({use.source}) could equal codes of "
                    f"{pattern!r} ({source}), which this tenant uses: use that pattern with that "
                    "source, or one that shares no code with it"
                )
                raise InvalidInputError(message, use.pointer, "PATTERN_OVERLAPS")

    def _missing(
        self, records: CampaignRecords, reward: RewardDefinition, present: Campaign | None
    ) -> int:
        kept = () if present is None else present.rewards
        for known in kept:
            if known.definition.key == reward.key:
                covered = sum(block.count for block in records.blocks(known.number))
                edited = type(known)(known.number, reward, known.counters)
                return decide.codes_missing(edited, covered)
        return reward.quota_total or 0


def _check_room(use: _Use, needed: int, state: PatternState | None) -> None:
    taken = 0 if state is None else state.taken
    space = use.space.space
    room = space - taken if use.source is CodeSource.PERMUTED else space // RANDOM_DENSITY_INVERSE
    if needed > room:
        message = (
            f"the pattern {use.space.pattern!r} has {space} codes, of which {room} can still be "
            f"given out, but {needed} are needed: make the pattern longer or the quota smaller"
        )
        raise InvalidInputError(message, use.pointer, "PATTERN_TOO_SMALL")
