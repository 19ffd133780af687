"""What every request gets: an id, a log line, metrics, and answers where there is no route."""

import re
from collections.abc import Iterator, Mapping

import httpx
import pytest
import structlog
from rest_stage import ON_ONE_LOOP, OPERATOR_KEY, Town, opened_town
from structlog.testing import capture_logs
from structlog.typing import EventDict

from largesse.http import openapi
from largesse.http.app import OPERATIONS, create_app
from largesse.http.desk import How
from largesse.http.exchange import Answer
from largesse.http.metrics import METRICS, Metrics
from largesse.http.operation import Desks
from largesse.http.rpc.door import v1_door
from largesse.kernel.errors import UnavailableError


@pytest.fixture
def lines() -> Iterator[list[EventDict]]:
    """The log lines that were written."""
    structlog.reset_defaults()
    with capture_logs() as captured:
        yield captured


@ON_ONE_LOOP
@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("from-me_1.2:3/4+5=", True),
        ("x" * 128, True),
        ("x" * 129, False),
        ("", False),
        ("a b", False),
        ('a"b', False),
        ("é", False),
    ],
)
async def test_request_ids(still_town: Town, given: str, kept: bool) -> None:  # noqa: FBT001 — a column of the table above
    """A good one is repeated in the header and in the problem; else it is ours."""
    headers = {b"x-request-id": given.encode()}
    for path in ("/api/v1/campaigns", "/api/v1/campaigns/x/claims", "/nowhere", "/livez"):
        answer = await still_town.stranger.http.request("GET", path, headers=headers)
        [told] = answer.headers.get_list("x-request-id")
        assert (told == given) is kept
        assert kept or re.fullmatch("req_[0-9a-f]{12}_[0-9]+", told)
        if answer.status_code >= 400:
            assert answer.json()["request_id"] == told


async def test_one_line_per_request(town: Town, lines: list[EventDict]) -> None:
    """Who asked what, how it ended, how long it took; no key is in it."""
    shown = await town.acme.campaign()
    await town.acme.get(f"/campaigns/{shown['id']}")
    await town.stranger.get("/campaigns")
    await town.stranger.http.get("/nowhere")
    told = [line for line in lines if line["event"] == "request"]
    found = [(one["method"], one["route"], one["status"], bool(one["tenant"])) for one in told]
    assert found == [
        ("POST", "/api/v1/campaigns", 201, True),
        ("GET", "/api/v1/campaigns/{campaign_id}", 200, True),
        ("GET", "/api/v1/campaigns", 401, False),
        ("GET", "", 404, False),
    ]
    assert {"ms", "request_id", "log_level"} <= set(told[0])
    assert "lgs_" not in str(lines)
    assert OPERATOR_KEY not in str(lines)


async def test_claims_are_logged_by_the_batch(town: Town, lines: list[EventDict]) -> None:
    """Not by the request."""
    shown = await town.acme.campaign()
    lines.clear()
    await town.acme.incentive(shown["id"])
    assert [line["event"] for line in lines] == ["batch"]


async def test_metrics_count(town: Town) -> None:
    """Every metric of ours is told, with its help; what has happened is counted."""
    shown = await town.acme.campaign(per_customer_max=1)
    await town.acme.incentive(shown["id"])
    path = f"/campaigns/{shown['id']}/claims"
    await town.acme.post(path, {"customer_id": "u-1"}, "another")
    await town.stranger.http.get("/nowhere")
    answer = await town.stranger.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    for name, described in METRICS.items():
        assert f"# HELP {name} {described.help}" in answer.text, name
    for line in (
        'largesse_wishes_total{outcome="ISSUED"} 1.0',
        'largesse_wishes_total{outcome="CUSTOMER_LIMIT_REACHED"} 1.0',
        'largesse_requests_total{method="GET",route="",status="404"} 1.0',
        'largesse_batch_wishes_count{way="ledger"} 2.0',
        "largesse_wishes_waiting 0.0",
    ):
        assert line in answer.text, line
    assert "process_resident_memory_bytes" in answer.text


async def test_health(town: Town) -> None:
    """Alive is alive; ready only while every check is content."""
    http = town.stranger.http
    assert (await http.get("/livez")).json() == {"status": "alive"}
    town.application.services.health.report("audit", "the ledger does not add up")
    answer = await http.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (503, False)
    assert answer.json()["problems"]["audit"] == "the ledger does not add up"
    assert (await http.get("/livez")).status_code == 200
    assert 'largesse_problems{check="audit"} 1.0' in (await http.get("/metrics")).text
    town.application.services.health.report("audit", None)
    assert (await http.get("/readyz")).json() == {"ready": True, "problems": {}}
    assert "largesse_problems{" not in (await http.get("/metrics")).text


@ON_ONE_LOOP
@pytest.mark.parametrize(
    "path",
    [
        "/api/v1", "/api/v1/nothing", "/api/v1/campaigns/", "/livez/",
        "/api/v1//campaigns", "/api/v1/test-clock/:advance", "/api/v1/campaigns/x/:end",
    ],
)  # fmt: skip
async def test_no_route(still_town: Town, path: str) -> None:
    """404 for every path that is not written as in the document, whatever the method."""
    for method in ("GET", "POST", "DELETE", "OPTIONS"):
        answer = await still_town.acme.http.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (404, "NO_ROUTE"), method


@ON_ONE_LOOP
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/campaigns/x:end", 405),
        ("DELETE", "/api/v1/test-clock:advance", 405),
        ("POST", "/api/v1/campaigns/x:explode", 405),
        ("POST", "/api/v1/campaigns/x:y:end", 404),
        ("GET", "/api/v1/campaigns/x:explode", 404),
        ("GET", "/api/v1/codes/A:end", 404),
    ],
)
async def test_verbs_are_those_of_the_document(
    still_town: Town, method: str, path: str, status: int
) -> None:
    """Elsewhere a colon is a part of the name, of a code for example."""
    answer = await still_town.acme.http.request(method, path)
    assert answer.status_code == status
    assert answer.json()["code"] != "NO_ROUTE"


async def test_methods_that_a_path_does_not_know(town: Town) -> None:
    """405, and Allow says which it knows; OPTIONS says the same."""
    path = "/api/v1/campaigns/x"
    allow = "DELETE, GET, HEAD, OPTIONS, PUT"
    answer = await town.acme.http.patch(path)
    assert (answer.status_code, answer.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == allow
    options = await town.stranger.http.options(path)
    assert (options.status_code, options.headers["allow"]) == (204, allow)


@ON_ONE_LOOP
@pytest.mark.parametrize("path", ["/", "/verify", "/play/x", "/problems"])
async def test_options_of_a_page(still_town: Town, path: str) -> None:
    """The same for what is no operation."""
    answer = await still_town.stranger.http.options(path)
    assert (answer.status_code, answer.headers["allow"]) == (204, "GET, HEAD, OPTIONS")


async def test_head_is_get_without_a_body(town: Town) -> None:
    """The server leaves the body out; the headers are those of GET."""
    shown = await town.acme.campaign()
    path = f"/api/v1/campaigns/{shown['id']}"
    get, head = await town.acme.http.get(path), await town.acme.http.head(path)
    names = ("etag", "content-type", "content-length")
    assert [get.headers[name] for name in names] == [head.headers[name] for name in names]
    assert head.status_code == 200


class BrokenDesk:
    """Fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def answer(
        self, campaign_id: str, how: How, headers: Mapping[bytes, bytes], content: bytes
    ) -> Answer:
        """Fail."""
        raise self._error


class NoRedemptions:
    """Is not asked."""

    async def answer(
        self, headers: Mapping[bytes, bytes], content: bytes, *, dry_run: bool
    ) -> Answer:
        """Fail, too."""
        raise NotImplementedError


class NoDraws:
    """Is not asked."""

    async def answer(
        self, campaign_id: str, headers: Mapping[bytes, bytes], content: bytes, *, dry_run: bool
    ) -> Answer:
        """Fail, too."""
        raise NotImplementedError


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [(ZeroDivisionError("the reason"), 500, 1), (UnavailableError(), 503, 0)],
)
async def test_faults_are_ours(
    town: Town, lines: list[EventDict], error: Exception, status: int, told: int
) -> None:
    """500 without a word about the reason, which the log has; broken machinery is 503."""
    services = town.application.services
    metrics = Metrics(lambda: 0, services.health, services.last_proof, services.clock)
    desks = Desks(BrokenDesk(error), NoDraws(), NoRedemptions())
    front = create_app(services, desks, metrics, v1_door(services))
    transport = httpx.ASGITransport(front)
    async with httpx.AsyncClient(transport=transport, base_url="http://largesse") as http:
        answer = await http.post(
            "/api/v1/campaigns/x/claims",
            headers={"authorization": town.acme.http.headers["authorization"]},
        )
    assert answer.status_code == status
    assert answer.json()["transient"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert "the reason" not in answer.text
    assert len([line for line in lines if line["event"] == "fault"]) == told


async def test_clients_that_go_away_are_no_faults(town: Town, lines: list[EventDict]) -> None:
    """A body that ends early is malformed; the log has one line, without a traceback."""
    authorization = town.acme.http.headers["authorization"].encode()
    scope = {
        "type": "http", "method": "POST", "path": "/api/v1/campaigns", "query_string": b"",
        "headers": [(b"authorization", authorization)], "client": None, "root_path": "",
    }  # fmt: skip
    events = iter(
        [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    )
    sent = []

    async def receive() -> object:
        return next(events)

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    lines.clear()
    await town.application.asgi(scope, receive, send)
    assert sent[0]["status"] == 400
    assert [line["event"] for line in lines] == ["request"]


@pytest.mark.parametrize("origins", [(), ("https://shop.example",)])
async def test_other_origins(
    tmp_path_factory: pytest.TempPathFactory, origins: tuple[str, ...]
) -> None:
    """None may call by default; those of the settings may, and see what they need."""
    folder = tmp_path_factory.mktemp("cors")
    async with opened_town(folder, **{"cors.origins": origins}) as town:
        headers = {"origin": "https://shop.example", "access-control-request-method": "POST"}
        preflight = await town.stranger.http.options("/api/v1/campaigns", headers=headers)
        answer = await town.acme.ask("GET", "/campaigns", headers=headers)
        allowed = [one.headers.get("access-control-allow-origin") for one in (preflight, answer)]
        assert allowed == ([origins[0], origins[0]] if origins else [None, None])
        stranger = {**headers, "origin": "https://other.example"}
        refused = await town.acme.ask("GET", "/campaigns", headers=stranger)
        assert "access-control-allow-origin" not in refused.headers


async def test_the_document_is_served(town: Town) -> None:
    """As it is kept."""
    answer = await town.stranger.http.get("/openapi.json")
    assert answer.content == openapi.encoded(OPERATIONS)
