"""The rules of draws, as tables; and the dice."""

import hmac
from collections import Counter
from collections.abc import Callable
from math import sqrt

import pytest
from msgspec.structs import replace

from largesse.campaigns import decide as campaigns
from largesse.campaigns.model import (
    CampaignDefinition,
    CampaignType,
    DrawPeriod,
    DrawsPer,
    OnExhausted,
    OnRepeat,
)
from largesse.draws import decide
from largesse.draws.dice import dice_of, roll_of, seed_of_key
from largesse.draws.model import Roll
from largesse.kernel.errors import InvalidInputError
from largesse.testing.factories import a_campaign, a_chance, a_definition, a_reward

SECRET = bytes(range(32))


def a_draw_of(*weights: int, **changes: object) -> CampaignDefinition:
    """A draw with rewards A, B, C … of these weights."""
    chances = [a_chance(chr(65 + at), weight) for at, weight in enumerate(weights)]
    return a_definition(*chances, type=CampaignType.DRAW, **changes)


def rolling(*numbers: int) -> Roll:
    """Dice that show these numbers, and are asked for no more."""
    shown = iter(numbers)
    return lambda _: next(shown)


def all_but(*missing: int) -> Callable[[int], bool]:
    """Every reward is available but these."""
    return lambda at: at not in missing


@pytest.mark.parametrize(
    ("numbers", "missing", "on_exhausted", "won"),
    [
        ((0,), (), OnExhausted.LOSE, 0),
        ((99_999,), (), OnExhausted.LOSE, 0),
        ((100_000,), (), OnExhausted.LOSE, 2),
        ((299_999,), (), OnExhausted.LOSE, 2),
        ((300_000,), (), OnExhausted.LOSE, 3),
        ((600_000,), (), OnExhausted.LOSE, None),
        ((999_999,), (0, 1, 2, 3), OnExhausted.REDISTRIBUTE, None),
        ((0,), (0,), OnExhausted.LOSE, None),
        ((100_000,), (0,), OnExhausted.LOSE, 2),
        ((0, 0), (0,), OnExhausted.REDISTRIBUTE, 2),
        ((0, 199_999), (0,), OnExhausted.REDISTRIBUTE, 2),
        ((0, 200_000), (0,), OnExhausted.REDISTRIBUTE, 3),
        ((0,), (0, 2, 3), OnExhausted.REDISTRIBUTE, None),
        ((0,), (0,), OnExhausted.FALLBACK, 1),
        ((0,), (0, 1), OnExhausted.FALLBACK, None),
        ((600_000,), (0,), OnExhausted.FALLBACK, None),
    ],
)
def test_what_a_number_wins(
    numbers: tuple[int, ...],
    missing: tuple[int, ...],
    on_exhausted: OnExhausted,
    won: int | None,
) -> None:
    """Weights 100,000, 0, 200,000 and 300,000; B is the fallback."""
    fallback = "B" if on_exhausted is OnExhausted.FALLBACK else None
    definition = a_draw_of(
        100_000, 0, 200_000, 300_000, on_exhausted=on_exhausted, fallback_reward=fallback
    )

    assert decide.pick(decide.wheel(definition), all_but(*missing), rolling(*numbers)) == won


def test_a_second_number_is_taken_over_what_is_left() -> None:
    """So the rewards in stock share what the missing one leaves, as their weights are."""
    asked: list[int] = []

    def roll(below: int) -> int:
        asked.append(below)
        return 0

    definition = a_draw_of(400_000, 100_000, 50_000, on_exhausted=OnExhausted.REDISTRIBUTE)
    assert decide.pick(decide.wheel(definition), all_but(0), roll) == 1
    assert asked == [1_000_000, 150_000]


@pytest.mark.parametrize(
    ("definition", "pointer", "said"),
    [
        (a_draw_of(500_000, 300_000, 300_000), "/rewards", "1100000 ppm, which is 1.1"),
        (a_draw_of(1_000_001), "/rewards/0/weight_ppm", "from 0 to 1000000"),
        (a_draw_of(-1), "/rewards/0/weight_ppm", "from 0 to 1000000"),
        (a_definition(a_reward(), type=CampaignType.DRAW), "/rewards/0/weight_ppm", "has a weight"),
        (a_definition(a_chance("A", 1)), "/rewards/0/weight_ppm", "weights belong to draws"),
        (a_definition(draws_per=DrawsPer(n=2)), "/draws_per", "belongs to draws"),
        (a_definition(on_exhausted=OnExhausted.REDISTRIBUTE), "/on_exhausted", "belongs to draws"),
        (a_draw_of(1, on_exhausted=OnExhausted.FALLBACK), "/fallback_reward", "name one of"),
        (
            a_draw_of(1, on_exhausted=OnExhausted.FALLBACK, fallback_reward="Z"),
            "/fallback_reward",
            "name one of the rewards: A",
        ),
        (a_draw_of(1, fallback_reward="A"), "/fallback_reward", "with on_exhausted FALLBACK"),
        (a_draw_of(1, draws_per=DrawsPer(n=0)), "/draws_per/n", "1 to 100"),
        (a_draw_of(1, on_repeat=OnRepeat.RETURN), "/on_repeat", "refused"),
    ],
)
def test_what_makes_no_sense(definition: CampaignDefinition, pointer: str, said: str) -> None:
    """Pointed at, with the numbers."""
    with pytest.raises(InvalidInputError, match=said) as caught:
        campaigns.check(definition)
    assert caught.value.pointer == pointer


@pytest.mark.parametrize("weights", [(400_000, 300_000, 200_000, 100_000), (100_000,) * 10, (0,)])
def test_weights_that_sum_to_one_or_less(weights: tuple[int, ...]) -> None:
    """Whole numbers: .4 + .3 + .2 + .1 and ten times .1 are exactly one."""
    campaigns.check(a_draw_of(*weights))


def test_the_period_is_fixed_after_activation() -> None:
    """Who has drawn would be counted anew; how often may change, and the weights may."""
    campaign = a_campaign(a_draw_of(1))
    with pytest.raises(InvalidInputError, match="fixed"):
        campaigns.check_edit(
            campaign, a_draw_of(1, draws_per=DrawsPer(DrawPeriod.CAMPAIGN)), now_ms=0
        )
    campaigns.check_edit(campaign, a_draw_of(2, draws_per=DrawsPer(n=3)), now_ms=0)


# --- the dice -----------------------------------------------------------------------------------


def test_a_number_is_made_as_it_is_written() -> None:
    """The first 8 bytes of the HMAC, worked out here by hand."""
    campaign = replace(a_campaign(a_draw_of(1)), id="camp_x", version=3)
    message = b"largesse-draw/1|camp_x|3|17|my seed|0"
    first = int.from_bytes(hmac.digest(SECRET, message, "sha256")[:8], "big")

    assert dice_of(lambda _: SECRET)(campaign)(17, "my seed")(1_000_000) == first % 1_000_000
    assert seed_of_key("a") == "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"


def test_the_next_number_is_the_next_attempt() -> None:
    """Numbers of one draw differ, and are the same each time."""
    one, same = roll_of(SECRET, "c|1|1|s"), roll_of(SECRET, "c|1|1|s")
    numbers = [one(1 << 60) for _ in range(4)]
    assert numbers == [same(1 << 60) for _ in range(4)]
    assert len(set(numbers)) == 4


def test_numbers_are_not_biased_by_the_modulus() -> None:
    """Of 2^64 numbers a third is left over by 3·2^62: taken modulo, the lower third came twice.

    Rejected, each third is as likely as the others; a mere modulus fails this by forty deviations.
    """
    below, trials = 3 << 62, 6_000
    thirds = Counter(roll_of(SECRET, f"c|1|{n}|s")(below) >> 62 for n in range(trials))
    deviation = sqrt(trials * (1 / 3) * (2 / 3))
    assert all(abs(thirds[third] - trials / 3) < 5 * deviation for third in range(3))
    biased = Counter(
        int.from_bytes(hmac.digest(SECRET, f"largesse-draw/1|c|1|{n}|s|0".encode(), "sha256")[:8])
        % below
        >> 62
        for n in range(trials)
    )
    assert any(abs(biased[third] - trials / 3) > 5 * deviation for third in range(3))


@pytest.mark.parametrize("seed", ["a", "b", "c", "d", "e"])
def test_frequencies(seed: str) -> None:
    """200,000 draws at .1, .2 and .5 win as often, within four standard errors."""
    trials = 200_000 if seed == "a" else 20_000
    weights = (100_000, 200_000, 500_000)
    definition = a_draw_of(*weights)
    won = Counter(
        decide.pick(decide.wheel(definition), all_but(), roll_of(SECRET, f"camp|1|{n}|{seed}"))
        for n in range(trials)
    )
    for at, weight in enumerate(weights):
        share = weight / 1_000_000
        error = sqrt(trials * share * (1 - share))
        assert abs(won[at] - trials * share) < 4 * error
