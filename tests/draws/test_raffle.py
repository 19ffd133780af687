"""Raffles: the tree over entries, whom the dice pick, and what both verifiers say of it."""

import asyncio
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256

import pytest
from bundles import (
    PSEUDONYMS,
    SECRET,
    SIGNER,
    Line,
    Recheck,
    in_node,
    in_python,
    lines_of,
    places,
    signed_again,
    terms_changed,
)
from memory_ledger import memory_world

from largesse.campaigns.model import Beacon, CampaignType, DrawPeriod, DrawsPer
from largesse.draws.bundle import BundleWriter
from largesse.draws.commitment import commit
from largesse.draws.dice import bound, roll_of
from largesse.draws.raffle import Closing, MerkleTree, Pick, about, leaf, pick
from largesse.draws.verification.reckoning import Tree, picked
from largesse.kernel.calendar import rfc3339
from largesse.testing.factories import (
    DAY_MS,
    NOW_MS,
    World,
    a_draw,
    a_reward,
    draw,
    draws_of,
    open_campaign,
)

BEACON = Beacon("drand quicknet", 4919, "8b3f0c")


def by_the_book(leaves: list[bytes]) -> bytes:
    """The hash of a list as RFC 6962 writes it down, in section 2.1."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    left = 1
    while left * 2 < len(leaves):
        left *= 2
    return sha256(b"\x01" + by_the_book(leaves[:left]) + by_the_book(leaves[left:])).digest()


@pytest.mark.parametrize("count", [*range(20), 255, 256, 257, 1000])
def test_the_root_is_the_one_of_the_book(count: int) -> None:
    """By both of ours, whatever the number of entries."""
    leaves = [f"entry {number}".encode() for number in range(count)]
    tree, other = MerkleTree(), Tree()
    for one in leaves:
        tree.add(one)
        other.add(one)
    assert tree.root() == other.root() == by_the_book(leaves).hex()


def test_winners_are_distinct_and_prizes_go_in_order() -> None:
    """A customer with many entries wins once; there may be fewer customers than prizes."""
    customers = ["ann"] * 50 + ["bob", "cat"]
    found = pick(customers, ["A", "B", "B", "C"], roll_of(b"secret", "about"))
    assert sorted(customers[entry - 1] for entry, _ in found) == ["ann", "bob", "cat"]
    assert [reward for _, reward in found] == ["A", "B", "B"]
    assert pick([], ["A"], roll_of(b"secret", "about")) == []


def test_each_entry_wins_as_often_as_the_others() -> None:
    """Chi-square over 20,000 raffles: ten entries, three prizes."""
    trials, counts = 20_000, [0] * 10
    customers = [str(number) for number in range(10)]
    for trial in range(trials):
        for entry, _ in pick(customers, "ABC", roll_of(b"a secret", str(trial))):
            counts[entry - 1] += 1
    expected = trials * 3 / 10
    chi_square = sum((count - expected) ** 2 / expected for count in counts)
    assert 0.8 < chi_square < 30  # nine degrees of freedom: p from 0.0004 to 0.9997


def test_both_pick_the_same() -> None:
    """The raffle and its verifier, written apart."""
    for seed in range(200):
        customers = [f"u{(number * 7919 + seed) % 23}" for number in range(seed)]
        dice = [roll_of(b"secret", f"about {seed}") for _ in range(2)]
        prizes = ["A"] * (seed % 5) + ["B"] * 9
        assert pick(customers, prizes, dice[0]) == picked(customers, prizes, dice[1])


@lru_cache
def raffle(beacon: Beacon | None = None, entries: int = 40) -> bytes:
    """The proof of a raffle with five prizes; the same for the same beacon."""
    return asyncio.run(_raffle(beacon, entries))


async def _raffle(beacon: Beacon | None, entries: int) -> bytes:
    world: World = memory_world()
    campaign = await open_campaign(
        world,
        a_reward("BIG", quota_total=2),
        a_reward("SMALL", quota_total=3),
        type=CampaignType.RAFFLE,
        draws_per=DrawsPer(DrawPeriod.CAMPAIGN, 3),
        ends_at_ms=NOW_MS + DAY_MS,
        beacon=beacon,
    )
    names = [f"u{number % 23}" for number in range(entries)]
    wishes = [a_draw(campaign, name, key=f"k{at}", seed=f"s{at}") for at, name in enumerate(names)]
    await draw(world, *wishes)
    drawn = await draws_of(world).draws(campaign.number, 0, entries)
    tree = MerkleTree()
    for one in drawn:
        name = PSEUDONYMS.of(campaign, one.customer)
        tree.add(leaf(one.number, rfc3339(one.at_ms), name, one.seed))
    root = tree.root()
    prizes = ["BIG"] * 2 + ["SMALL"] * 3
    found = pick(
        names, prizes, roll_of(bound(SECRET, beacon), about(campaign.id, campaign.version, root))
    )
    picks = tuple(Pick(entry, names[entry - 1], reward) for entry, reward in found)
    writer = BundleWriter(draws_of(world), SIGNER, PSEUDONYMS)
    commitments = [commit(campaign, SECRET, told=True)]
    pieces = writer.pieces(campaign, commitments, Closing(entries, root, picks))
    return b"".join([piece async for piece in pieces])


@pytest.fixture(params=[in_python, in_node])
def recheck(request: pytest.FixtureRequest) -> Recheck:
    """One verifier, then the other."""
    chosen: Recheck = request.param
    return chosen


@pytest.mark.parametrize("beacon", [None, BEACON])
@pytest.mark.parametrize("entries", [0, 1, 3, 40])
def test_raffles_hold(recheck: Recheck, beacon: Beacon | None, entries: int) -> None:
    """With and without a round of public randomness, and with fewer entries than prizes."""
    [verdict] = recheck(raffle(beacon, entries))
    assert verdict.findings == []
    assert verdict.draws == entries
    wanted = {0: {}, 1: {"": 1, "BIG": 1}, 3: {"": 3, "BIG": 2, "SMALL": 1}}
    assert verdict.won == wanted.get(entries, {"": 40, "BIG": 2, "SMALL": 3})


def another_winner(lines: list[Line]) -> None:
    """A friend's entry is told in the place of one that was picked."""
    at = places(lines, lambda line: "wins" in line)
    taken = {lines[one]["entry"] for one in at}
    lines[at[0]]["entry"] = next(number for number in range(1, 40) if number not in taken)


def other_prizes(lines: list[Line]) -> None:
    """Two winners change prizes."""
    first, *_, last = places(lines, lambda line: "wins" in line)
    lines[first]["wins"], lines[last]["wins"] = lines[last]["wins"], lines[first]["wins"]


def one_winner_less(lines: list[Line]) -> None:
    """The last prize stays in the house."""
    del lines[places(lines, lambda line: "wins" in line)[-1]]


def one_winner_more(lines: list[Line]) -> None:
    """Somebody wins beside the others."""
    lines.insert(-1, {"entry": 7, "wins": "SMALL"})


def another_entrant(lines: list[Line]) -> None:
    """An entry is given to somebody else after the close."""
    lines[places(lines, lambda line: "n" in line)[4]]["customer"] = "22" * 32


def an_entry_more(lines: list[Line]) -> None:
    """An entry is put in after the close."""
    at = places(lines, lambda line: "n" in line)[-1]
    lines.insert(at + 1, {**lines[at], "n": lines[at]["n"] + 1, "customer": "33" * 32})


def another_round(lines: list[Line]) -> None:
    """The beacon is said to have brought something else, with a commitment that fits."""
    terms_changed(lines[0], lambda terms: terms["beacon"].update(value="8b3f0d"))


def no_close(lines: list[Line]) -> None:
    """The root is not told at all."""
    del lines[places(lines, lambda line: "root" in line)[0]]


def two_secrets(lines: list[Line]) -> None:
    """A second version with a secret of its own, chosen when all else was known."""
    version = dict(lines[0]["versions"][0], secret="11" * 32)
    lines[0]["versions"].insert(0, version)
    terms_changed(lines[0], lambda terms: terms.update(version=0))
    lines[0]["versions"][0]["version"] = 0


MISTAKES = [
    another_winner, other_prizes, one_winner_less, one_winner_more, another_entrant,
    an_entry_more, another_round, no_close, two_secrets,
]  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_a_lie_is_found(recheck: Recheck, mistake: Callable[[list[Line]], None]) -> None:
    """Though the operator signed it."""
    lines = lines_of(raffle(BEACON))
    assert recheck(signed_again(lines))[0].holds
    mistake(lines)

    [verdict] = recheck(signed_again(lines))

    assert not verdict.holds
    assert not verdict.broken
    assert not any("signature" in one or "digest" in one for one in verdict.findings)
