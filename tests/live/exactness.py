"""What an exact sale looks like from outside: the checks that every race test shares."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from crowd import Ended
from raw_http import Response


def answered(ended: Sequence[Ended]) -> list[Response]:
    """Answers, all of which must be there."""
    answers = [one for one in ended if one is not None]
    assert len(answers) == len(ended), "a request has no answer"
    return answers


def issued(answers: Iterable[Response]) -> list[Any]:
    """The incentives that some answers give."""
    return [one.json()["incentive"] for one in answers if one.status == 201]


def codes_of_refusals(answers: Iterable[Response]) -> Counter[str]:
    """How often each refusal was given."""
    return Counter(one.json()["code"] for one in answers if one.status >= 400)


def check_distinct(incentives: Sequence[Any]) -> None:
    """No serial, no code and no id is there twice."""
    for name in ("serial", "code", "id"):
        counted = Counter(incentive[name] for incentive in incentives)
        twice = {value: count for value, count in counted.items() if count > 1}
        assert not twice, f"given more than once, by {name}: {twice}"


def check_sale(answers: Sequence[Response], stock: int) -> list[Any]:
    """Neither one too many nor one too few, and a clear word to everybody else; what was given."""
    given = issued(answers)
    wanted = min(stock, len(answers))
    assert len(given) == wanted, f"{len(given)} given of {stock} to {len(answers)} customers"
    check_distinct(given)
    assert {incentive["serial"] for incentive in given} == set(range(1, wanted + 1))
    rest = len(answers) - wanted
    assert codes_of_refusals(answers) == ({"SOLD_OUT": rest} if rest else {})
    return given


def check_stock(stock: Any, rows: int) -> None:  # noqa: ANN401 - the stock as an answer shows it
    """Quota = left + reserved + issued, and issued is what the ledger holds."""
    assert stock["issued"] == rows
    assert stock["left"] + stock["reserved"] + stock["issued"] == stock["total"]
