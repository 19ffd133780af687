"""The few calls of the API that the bench makes beside the load."""

import http.client
import secrets
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from largesse.bench.plan import BenchError

TIMEOUT_S = 30
READY_TRIES_MAX = 10_000
PROOF_LOOK_S = 0.2
PROOF_TRIES_MAX = 1_500
"""Five minutes: a proof that takes longer is not what is to be measured."""

LONG_AGO = "2026-01-01T00:00:00.000Z"

_PATTERN = "가가9999가가99"
_BAD = 400


class Api:
    """A server's API, asked with an admin key, one call at a time."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self.authorization = f"Bearer {key}"
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT_S)

    def wait_until_ready(self) -> None:
        """Return as soon as the server says that it is ready."""
        for _ in range(READY_TRIES_MAX):
            if self._ask("GET", "/readyz")[0] < _BAD:
                return
        message = "the server listens and does not become ready"
        raise BenchError(message)

    def wait_until_proven(self) -> None:
        """Return once the proof of the ledger that follows a start is done: it takes a core."""
        for _ in range(PROOF_TRIES_MAX):
            if self._insist("GET", "/api/v1/audit/conservation")["checked_at"] is not None:
                return
            time.sleep(PROOF_LOOK_S)
        message = "the server does not finish the proof of its ledger"
        raise BenchError(message)

    def open_campaign(self, quota: int | None, starts_at: str = LONG_AGO) -> str:
        """A campaign of one reward that anybody may claim once, open from a moment on; its id."""
        reward = {
            "key": "STANDARD",
            "kind": "COUPON",
            "value": {"amount": 500, "currency": "KRW"},
            "quota_total": quota,
            "code": {"pattern": _PATTERN, "source": "permuted"},
        }
        campaign = {
            "name": "Bench",
            "type": "CLAIM",
            "starts_at": starts_at,
            "per_customer_max": 1,
            "rewards": [reward],
            "activate": True,
        }
        return str(self._insist("POST", "/api/v1/campaigns", campaign)["id"])

    def issued(self, campaign: str) -> int:
        """How many of a campaign's units are gone, by its stock."""
        answer = self._insist("GET", f"/api/v1/campaigns/{campaign}")
        return sum(int(reward["stock"]["issued"]) for reward in answer["rewards"])

    def number(self, campaign: str) -> int:
        """The number of a campaign, which RPC speaks."""
        return int(self._insist("GET", f"/api/v1/campaigns/{campaign}")["number"])

    def claim_all(self, campaign: str, customers: Sequence[str]) -> list[dict[str, Any]]:
        """One claim each, in one batch; a customer's id is his key, too."""
        claims = [{"customer_id": customer, "key": customer} for customer in customers]
        path = f"/api/v1/campaigns/{campaign}/claims:batch"
        results: list[dict[str, Any]] = self._insist("POST", path, {"claims": claims})["results"]
        return results

    def _insist(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        status, content = self._ask(method, path, body)
        if status >= _BAD:
            message = f"{method} {path} was answered {status}: {content.decode()}"
            raise BenchError(message)
        answer: dict[str, Any] = msgspec.json.decode(content)
        return answer

    def _ask(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        headers = {"Authorization": self.authorization, "Connection": "close"}
        content = None
        if body is not None:
            content = msgspec.json.encode(body)
            headers |= {
                "Content-Type": "application/json",
                "Idempotency-Key": secrets.token_hex(16),
            }
        try:
            self._connection.request(method, path, content, headers)
            answer = self._connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            message = f"{method} {path} got no answer: {error!r}"
            raise BenchError(message) from error
        finally:
            self._connection.close()


def target_of(campaign: str) -> str:
    """The path that a campaign's claims go to."""
    return f"/api/v1/campaigns/{campaign}/claims"
