"""The promise of draws: fair numbers, and two verifiers that agree on what happened."""

import json
from collections.abc import Callable
from math import exp
from pathlib import Path
from random import Random

import pytest
from bundles import a_history, in_node, in_python, lines_of, live, written
from sqlite_ledger import open_ledger

from largesse.draws import decide
from largesse.draws.dice import roll_of
from largesse.testing.factories import a_chance, a_definition

DRAWS = 10_000
TAMPERED = 1_000
MILLION = 1_000_000

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_ten_thousand_draws(tmp_path: Path, seed: int, told: Callable[[str], None]) -> None:
    """Through the ledger in a file, with shortages, revokes, days and edits: both read the same."""
    ledger = open_ledger(tmp_path / "ledger.db")
    try:
        versions = await live(ledger.world, seed, customers=2_400)
        proof = await written(ledger.world, versions)
    finally:
        ledger.close()

    [first], [second] = in_python(proof), in_node(proof)

    assert first == second
    assert first.findings == []
    assert first.draws >= DRAWS
    numbers = [line["n"] for line in lines_of(proof) if "n" in line]
    assert numbers == list(range(1, first.draws + 1))
    told(f"draws: {first.draws:,} draws of one proof: both verifiers agree on each")


async def test_any_byte_changed_is_found(
    seed: int, dice: Random, told: Callable[[str], None]
) -> None:
    """Proofs with one byte changed: none holds, by either verifier."""
    content = await a_history(seed, customers=8)
    assert [one.holds for one in in_python(content) + in_node(content)] == [True, True]
    changed = []
    for _ in range(TAMPERED):
        at = dice.randrange(len(content))
        byte = (content[at] + dice.randrange(1, 256)) % 256
        changed.append(content[:at] + bytes([byte]) + content[at + 1 :])

    for verdicts in (in_python(*changed), in_node(*changed)):
        assert [one.holds for one in verdicts] == [False] * TAMPERED
    told(f"draws: {TAMPERED:,} proofs with one byte changed: 0 held, by either verifier")


@pytest.mark.parametrize("nth", range(5))
def test_a_million_draws(nth: int, seed: int, told: Callable[[str], None]) -> None:
    """Chi-square of what they win against the weights; four degrees of freedom."""
    weights = (400_000, 300_000, 150_000, 50_000, 100_000)
    chances = [a_chance(f"R{at}", weight) for at, weight in enumerate(weights[:-1])]
    definition = a_definition(*chances)
    secret = f"{seed} {nth}".encode()
    counts = [0] * len(weights)
    for number in range(MILLION):
        won = decide.pick(definition, _all_there, roll_of(secret, f"camp|1|{number}|s"))
        counts[-1 if won is None else won] += 1

    expected = [MILLION * weight // MILLION for weight in weights]
    pairs = zip(counts, expected, strict=True)
    half = sum((found - wanted) ** 2 / wanted for found, wanted in pairs) / 2
    p = exp(-half) * (1 + half)

    told(f"draws: a million of them against their weights: p = {p:.3f}, {json.dumps(counts)}")
    assert 0.0001 < p < 0.9999


def _all_there(_: int) -> bool:
    return True
