"""The table of statuses: complete, in order, and one shape for all problems."""

import inspect

import msgspec
import pytest

from largesse.http import errors, wire
from largesse.kernel import errors as kernel_errors
from largesse.kernel.errors import InvalidInputError, LargesseError
from largesse.kernel.outcome import Outcome

CONNECT_CODES = {
    "ok", "invalid_argument", "failed_precondition", "permission_denied", "already_exists",
    "resource_exhausted", "unavailable", "not_found", "unauthenticated", "aborted", "internal",
    "out_of_range",
}  # fmt: skip


def classes() -> list[type[LargesseError]]:
    """Every class of errors that a request could meet."""
    return [
        found
        for module in (kernel_errors, errors)
        for _, found in inspect.getmembers(module, inspect.isclass)
        if issubclass(found, LargesseError)
    ]


def test_every_outcome_has_a_meaning() -> None:
    """In the order of precedence."""
    assert list(errors.OUTCOMES) == list(Outcome)


def test_every_error_has_a_meaning() -> None:
    """Each class of its own, not by its parents."""
    assert set(errors.ERRORS) == set(classes())


@pytest.mark.parametrize("meaning", [*errors.OUTCOMES.values(), *errors.ERRORS.values()])
def test_meanings_are_whole(meaning: errors.Meaning | errors.ErrorMeaning) -> None:
    """A title, and a code that Connect knows."""
    assert meaning.title
    assert meaning.connect in CONNECT_CODES


@pytest.mark.parametrize("outcome", Outcome)
def test_outcomes_say_what_to_do(outcome: Outcome) -> None:
    """In a sentence."""
    assert errors.OUTCOMES[outcome].detail.endswith(".")


def test_details_are_bounded() -> None:
    """A name of ten thousand characters is not told back."""
    problem = errors.problem_of_error(InvalidInputError("x" * 10_000), "req_1")
    assert len(problem.detail) == errors.DETAIL_CHARACTERS_MAX


@pytest.mark.parametrize("outcome", Outcome)
def test_successes_are_the_outcomes_that_succeed(outcome: Outcome) -> None:
    """Only whoever holds an incentive afterwards is told 200 or 201."""
    assert (errors.OUTCOMES[outcome].status < 300) is outcome.success


def test_unknown_classes_are_what_their_parents_are() -> None:
    """A domain's own error, like those of codes, brings its own code and pointer."""

    class SpecialError(InvalidInputError):
        """Special."""

    problem = errors.problem_of_error(SpecialError("no", "/x", "SPECIAL"), "req_1")
    assert (problem.status, problem.code, problem.pointer) == (422, "SPECIAL", "/x")
    assert problem.type == "/problems/special"


def test_problems_have_one_shape() -> None:
    """Those that the server knows itself look like those of the table."""
    _, body = wire.problem_answer(wire.BODY_TOO_LARGE, "req_1")
    assert body == errors.encode(errors.problem_of_wire(wire.BODY_TOO_LARGE, "req_1"))


def test_transient_problems_say_when_to_try_again() -> None:
    """In the body and in the header."""
    for error in (kernel_errors.BusyError(), errors.TooManyGuessesError(17)):
        problem = errors.problem_of_error(error, "req_1")
        headers = dict(errors.headers_of(problem))
        assert problem.transient
        assert (
            headers[b"retry-after"]
            == b"%d" % msgspec.json.decode(errors.encode(problem))["retry_after"]
        )
