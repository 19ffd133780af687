"""What to do about a problem, by its code: for the pages that explain it to people."""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct


class Advice(Struct, frozen=True):
    """What to do, for who sent the request and for who runs the server or the campaign."""

    caller: str
    operator: str = ""


_SAME_KEY = "Ask again with the same Idempotency-Key, after the seconds that Retry-After names."
_OTHER_CLIENT = "Nothing, unless the client is yours."

ADVICE: Mapping[str, Advice] = MappingProxyType(
    {
        "KEY_REQUIRED": Advice(
            "Send the header Idempotency-Key with a value of your own, the same for every retry of "
            "one wish. In a batch each item carries its key.",
        ),
        "REWARD_REQUIRED": Advice(
            "Send the key of one of the campaign's rewards as `reward`. It may be left out where "
            "there is only one.",
        ),
        "IDEMPOTENCY_KEY_REUSED": Advice(
            "Two wishes share a key, which is a mistake in the program: make a key per intention, "
            "and keep it for that one. The first wish stands as it was answered.",
        ),
        "NOT_ACTIVE": Advice(
            "Tell the customer that the campaign does not run at the moment.",
            "Activate the campaign if it should run: it is a draft, or somebody paused it.",
        ),
        "NOT_OPEN_YET": Advice(
            "Ask again at `opens_at`, with the same Idempotency-Key. Spread a crowd's retries over "
            "a second or two. Without `opens_at` it is a draw that waits for public randomness.",
            "Bring the round's value once it is out: an edit that sets `beacon.value`.",
        ),
        "CLOSED": Advice(
            "Tell the customer that it is over. Who won before may still ask with the old key.",
            "Nothing: an ended campaign stays ended. Its end may be moved only before it is there.",
        ),
        "ALREADY_DRAWN": Advice(
            "Show the customer his draw: `draw_id` names the earliest of the period. If an answer "
            "was lost, ask with the key of that wish, and it comes again. A day begins at midnight "
            "in the campaign's zone.",
            "Raise `draws_per.n` if customers should draw more often.",
        ),
        "CUSTOMER_LIMIT_REACHED": Advice(
            "Show the customer what he holds: `incentive_id` names the earliest. If an answer was "
            "lost, ask with the key of that wish, and it comes again.",
            "Raise `per_customer_max` if customers should get more.",
        ),
        "SOLD_OUT_TODAY": Advice(
            "Ask again tomorrow with the same key. Days begin at midnight in the campaign's zone.",
            "Raise `quota_daily` if there should be more today.",
        ),
        "SOLD_OUT": Advice(
            "Tell the customer. It was true within the second before the answer; only a revoke or "
            "a larger quota changes it.",
            "Raise `quota_total` if there is more to give.",
        ),
        "POOL_EXHAUSTED": Advice(
            "Tell the customer as if it were sold out.",
            "There are units but no codes for them: make a campaign with a longer pattern, or "
            "bring more codes.",
        ),
        "REVOKED": Advice(
            "Tell the customer that the coupon was taken back.",
            "Nothing: what was revoked stays so. Give the customer another one if that was wrong.",
        ),
        "ALREADY_REDEEMED": Advice(
            "Nothing is left to take back: the customer has used the coupon.",
        ),
        "EXHAUSTED": Advice(
            "Tell the customer that the coupon was used before. If an answer was lost, ask with "
            "the key of that use, and it comes again.",
        ),
        "EXPIRED": Advice("Tell the customer that the coupon's time is over."),
        "BUSY": Advice(
            _SAME_KEY + " Nothing has happened.",
            "For a short peak nothing. If it stays, the disk is slow or the load is more than one "
            "process carries: see largesse_wishes_waiting and largesse_batch_seconds.",
        ),
        "INVALID": Advice(
            "Read `detail` and mend what `pointer` points to. The key is still free.",
        ),
        "INVALID_CODE_FORMAT": Advice("Mend the pattern where `pointer` and `detail` say."),
        "PATTERN_OVERLAPS": Advice(
            "Use the other campaign's very pattern, or one that cannot look like it, by another "
            "word in front for instance.",
        ),
        "PATTERN_TOO_SMALL": Advice("Make the pattern longer, or the quota smaller."),
        "QUOTA_BELOW_ISSUED": Advice("Choose a quota that is no less than what `detail` names."),
        "FIXED_AFTER_ACTIVATION": Advice(
            "Leave that part as it was. If it has to change, end the campaign and make another.",
        ),
        "NOT_IN_TEST_MODE": Advice(
            "Make a tenant with `test_mode` and rehearse there. No tenant can be switched later.",
        ),
        "NO_COUPON": Advice(
            "Redeem an incentive that has a code; points and cashback without one are not used.",
        ),
        "CLOCK_GOES_BACK": Advice("Move to a later moment, or make a new tenant in test mode."),
        "MALFORMED": Advice(
            "Send valid HTTP/1.1 with a body of valid JSON. `detail` says what could not be read.",
            _OTHER_CLIENT,
        ),
        "UNAUTHENTICATED": Advice(
            "Send the header `Authorization: Bearer lgs_…` with a key that is neither revoked nor "
            "expired.",
            "See `largesse key list`. If the admin key is lost, start with LARGESSE_ADMIN_KEY.",
        ),
        "FORBIDDEN": Advice(
            "Ask for a key with the scope that this route needs; the API's pages name it.",
            "Make one: `largesse key create NAME --scope SCOPE`.",
        ),
        "NOT_FOUND": Advice(
            "Look at the id, and at the key: things of another tenant are not found, either.",
        ),
        "UNKNOWN_CUSTOMER": Advice(
            "Look at the id. A campaign with `customers: REGISTERED` takes only customers who were "
            "registered before, with `POST /api/v1/customers`.",
        ),
        "PHONE_REQUIRED": Advice(
            "Tell the customer's phone with `PUT /api/v1/customers/{customer_id}`, then ask again "
            "with the same Idempotency-Key.",
            "Take `phone` out of the campaign's `requires` if it should not be needed.",
        ),
        "NOT_ELIGIBLE": Advice(
            "Once you have made sure who he is, say so with `PUT /api/v1/customers/{customer_id}` "
            "and `verified`, then ask again with the same Idempotency-Key.",
            "Take `verified` out of the campaign's `requires` if anybody may take part.",
        ),
        "CUSTOMER_EXISTS": Advice(
            "To change what is known of him, send it to `PUT /api/v1/customers/{customer_id}`.",
        ),
        "PHONE_TAKEN": Advice(
            "Ask the customer for his own phone, or find who has it: "
            "`GET /api/v1/customers?phone=…`.",
        ),
        "UNKNOWN_CODE": Advice(
            "Have the code typed again. Capitals, spaces and dashes do not matter. Whether a code "
            "never was or belongs to somebody else is not told.",
        ),
        "WRONG_STATUS": Advice(
            "Read the campaign or incentive again: its life cycle does not allow this step.",
        ),
        "EDIT_CONFLICT": Advice(
            "Read the campaign again, put your change into what you read, and send it with the "
            "new ETag.",
        ),
        "IF_MATCH_REQUIRED": Advice(
            "Send the ETag that came with the campaign in If-Match, quotes included.",
        ),
        "UNSUPPORTED_MEDIA_TYPE": Advice("Send `Content-Type: application/json`."),
        "TOO_MANY_GUESSES": Advice(
            "Wait as long as Retry-After says. Right codes do not count, wrong ones do.",
            "Somebody guesses, or a till sends rubbish: see who. The setting is "
            "`access.code_guesses_per_minute_max`.",
        ),
        "UNAVAILABLE": Advice(
            _SAME_KEY + " It has happened once or not at all, and the key tells which.",
            "The disk is full or fails: the line `batch` in the log has the words of the database. "
            "Nothing that was answered is lost, and it goes on by itself.",
        ),
        "TOO_MANY_JOBS": Advice(
            "Wait for a job to end, or cancel one; then ask again with the same Idempotency-Key.",
            "The setting is `jobs.per_tenant_max`.",
        ),
        "JOB_EXISTS": Advice(
            "Look for it in the list of jobs, and wait for that one, or cancel it.",
        ),
        "RESULT_GONE": Advice(
            "Wait where the job still runs. Where it has ended, ask for another export, with "
            "`again` if it was the codes' only one.",
            "The setting is `jobs.results_kept_hours`.",
        ),
        "RANGE_NOT_SATISFIABLE": Advice(
            "Begin the range within the file: `content-range` of any part says how long it is.",
        ),
        "NOT_ENOUGH_LEFT": Advice(
            "Ask for fewer codes, or raise `quota_total` first.",
        ),
        "FORMAT_UNAVAILABLE": Advice(
            "Ask for csv.",
            "Install largesse with its extra: `largesse[parquet]`.",
        ),
        "UPGRADE_REFUSED": Advice(
            "Ask without `Upgrade`, or on a connection on which nothing else is under way.",
            _OTHER_CLIENT,
        ),
        "REQUEST_TIMEOUT": Advice(
            "Send the whole request at once, and the same key again.",
            "Nothing, unless many clients meet it: then see `server.header_s_max` and "
            "`server.body_s_max`, and the network.",
        ),
        "BODY_TOO_LARGE": Advice(
            "Send less at once: a batch takes 1,000 items.",
            "The setting is `server.body_bytes_max`.",
        ),
        "HEADERS_TOO_LARGE": Advice(
            "Send fewer or shorter headers; cookies are of no use here.",
            "The setting is `server.headers_bytes_max`.",
        ),
        "INTERNAL_ERROR": Advice(
            _SAME_KEY + " If it stays, tell whoever runs the server the `request_id`.",
            "A fault of ours: the log has it under the request's id. Please report it.",
        ),
        "NO_ROUTE": Advice("Look at the path: `/openapi.json` has all of them."),
        "METHOD_NOT_ALLOWED": Advice("Use one of the methods that the header Allow names."),
    }
)
"""What to do, by code; a test fails while one is missing."""
