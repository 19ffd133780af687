"""Who holds what, in memory: found at any age, with equal hashes, after a restart."""

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlite_ledger import Ledger, opened

from largesse.campaigns.model import Campaign
from largesse.issuance.model import Offer
from largesse.kernel.outcome import Outcome
from largesse.storage.sqlite import fingerprint
from largesse.storage.sqlite import holders as holders_module
from largesse.storage.sqlite.fingerprint import Fingerprints, Scope
from largesse.storage.sqlite.holders import Holders, Run, from_blobs, merge, to_blobs
from largesse.testing.factories import a_reward, a_wish, open_campaign, revoke, settle

ENTRIES = st.lists(st.tuples(st.integers(0, 8), st.integers(1, 2**62)), unique_by=lambda e: e[1])


def run_of(entries: list[tuple[int, int]]) -> Run:
    """A run of some entries."""
    holders = holders_module._Newest()
    holders.add([one for one, _ in entries], [seq for _, seq in entries])
    return holders.sort()


@given(older=ENTRIES, newer=ENTRIES, merged=st.booleans())
def test_every_entry_is_found(
    older: list[tuple[int, int]], newer: list[tuple[int, int]], *, merged: bool
) -> None:
    """Also among equal hashes; alone or merged, from memory or from the file's form."""
    newer = [(one, seq) for one, seq in newer if seq not in {old for _, old in older}]
    runs = [run_of(entries) for entries in (older, newer) if entries]
    if merged and len(runs) == 2:
        runs = [merge(*runs)]
    kept = [from_blobs(*to_blobs(run)) for run in runs]
    probes = list(range(10))

    found = {
        (probes[index], seq)
        for run in kept
        for index, seq in run.find(np.array(probes, dtype=np.uint64))
    }

    assert found == {*older, *newer}
    for run in kept:
        assert (run.hashes[:-1] <= run.hashes[1:]).all()


@given(ENTRIES)
def test_the_newest_entries_are_found(entries: list[tuple[int, int]]) -> None:
    """Before they are sealed, too."""
    newest = holders_module._Newest()
    newest.add([one for one, _ in entries], [seq for _, seq in entries])

    found = newest.find(list(range(10)))

    assert sorted(found) == sorted(entries)


def test_entries_are_found_while_they_are_sealed_and_merged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However the maintenance stands at the moment, nothing is missing and nothing is twice."""
    monkeypatch.setattr(holders_module, "SEAL_AT", 64)
    dice = random.Random(1)
    holders = Holders()
    known: list[tuple[int, int]] = []
    for seq in range(0, 6_400, 16):
        hashes = [dice.getrandbits(64) for _ in range(16)]
        seqs = list(range(seq, seq + 16))
        holders.add(hashes, seqs, seq + 15)
        known += zip(hashes, seqs, strict=True)
        probed = dice.sample(known, min(len(known), 50))
        found = holders.find([one for one, _ in probed])
        assert sorted(found) == [(index, seq) for index, (_, seq) in enumerate(probed)]
    holders.close()

    assert len(holders) == len(known)
    assert [piece.last_seq for piece in holders.unsaved] == list(range(63, 6_400, 64))
    assert len(holders._state.runs) < 6


class Clash(Fingerprints):
    """Fingerprints of one single value: everything collides with everything."""

    def seed(self, scope: Scope, number: int, nth: int = 1) -> int:
        """Always the same family."""
        return 0

    def nth(self, scope: Scope, number: int, customer: str, nth: int) -> int:
        """Four values for all the world."""
        return nth % 4

    def ways(self, offer: Offer) -> "Clash.Ways":
        """Always the same way."""
        ways = super().ways(offer)
        return Clash.Ways(ways.seed, ways.by_key, ways.reward_seed)

    class Ways(fingerprint.Ways):
        """Hashes that say nothing."""

        def main(self, customer: str, key: str) -> int:
            """The same for everybody."""
            return 1

        def of_reward(self, customer: str) -> int | None:
            """The same for everybody who is counted apart."""
            return None if self.reward_seed is None else 1


@pytest.mark.parametrize(("of_campaign", "of_reward"), [(2, None), (None, 2), (None, None)])
async def test_hashes_only_say_where_to_look(
    tmp_path: Path, of_campaign: int | None, of_reward: int | None
) -> None:
    """Where all hashes are equal, rows are compared and everybody still gets his own."""
    with opened(tmp_path / "ledger.db") as ledger:
        ledger.store.memory.prints = Clash(b"")
        world = ledger.world
        reward = a_reward(per_customer_max=of_reward, quota_total=99)
        campaign = await open_campaign(world, reward, per_customer_max=of_campaign)
        names = ["ann", "bob", "cat", "dan"]

        outcomes = [
            [
                one.outcome
                for one in await settle(world, *(a_wish(campaign, n, key=k) for n in names))
            ]
            for k in ("1", "2", "1", "3")
        ]

        limit = Outcome.CUSTOMER_LIMIT_REACHED if of_campaign or of_reward else Outcome.ISSUED
        assert outcomes == [[Outcome.ISSUED] * 4] * 3 + [[limit] * 4]


@pytest.mark.parametrize(("of_campaign", "of_reward"), [(3, None), (None, 3), (None, None)])
@pytest.mark.parametrize("seal_at", [4, 64, 65_536])
async def test_a_restart_forgets_nobody(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    seal_at: int,
    of_campaign: int | None,
    of_reward: int | None,
) -> None:
    """From sealed pieces and from rows: every key replays, and every cap counts on."""
    monkeypatch.setattr(holders_module, "SEAL_AT", seal_at)
    path = tmp_path / "ledger.db"
    with opened(path) as ledger:
        reward = a_reward(per_customer_max=of_reward, quota_total=999)
        campaign = await open_campaign(ledger.world, reward, per_customer_max=of_campaign)
        first = []
        for key in ("1", "2"):
            for start in range(0, 50, 10):
                wishes = [a_wish(campaign, f"c{n}", key=key) for n in range(start, start + 10)]
                first += await settle(ledger.world, *wishes)
        await revoke(ledger.world, first[0])
        entries = len(ledger.store.memory.holders)
    with opened(path) as ledger:
        assert len(ledger.store.memory.holders) == entries
        again = await settle(
            ledger.world, *(a_wish(campaign, f"c{n}", key=k) for k in ("1", "2") for n in range(50))
        )
        assert [one.issued for one in again] == [one.issued for one in first]
        assert all(one.replayed for one in again)
        third, fourth = await settle_both(ledger, campaign)
        limit = Outcome.CUSTOMER_LIMIT_REACHED if of_campaign or of_reward else Outcome.ISSUED
        assert third == [Outcome.ISSUED] * 2
        assert fourth == [Outcome.ISSUED, limit]
        assert (await ledger.store.prove(whole=True)).violations == ()


async def settle_both(ledger: Ledger, campaign: Campaign) -> tuple[list[Outcome], list[Outcome]]:
    """A third and a fourth wish of a customer whose first was revoked, and of one who has two."""
    third, fourth = [
        await settle(ledger.world, *(a_wish(campaign, name, key=key) for name in ("c0", "c1")))
        for key in ("3", "4")
    ]
    return [one.outcome for one in third], [one.outcome for one in fourth]
