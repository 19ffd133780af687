"""The promise of draws: two verifiers that agree on what happened, and on what did not."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from bundles import a_history, in_node, in_python, lines_of, live, written
from sqlite_ledger import open_ledger

DRAWS = 10_000
TAMPERED = 1_000

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_ten_thousand_draws(tmp_path: Path, seed: int, told: Callable[[str], None]) -> None:
    """Through the ledger in a file, with shortages, revokes, days and edits: both read the same."""
    ledger = open_ledger(tmp_path / "ledger.db")
    try:
        versions = await live(ledger.world, seed, customers=2_800)
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
