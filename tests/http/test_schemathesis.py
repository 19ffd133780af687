"""Schemathesis asks whatever the OpenAPI document allows and what it forbids, over a socket."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from postgres_databases import Databases
from rest_stage import CAMPAIGN
from running import ADMIN_KEY, served
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from largesse.http import openapi
from largesse.http.app import OPERATIONS

EXAMPLES_MAX = {"sqlite": 40, "postgres": 5}
"""Of each operation: fewer where the rules are the same and only the ledger is another."""

CHECKS: list[CheckFunction] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    allow_header_conformance,
    unsupported_method,
    negative_data_rejection,
    ignored_auth,
]

document = schemathesis.openapi.from_dict(openapi.document(OPERATIONS))


def bounded(database: str) -> settings:
    """So many examples as a database is worth."""
    return settings(
        max_examples=EXAMPLES_MAX[database],
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@dataclass(frozen=True)
class Target:
    """A server, whom to ask as, and what there is to ask for."""

    address: str
    operator: str
    tenant: str
    there: dict[str, str]

    def ask(self, case: schemathesis.Case[Any], *, exists: bool) -> None:
        """Send a case, for things that are there or for whatever was made up; check the answer."""
        if exists:
            known = {name: self.there[name] for name in case.path_parameters or {}}
            case.path_parameters = known
        secret = self.operator if case.operation.label == "POST /api/v1/tenants" else self.tenant
        response = case.call(
            base_url=self.address, headers={"Authorization": f"Bearer {secret}"}, timeout=10
        )
        case.validate_response(response, checks=CHECKS)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A server on a file."""
    with opened_target(tmp_path_factory.mktemp("schemathesis"), {}) as opened:
        yield opened


@pytest.fixture(scope="module")
def target_on_postgres(
    tmp_path_factory: pytest.TempPathFactory, databases: Databases
) -> Iterator[Target]:
    """A server on PostgreSQL."""
    folder = tmp_path_factory.mktemp("schemathesis")
    with databases.fresh() as url, opened_target(folder, {"LARGESSE_DATABASE": url}) as opened:
        yield opened


@contextmanager
def opened_target(folder: Path, environment: Mapping[str, str]) -> Iterator[Target]:
    """A tenant in test mode, who has one of everything."""
    with served(folder, environment) as running:
        address = f"http://127.0.0.1:{running.port}"
        with httpx.Client(base_url=f"{address}/api/v1") as http:
            keys = count()

            def post(path: str, body: object, secret: str) -> httpx.Response:
                headers = {"authorization": f"Bearer {secret}", "idempotency-key": f"k{next(keys)}"}
                return http.post(path, json=body, headers=headers).raise_for_status()

            tenant = post("/tenants", {"name": "Acme", "test_mode": True}, ADMIN_KEY).json()
            secret = tenant["admin_key"]
            key = post("/keys", {"name": "spare", "scopes": ["read"]}, secret).json()
            body = {**CAMPAIGN, "starts_at": "2020-01-01T00:00:00Z", "activate": True}
            campaign = post("/campaigns", body, secret).json()
            claims = f"/campaigns/{campaign['id']}/claims"
            incentive = post(claims, {"customer_id": "u"}, secret).json()["incentive"]
            customer = post("/customers", {"customer_id": "u"}, secret).json()
            chance = {**CAMPAIGN["rewards"][0], "weight_ppm": 0}
            wheel = post("/campaigns", {**body, "type": "DRAW", "rewards": [chance]}, secret).json()
            draws = f"/campaigns/{wheel['id']}/draws"
            draw = post(draws, {"customer_id": "u"}, secret).json()["draw"]
            pools = f"/campaigns/{campaign['id']}/code-pools"
            pool = post(pools, {"count": 1, "name": "Printer"}, secret).json()["subject"]
            job = post(f"/code-pools/{pool}:export", {}, secret).json()
            webhook = post("/webhooks", {"url": "https://nowhere.invalid"}, secret).json()["id"]
            ping = post(f"/webhooks/{webhook}:ping", None, secret).json()["id"]
        there = {
            "tenant_id": tenant["id"],
            "key_id": key["id"],
            "campaign_id": campaign["id"],
            "version": "1",
            "customer_id": customer["customer_id"],
            "draw_id": draw["id"],
            "incentive_id": incentive["id"],
            "code": incentive["code"],
            "pool_id": pool,
            "job_id": job["id"],
            "webhook_id": webhook,
            "delivery_id": ping,
        }
        yield Target(address, ADMIN_KEY, secret, there)
        assert running.stop() == 0
        log = (running.folder / "log").read_text()
        assert "fault" not in log, log[-2_000:]


@document.parametrize()
@bounded("sqlite")
def test_whatever_is_asked(case: schemathesis.Case[Any], target: Target) -> None:
    """No 5xx, and nothing that the document does not know."""
    target.ask(case, exists=False)


@document.include(path_regex="{").parametrize()
@bounded("sqlite")
def test_whatever_is_asked_of_what_is_there(case: schemathesis.Case[Any], target: Target) -> None:
    """The same beyond the 404: about a campaign, an incentive, a key that exist."""
    target.ask(case, exists=True)


@document.parametrize()
@bounded("postgres")
def test_whatever_is_asked_on_postgres(
    case: schemathesis.Case[Any], target_on_postgres: Target
) -> None:
    """The same where another ledger is behind it: of what is there, wherever it has a name."""
    target_on_postgres.ask(case, exists="{" in case.operation.path)
