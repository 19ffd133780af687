"""A tenant at work: campaigns, claims and checks through the API, in its own words."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from crowd import Crowd, Ended, crowd
from raw_http import Response, request
from running import ADMIN_KEY

API = "/api/v1"
PROOF_S_MAX = 15.0
"""A server whose auditor is slower than this has no auditor."""

BUSY_MAX = 5
"""So often a slow server may say that it is busy, each time after seconds of trying."""

Json = Any  # what an answer holds is for its test to say


def rfc3339(moment_ms: int) -> str:
    """A moment as the API writes it."""
    whole = datetime.fromtimestamp(moment_ms // 1000, UTC).replace(tzinfo=None).isoformat()
    return f"{whole}.{moment_ms % 1000:03d}Z"


def moment_ms(text: str) -> int:
    """A moment as the API wrote it."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def a_reward(**changes: object) -> Json:
    """A coupon of 500 won without a limit."""
    value = {"amount": 500, "currency": "KRW"}
    return {"key": "STANDARD", "kind": "COUPON", "value": value, **changes}


class Shop:
    """One tenant, by its key, over some connections."""

    def __init__(self, visitors: Crowd, api_key: str) -> None:
        self._visitors = visitors
        self.api_key = api_key

    def send(
        self, method: str, path: str, body: Json = None, **headers: str
    ) -> asyncio.Future[Ended]:
        """Send a request; `If_Match="…"` is the header If-Match."""
        said = {"Authorization": f"Bearer {self.api_key}", **headers}
        content = None
        if body is not None:
            said["Content-Type"] = "application/json"
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
        pairs = [(name.replace("_", "-"), value) for name, value in said.items()]
        return self._visitors.send(request(method, API + path, pairs, content))

    async def ask(self, method: str, path: str, body: Json = None, **headers: str) -> Response:
        """Send a request and wait for its answer, which must come."""
        answer = await self.send(method, path, body, **headers)
        assert answer is not None, f"no answer to {method} {path}"
        return answer

    async def get(self, path: str) -> Json:
        """What is there."""
        answer = await self.ask("GET", path)
        assert answer.status == 200, answer.body
        return answer.json()

    async def create(self, **changes: object) -> Response:
        """Ask for a campaign: open since long ago, one reward without limits, active at once.

        Who finds the server busy asks again with the same key, as its answer says.
        """
        wanted = {
            "name": "Launch",
            "starts_at": "2020-01-01T00:00:00.000Z",
            "rewards": [a_reward()],
            "activate": True,
            **changes,
        }
        key = secrets.token_hex(8)
        answer = await self.ask("POST", "/campaigns", wanted, Idempotency_Key=key)
        for _ in range(BUSY_MAX):
            if answer.status != 503:
                break
            answer = await self.ask("POST", "/campaigns", wanted, Idempotency_Key=key)
        return answer

    async def campaign(self, **changes: object) -> str:
        """The id of a new campaign."""
        answer = await self.create(**changes)
        assert answer.status == 201, answer.body
        return str(answer.json()["id"])

    async def sale(self, stock: int, **reward: object) -> str:
        """The id of a new campaign with so much stock."""
        return await self.campaign(rewards=[a_reward(quota_total=stock, **reward)])

    def claim(
        self, campaign: str, customer: str, key: str | None = None, reward: str | None = None
    ) -> asyncio.Future[Ended]:
        """A customer's claim; a customer's key is his name unless another is given."""
        chosen = "" if reward is None else f',"reward":"{reward}"'
        body = f'{{"customer_id":"{customer}"{chosen}}}'.encode()
        return self._visitors.send(
            b"POST %b/campaigns/%b/claims HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n"
            b"Content-Type: application/json\r\nIdempotency-Key: %b\r\nContent-Length: %d\r\n\r\n%b"
            % (
                API.encode(),
                campaign.encode(),
                self.api_key.encode(),
                (customer if key is None else key).encode(),
                len(body),
                body,
            )
        )

    async def claimed(
        self, campaign: str, customer: str, key: str | None = None, reward: str | None = None
    ) -> Response:
        """A claim and its answer, which must come."""
        answer = await self.claim(campaign, customer, key, reward)
        assert answer is not None, f"no answer to the claim of {customer}"
        return answer

    async def verb(self, campaign: str, verb: str) -> None:
        """Activate, pause or end a campaign."""
        answer = await self.ask("POST", f"/campaigns/{campaign}:{verb}")
        assert answer.status == 200, answer.body

    async def revoke(self, incentive: str) -> None:
        """Take an incentive back."""
        answer = await self.ask(
            "POST", f"/incentives/{incentive}:revoke", Idempotency_Key=f"revoke-{incentive}"
        )
        assert answer.status == 200, answer.body

    async def stock(self, campaign: str) -> Json:
        """The stock of a campaign's first reward."""
        return (await self.get(f"/campaigns/{campaign}"))["rewards"][0]["stock"]

    async def incentives(self, campaign: str) -> list[Json]:
        """All incentives of a campaign, page by page."""
        path = f"/campaigns/{campaign}/incentives?limit=200"
        page = await self.get(path)
        found = page["items"]
        while page["next"] is not None:
            page = await self.get(f"{path}&cursor={page['next']}")
            found += page["items"]
        return list(found)

    async def advance(self, **how: object) -> int:
        """Move the tenant's test clock; the moment where it stands then."""
        answer = await self.ask("POST", "/test-clock:advance", how)
        assert answer.status == 200, answer.body
        return moment_ms(answer.json()["now"])

    async def proof(self) -> Json:
        """A proof of the ledger that began after now: the second new one to appear."""
        path = "/audit/conservation"
        proof = await self.get(path)
        async with asyncio.timeout(PROOF_S_MAX):
            for _ in range(2):
                last = proof["checked_at"]
                while proof["checked_at"] in (None, last):
                    proof = await self.get(path)
        return proof


@asynccontextmanager
async def shop(port: int, connections: int = 1, api_key: str = ADMIN_KEY) -> AsyncIterator[Shop]:
    """A tenant's connections to a server; without a key, the installation's first tenant."""
    async with crowd(port, connections) as visitors:
        yield Shop(visitors, api_key)


async def new_tenant(port: int, **changes: object) -> str:
    """The admin key of a tenant just made."""
    async with shop(port) as operator:
        wanted = {"name": "Acme", **changes}
        answer = await operator.ask("POST", "/tenants", wanted)
        assert answer.status == 201, answer.body
        return str(answer.json()["admin_key"])
