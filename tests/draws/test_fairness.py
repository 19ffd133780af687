"""A million draws for each of five seeds: prizes come as often as their weights say.

Pearson's test: the squares of what a count is off, each divided by what was expected, add up to
about as many as there are kinds. The bounds are what one honest test in a thousand goes beyond;
secret and seeds are fixed, so that these always say the same.
"""

from collections import Counter
from collections.abc import Callable, Mapping

import pytest

from largesse.campaigns.model import PPM, CampaignType
from largesse.draws import decide
from largesse.draws.dice import roll_of
from largesse.draws.model import Roll
from largesse.testing.factories import a_chance, a_definition

SECRET = bytes(range(32))
DRAWS = 1_000_000
SEEDS = ("a", "b", "c", "d", "e")

WEIGHTS = (400_000, 30_000, 1_000, 250)
OTHER_THAN_PRIZES_MAX = 18.47
"""Four prizes and no win: the 0.999 quantile of chi-square with 4 degrees of freedom."""

BINS = 1_000
UNEVEN_MAX = 1_143.0
"""The same of 999 degrees, for the numbers themselves, a thousand of them to a bin."""

Number = Callable[[str, int], int]
"""Number n from 0 up to, and without, a million, by a seed."""


def honest(seed: str, n: int) -> int:
    """As the store rolls."""
    return roll_of(SECRET, f"camp|1|{n}|{seed}")(PPM)


def biased(seed: str, n: int) -> int:
    """Planted: 20 bits modulo a million, so that the lowest 48,576 numbers come twice as often."""
    return roll_of(SECRET, f"camp|1|{n}|{seed}")(1 << 20) % PPM


def in_stock(_: int) -> bool:
    """Whatever the reward."""
    return True


def showing(number: int) -> Roll:
    """Dice that show this number."""
    return lambda _: number


def off(counts: Mapping[int | None, int], expected: Mapping[int | None, float]) -> float:
    """How far the counts are from what was expected: the statistic of Pearson's test."""
    assert counts.keys() <= expected.keys()
    return sum((counts.get(kind, 0) - of) ** 2 / of for kind, of in expected.items())


def rolled(number: Number, seed: str, draws: int) -> tuple[float, float]:
    """How far prizes, and how far the numbers, of some draws are from what they should be."""
    chances = (a_chance(f"P{at}", weight) for at, weight in enumerate(WEIGHTS))
    wheel = decide.wheel(a_definition(*chances, type=CampaignType.DRAW))
    numbers = [number(seed, n) for n in range(1, draws + 1)]
    won = Counter(decide.pick(wheel, in_stock, showing(one)) for one in numbers)
    shares: dict[int | None, int] = dict(enumerate(WEIGHTS))
    shares[None] = PPM - sum(WEIGHTS)
    bins = Counter[int | None](one // (PPM // BINS) for one in numbers)
    return (
        off(won, {kind: draws * share / PPM for kind, share in shares.items()}),
        off(bins, dict.fromkeys(range(BINS), draws / BINS)),
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_million_draws_are_as_their_weights_say(seed: str) -> None:
    """Prizes from four in ten to one in four thousand, no win, and the numbers beneath them."""
    prizes, numbers = rolled(honest, seed, DRAWS)
    assert prizes < OTHER_THAN_PRIZES_MAX
    assert numbers < UNEVEN_MAX


def test_a_planted_bias_is_caught() -> None:
    """Negative control: a modulus without rejection fails both, with a tenth of the draws."""
    prizes, numbers = rolled(biased, SEEDS[0], DRAWS // 10)
    assert prizes > OTHER_THAN_PRIZES_MAX
    assert numbers > UNEVEN_MAX
