"""What a server says on standard output once it listens."""

import gc
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from largesse.cli.chosen import KEY_VARIABLE
from largesse.cli.documents import to_json

_WELCOME = """
The ledger is new. This is its admin key, shown this once:

  {key}

A first campaign of a hundred coupons, and a first claim:

  export {variable}={key}
  CAMPAIGN=$(curl -s {url}/api/v1/campaigns \\
    -H "Authorization: Bearer ${variable}" -H "Idempotency-Key: first-campaign" \\
    -H "Content-Type: application/json" \\
    -d '{{"name":"First","starts_at":"2026-01-01T00:00:00Z","activate":true,"per_customer_max":1,
         "rewards":[{{"key":"STANDARD","kind":"COUPON","quota_total":100,
                     "value":{{"amount":500,"currency":"KRW"}}}}]}}' \\
    | grep -o 'camp_[0-9a-z]*' | head -n 1)
  curl {url}/api/v1/campaigns/$CAMPAIGN/claims \\
    -H "Authorization: Bearer ${variable}" -H "Idempotency-Key: first-claim" \\
    -H "Content-Type: application/json" -d '{{"customer_id":"u-1"}}'
"""

YOUNG_OBJECTS_MAX = 20_000
"""Objects made and not let go before a collection looks for cycles: several batches of claims."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """What there is to say; its first line is the address.

    `beside` are the addresses of the other listeners, by what they answer.
    """

    first_key: str | None
    beside: Mapping[str, str]

    def say(self, host: str, port: int, *, json: bool) -> None:
        """Tell the address and, the first time, the admin key, in one piece.

        Whoever started the server may have left with the address: it serves all the same.
        """
        with suppress(BrokenPipeError):
            sys.stdout.write(self._text(url_of(host, port), json=json))
            sys.stdout.flush()

    def _text(self, url: str, *, json: bool) -> str:
        if json:
            beside = {f"{name}_url": url for name, url in self.beside.items()}
            return to_json({"url": url, **beside, "admin_key": self.first_key})
        lines = [url, *(f"{name}: {url}" for name, url in self.beside.items())]
        if self.first_key is not None:
            lines.append(_WELCOME.format(url=url, key=self.first_key, variable=KEY_VARIABLE))
        return "\n".join(lines) + ("\n" if self.first_key is None else "")


def url_of(host: str, port: int) -> str:
    """An address as URLs spell it (RFC 3986 §3.2.2)."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def settle_down() -> None:
    """Look no more at what exists now, for it stays to the end.

    And a batch of claims holds some thousands of objects for a moment, none of them in a cycle.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS_MAX)
