"""The application without a socket, and people who call it."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from largesse.kernel.clock import FakeClock
from largesse.settings.load import load
from largesse.wiring.application import Application, open_application

NOW_MS = 1_800_000_000_000  # 2027-01-15T08:00:00Z
NOW = "2027-01-15T08:00:00.000Z"
OPERATOR_KEY = "the-operator-of-the-tests-has-this-key"

ON_ONE_LOOP = pytest.mark.asyncio(loop_scope="module")
"""The mark of a test in a `still_town`: it runs on the loop on which that town lives."""

Json = dict[str, Any]

REWARD: Json = {
    "key": "STANDARD",
    "kind": "COUPON",
    "value": {"amount": 500, "currency": "KRW"},
    "quota_total": 3,
}
CAMPAIGN: Json = {"name": "Launch", "starts_at": NOW, "rewards": [REWARD]}


class Caller:
    """Somebody with an API key, or without one."""

    def __init__(self, application: Application, secret: str | None) -> None:
        headers = {} if secret is None else {"authorization": f"Bearer {secret}"}
        self._asgi = application.asgi
        transport = httpx.ASGITransport(application.asgi)
        self.http = httpx.AsyncClient(
            transport=transport, base_url="http://largesse", headers=headers
        )

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Call a route below /api/v1."""
        return await self.http.request(method, f"/api/v1{path}", json=body, headers=headers)

    async def get(self, path: str) -> httpx.Response:
        """Read."""
        return await self.ask("GET", path)

    async def post(self, path: str, body: object = None, key: str | None = None) -> httpx.Response:
        """Change, under a key if one is given."""
        headers = {} if key is None else {"idempotency-key": key}
        return await self.ask("POST", path, body, headers=headers)

    async def campaign(self, *, activate: bool = True, **changes: object) -> Json:
        """A new campaign, which differs from `CAMPAIGN` in some fields."""
        answer = await self.post("/campaigns", {**CAMPAIGN, "activate": activate, **changes})
        assert answer.status_code == 201, answer.text
        shown: Json = answer.json()
        return shown

    async def incentive(self, campaign_id: str, customer: str = "u-1") -> Json:
        """An incentive that a customer claimed."""
        path = f"/campaigns/{campaign_id}/claims"
        answer = await self.post(path, {"customer_id": customer}, f"key-of-{customer}")
        assert answer.status_code in (200, 201), answer.text
        incentive: Json = answer.json()["incentive"]
        return incentive

    async def ended(self, job: Json) -> Json:
        """A job, as it is once it has ended."""
        while job["ended_at"] is None:
            job = (await self.get(f"/jobs/{job['id']}")).json()
        return job

    async def pool(self, campaign_id: str, count: int = 1, **wish: object) -> Json:
        """A code pool that is ready."""
        body = {"count": count, "name": "Printer", **wish}
        answer = await self.post(f"/campaigns/{campaign_id}/code-pools", body)
        assert answer.status_code == 202, answer.text
        job = await self.ended(answer.json())
        assert job["status"] == "DONE", job
        shown: Json = (await self.get(f"/code-pools/{job['subject']}")).json()
        return shown

    async def exported(self, pool_id: str, **wish: object) -> Json:
        """A job that has exported a pool."""
        answer = await self.post(f"/code-pools/{pool_id}:export", wish)
        assert answer.status_code == 202, answer.text
        return await self.ended(answer.json())

    async def file(self, job: Json, **headers: str) -> httpx.Response:
        """The result of a job."""
        return await self.http.get(job["result_url"], headers=headers)

    async def webhook(self) -> tuple[str, str]:
        """A disabled webhook, and a delivery to it that is not sent before it is enabled."""
        made = await self.post("/webhooks", {"url": "https://nowhere.invalid"})
        assert made.status_code == 201, made.text
        webhook_id: str = made.json()["id"]
        ping = await self.post(f"/webhooks/{webhook_id}:ping")
        await self.ask("PATCH", f"/webhooks/{webhook_id}", {"enabled": False})
        return webhook_id, ping.json()["id"]

    async def state(self) -> list[Json]:
        """All that this tenant can read of itself."""
        things = (
            "campaigns",
            "customers",
            "keys",
            "audit/entries",
            "code-pools",
            "jobs",
            "webhooks",
        )
        return [await self._read(f"/{name}") for name in (*things, "test-clock")]

    async def _read(self, path: str) -> Json:
        """What a route below /api/v1 shows: past the client, which takes longer than the answer."""
        scope = {
            "type": "http", "method": "GET", "path": f"/api/v1{path}", "query_string": b"",
            "headers": self.http.headers.raw, "client": None, "root_path": "",
        }  # fmt: skip
        asked: list[Json] = [{"type": "http.request", "body": b"", "more_body": False}]
        sent: list[Json] = []

        async def receive() -> Json:
            return asked.pop()

        async def send(message: Json) -> None:
            sent.append(message)

        await self._asgi(scope, receive, send)
        assert sent[0]["status"] == 200, sent
        shown: Json = json.loads(b"".join(part.get("body", b"") for part in sent))
        return shown

    async def with_scopes(self, *scopes: str, expires_at: str | None = None) -> tuple[str, str]:
        """A new key of this tenant: its id and its secret."""
        wish = {"name": "some", "scopes": scopes, "expires_at": expires_at}
        made = (await self.post("/keys", wish)).json()
        return made["id"], made["key"]


@dataclass
class Town:
    """An operator, and two tenants who should know nothing of each other."""

    application: Application
    clock: FakeClock
    operator: Caller
    acme: Caller
    acme_id: str
    rival: Caller
    stranger: Caller

    def caller(self, secret: str | None) -> Caller:
        """Somebody with another key."""
        return Caller(self.application, secret)


def on(ledger: Mapping[str, str]) -> dict[str, object]:
    """The settings of a town on the ledger that a server would be told in its environment."""
    return {"database.url": ledger["LARGESSE_DATABASE"]} if ledger else {}


@asynccontextmanager
async def opened_town(folder: Path, **settings: object) -> AsyncIterator[Town]:
    """The application on a new file; acme lives by a test clock, rival in the time of the town."""
    environment = {
        "LARGESSE_ADMIN_KEY": OPERATOR_KEY,
        "LARGESSE_DATABASE": f"sqlite:///{folder}/largesse.db",
    }
    clock = FakeClock(NOW_MS)
    loaded = load(environment, overrides=settings, folder=folder).settings
    async with open_application(loaded, clock) as application:
        operator = Caller(application, OPERATOR_KEY)
        acme = (await operator.post("/tenants", {"name": "Acme", "test_mode": True})).json()
        rival = (await operator.post("/tenants", {"name": "Rival"})).json()
        yield Town(
            application,
            clock,
            operator,
            Caller(application, acme["admin_key"]),
            acme["id"],
            Caller(application, rival["admin_key"]),
            Caller(application, None),
        )
