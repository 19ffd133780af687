"""What refusals and errors look like over HTTP and RPC: the one table of statuses and titles.

Every problem is `application/problem+json` (RFC 9457) in the shape of `Problem`. The page
docs/reference/outcomes.md is made from these tables.
"""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

import msgspec
from msgspec import Struct

from largesse.http import wire
from largesse.jobs.errors import JobExistsError, TooManyJobsError
from largesse.kernel.errors import (
    BusyError,
    CustomerExistsError,
    EditConflictError,
    InvalidInputError,
    KeyReusedError,
    LargesseError,
    NotFoundError,
    PhoneTakenError,
    StartError,
    UnavailableError,
    UnknownCustomerError,
    WrongStatusError,
)
from largesse.kernel.outcome import Outcome

CONTENT_TYPE = b"application/problem+json"
DETAIL_CHARACTERS_MAX = 500
"""A detail may repeat what was asked for, but not all of a name of ten thousand characters."""

RETRY_AFTER_S = 1
"""What a caller is told to wait where nobody can say when it will be better."""


class MalformedError(LargesseError):
    """The request is not well formed."""


class UnauthenticatedError(LargesseError):
    """Send a valid API key: `Authorization: Bearer lgs_…`."""


class ForbiddenError(LargesseError):
    """The API key lacks the scope that this needs."""


class PreconditionRequiredError(LargesseError):
    """Send If-Match with the ETag of the version that you read, so that no edit is lost."""


class UnsupportedMediaError(LargesseError):
    """Send the body as application/json."""


class KeyRequiredError(LargesseError):
    """Send an Idempotency-Key of your choice, so that a retry gets the first answer."""


class TooManyGuessesError(LargesseError):
    """Too many wrong codes in a minute: wait, then try again."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__()
        self.retry_after_s = retry_after_s


NOT_STARTED = "coupon issuance not started yet"
NO_MORE_COUPONS = "no more coupons available"
"""What the older coupon service said, in its own words: its clients compare them."""


class ResultGoneError(LargesseError):
    """The job has no result, or none any more: export again."""


class RangeError(LargesseError):
    """The range begins behind the end of the file."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the file has {size:,} bytes, and the range begins behind them")


class Meaning(Struct, frozen=True):
    """What an outcome is over HTTP (status, title) and RPC (Connect code), and what to do.

    `older` is what clients of the older coupon service are told: they know two texts and no more.
    """

    status: HTTPStatus
    title: str
    connect: str
    detail: str
    older: str = NO_MORE_COUPONS


class ErrorMeaning(Struct, frozen=True):
    """The same of an error, whose own message says what to do; `code` is what machines read."""

    status: HTTPStatus
    title: str
    connect: str
    code: str
    transient: bool = False


OUTCOMES: Mapping[Outcome, Meaning] = MappingProxyType(
    {
        Outcome.KEY_REQUIRED: Meaning(
            HTTPStatus.BAD_REQUEST,
            "Key required",
            "invalid_argument",
            "Send an Idempotency-Key of your choice (in a batch: a key per item), so that a retry "
            "gets the first answer.",
        ),
        Outcome.REWARD_REQUIRED: Meaning(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "Reward required",
            "invalid_argument",
            "Name one of the campaign's rewards by its key.",
        ),
        Outcome.IDEMPOTENCY_KEY_REUSED: Meaning(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "Idempotency key reused",
            "invalid_argument",
            "This key was used for another request: choose a new key for a new request.",
        ),
        Outcome.NOT_ACTIVE: Meaning(
            HTTPStatus.CONFLICT,
            "Not active",
            "failed_precondition",
            "The campaign is a draft or paused: activate it first.",
            NOT_STARTED,
        ),
        Outcome.NOT_OPEN_YET: Meaning(
            HTTPStatus.CONFLICT,
            "Not open yet",
            "failed_precondition",
            "The campaign opens at opens_at: ask again then.",
            NOT_STARTED,
        ),
        Outcome.CLOSED: Meaning(
            HTTPStatus.GONE, "Closed", "failed_precondition", "The campaign has ended."
        ),
        Outcome.UNKNOWN_CUSTOMER: Meaning(
            HTTPStatus.NOT_FOUND,
            "Unknown customer",
            "not_found",
            "The campaign takes registered customers only: register him first.",
        ),
        Outcome.PHONE_REQUIRED: Meaning(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "Phone required",
            "invalid_argument",
            "The campaign needs the customer's phone: tell it, then ask again with the same key.",
        ),
        Outcome.NOT_ELIGIBLE: Meaning(
            HTTPStatus.FORBIDDEN,
            "Not eligible",
            "permission_denied",
            "The campaign is for verified customers only.",
        ),
        Outcome.ALREADY_DRAWN: Meaning(
            HTTPStatus.CONFLICT,
            "Already drawn",
            "already_exists",
            "The customer's draws of this period are used up; draw_id names the earliest.",
        ),
        Outcome.CUSTOMER_LIMIT_REACHED: Meaning(
            HTTPStatus.CONFLICT,
            "Customer limit reached",
            "already_exists",
            "The customer holds as many as the campaign allows; incentive_id names the earliest.",
        ),
        Outcome.SOLD_OUT_TODAY: Meaning(
            HTTPStatus.CONFLICT,
            "Sold out today",
            "resource_exhausted",
            "Today's quota is used up; tomorrow, in the campaign's time zone, there is a new one.",
        ),
        Outcome.SOLD_OUT: Meaning(
            HTTPStatus.CONFLICT, "Sold out", "resource_exhausted", "All units have been issued."
        ),
        Outcome.POOL_EXHAUSTED: Meaning(
            HTTPStatus.CONFLICT,
            "Pool exhausted",
            "resource_exhausted",
            "There is no code left to give: make the code's pattern longer in a new campaign.",
        ),
        Outcome.UNKNOWN_CODE: Meaning(
            HTTPStatus.NOT_FOUND,
            "Unknown code",
            "not_found",
            "This is no code of this tenant's, or not of this customer's.",
        ),
        Outcome.REVOKED: Meaning(
            HTTPStatus.GONE, "Revoked", "failed_precondition", "The coupon was taken back."
        ),
        Outcome.ALREADY_REDEEMED: Meaning(
            HTTPStatus.CONFLICT,
            "Already redeemed",
            "failed_precondition",
            "The coupon was used: what was used is not taken back.",
        ),
        Outcome.EXHAUSTED: Meaning(
            HTTPStatus.CONFLICT,
            "Exhausted",
            "failed_precondition",
            "The coupon was used as often as it may be.",
        ),
        Outcome.EXPIRED: Meaning(
            HTTPStatus.GONE, "Expired", "failed_precondition", "The incentive has expired."
        ),
        Outcome.BUSY: Meaning(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "Busy",
            "unavailable",
            "Too much waits already: try again in a moment with the same key.",
        ),
        Outcome.ALREADY_HELD: Meaning(
            HTTPStatus.OK, "Already held", "ok", "The customer is given what he already holds."
        ),
        Outcome.ISSUED: Meaning(
            HTTPStatus.CREATED, "Issued", "ok", "The customer is given a new incentive."
        ),
        Outcome.DRAWN: Meaning(
            HTTPStatus.CREATED, "Drawn", "ok", "The customer has drawn; `won` says whether he won."
        ),
        Outcome.REDEEMED: Meaning(HTTPStatus.OK, "Redeemed", "ok", "The coupon is used."),
    }
)
"""Every outcome, in the order of precedence."""

ERRORS: Mapping[type[LargesseError], ErrorMeaning] = MappingProxyType(
    {
        InvalidInputError: ErrorMeaning(
            HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid input", "invalid_argument", "INVALID"
        ),
        MalformedError: ErrorMeaning(
            HTTPStatus.BAD_REQUEST, "Malformed request", "invalid_argument", "MALFORMED"
        ),
        KeyRequiredError: ErrorMeaning(
            HTTPStatus.BAD_REQUEST, "Key required", "invalid_argument", "KEY_REQUIRED"
        ),
        KeyReusedError: ErrorMeaning(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "Idempotency key reused",
            "invalid_argument",
            "IDEMPOTENCY_KEY_REUSED",
        ),
        UnauthenticatedError: ErrorMeaning(
            HTTPStatus.UNAUTHORIZED, "Unauthenticated", "unauthenticated", "UNAUTHENTICATED"
        ),
        ForbiddenError: ErrorMeaning(
            HTTPStatus.FORBIDDEN, "Forbidden", "permission_denied", "FORBIDDEN"
        ),
        NotFoundError: ErrorMeaning(HTTPStatus.NOT_FOUND, "Not found", "not_found", "NOT_FOUND"),
        UnknownCustomerError: ErrorMeaning(
            HTTPStatus.NOT_FOUND, "Unknown customer", "not_found", "UNKNOWN_CUSTOMER"
        ),
        CustomerExistsError: ErrorMeaning(
            HTTPStatus.CONFLICT, "Customer exists", "already_exists", "CUSTOMER_EXISTS"
        ),
        PhoneTakenError: ErrorMeaning(
            HTTPStatus.CONFLICT, "Phone taken", "already_exists", "PHONE_TAKEN"
        ),
        ResultGoneError: ErrorMeaning(
            HTTPStatus.GONE, "Result gone", "failed_precondition", "RESULT_GONE"
        ),
        RangeError: ErrorMeaning(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            "Range not satisfiable",
            "out_of_range",
            "RANGE_NOT_SATISFIABLE",
        ),
        TooManyJobsError: ErrorMeaning(
            HTTPStatus.TOO_MANY_REQUESTS,
            "Too many jobs",
            "resource_exhausted",
            "TOO_MANY_JOBS",
            transient=True,
        ),
        JobExistsError: ErrorMeaning(
            HTTPStatus.CONFLICT, "Job exists", "already_exists", "JOB_EXISTS", transient=True
        ),
        WrongStatusError: ErrorMeaning(
            HTTPStatus.CONFLICT, "Wrong status", "failed_precondition", "WRONG_STATUS"
        ),
        EditConflictError: ErrorMeaning(
            HTTPStatus.PRECONDITION_FAILED, "Edit conflict", "aborted", "EDIT_CONFLICT"
        ),
        PreconditionRequiredError: ErrorMeaning(
            HTTPStatus.PRECONDITION_REQUIRED,
            "Precondition required",
            "failed_precondition",
            "IF_MATCH_REQUIRED",
        ),
        UnsupportedMediaError: ErrorMeaning(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "Unsupported media type",
            "invalid_argument",
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        TooManyGuessesError: ErrorMeaning(
            HTTPStatus.TOO_MANY_REQUESTS,
            "Too many guesses",
            "resource_exhausted",
            "TOO_MANY_GUESSES",
            transient=True,
        ),
        BusyError: ErrorMeaning(
            HTTPStatus.SERVICE_UNAVAILABLE, "Busy", "unavailable", "BUSY", transient=True
        ),
        UnavailableError: ErrorMeaning(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "Unavailable",
            "unavailable",
            "UNAVAILABLE",
            transient=True,
        ),
        StartError: ErrorMeaning(
            HTTPStatus.INTERNAL_SERVER_ERROR, "Internal error", "internal", "INTERNAL_ERROR"
        ),
        LargesseError: ErrorMeaning(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "Internal error",
            "internal",
            "INTERNAL_ERROR",
            transient=True,
        ),
    }
)
"""Every class of errors that a request may meet. An `InvalidInputError` may bring its own code."""


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A refusal as its caller reads it; what is None is left out.

    `pointer` is a JSON pointer into the body, or the name of a parameter. `retry_after` counts
    seconds, and is said in the header Retry-After, too.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    transient: bool
    request_id: str
    pointer: str | None = None
    opens_at: str | None = None
    retry_after: int | None = None
    incentive_id: str | None = None
    draw_id: str | None = None


class Known(Struct, frozen=True):
    """What a caller may know beside the outcome itself; see `Problem`."""

    opens_at: str | None = None
    retry_after: int | None = None
    incentive_id: str | None = None
    draw_id: str | None = None


_NOTHING = Known()


def problem_of_outcome(
    outcome: Outcome, request_id: str, detail: str | None = None, known: Known = _NOTHING
) -> Problem:
    """The problem that a refusal is; `detail` replaces the outcome's own."""
    meaning = OUTCOMES[outcome]
    retry_after = known.retry_after
    if outcome is Outcome.BUSY and retry_after is None:
        retry_after = RETRY_AFTER_S
    return Problem(
        type=wire.type_of(outcome.value),
        title=meaning.title,
        status=meaning.status,
        detail=detail or meaning.detail,
        code=outcome.value,
        transient=outcome.transient,
        request_id=request_id,
        opens_at=known.opens_at,
        retry_after=retry_after,
        incentive_id=known.incentive_id,
        draw_id=known.draw_id,
    )


def problem_of_error(error: LargesseError, request_id: str) -> Problem:
    """The problem that an error is; a class that is not in the table is what its parents are."""
    meaning = _meaning_of(error)
    code, pointer = meaning.code, None
    if isinstance(error, InvalidInputError):
        code, pointer = error.code, error.pointer
    if isinstance(error, TooManyGuessesError):
        retry_after: int | None = error.retry_after_s
    else:
        retry_after = RETRY_AFTER_S if meaning.transient else None
    return Problem(
        type=wire.type_of(code),
        title=meaning.title,
        status=meaning.status,
        detail=str(error)[:DETAIL_CHARACTERS_MAX],
        code=code,
        transient=meaning.transient,
        request_id=request_id,
        pointer=pointer,
        retry_after=retry_after,
    )


def connect_of_error(error: LargesseError) -> str:
    """The Connect code of an error."""
    return _meaning_of(error).connect


def _meaning_of(error: LargesseError) -> ErrorMeaning:
    return next(ERRORS[parent] for parent in type(error).__mro__ if parent in ERRORS)


def problem_of_wire(problem: wire.Problem, request_id: str) -> Problem:
    """One of the problems that the server itself knows."""
    return Problem(
        type=wire.type_of(problem.code),
        title=problem.title,
        status=problem.status,
        detail=problem.detail,
        code=problem.code,
        transient=problem.transient,
        request_id=request_id,
    )


def headers_of(problem: Problem) -> list[tuple[bytes, bytes]]:
    """The headers that go with a problem, but its length."""
    headers = [(b"content-type", CONTENT_TYPE)]
    if problem.retry_after is not None:
        headers.append((b"retry-after", b"%d" % problem.retry_after))
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b'Bearer realm="largesse"'))
    return headers


def encode(problem: Problem) -> bytes:
    """The body of a problem."""
    return msgspec.json.encode(problem)
