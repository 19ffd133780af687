"""Who stands behind a proxy is told from who only says so."""

import pytest
from rest_stage import opened_town

from largesse.http.addresses import ADDRESS_CHARACTERS_MAX, address_of

OURS = ("127.0.0.1", "10.0.0.7")


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("198.51.100.4", None, "198.51.100.4"),
        ("198.51.100.4", b"203.0.113.9", "198.51.100.4"),  # a stranger's word counts for nothing
        ("127.0.0.1", None, "127.0.0.1"),
        ("127.0.0.1", b"203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", b"192.0.2.1, 203.0.113.9", "203.0.113.9"),  # the first was made up
        ("127.0.0.1", b"203.0.113.9, 10.0.0.7", "203.0.113.9"),  # two proxies of ours
        ("127.0.0.1", b"10.0.0.7", "10.0.0.7"),
        ("127.0.0.1", b"", ""),
        ("127.0.0.1", b"x" * 1000, "x" * ADDRESS_CHARACTERS_MAX),
        ("127.0.0.1", b"\xff", "ÿ"),
    ],
)
def test_whose_address_it_is(peer: str, forwarded: bytes | None, address: str) -> None:
    """The last that is no proxy of ours."""
    assert address_of(peer, forwarded, OURS) == address


async def test_guesses_are_counted_by_who_stands_behind(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """One guesser behind a proxy locks himself out, and not the others behind it."""
    settings = {"access.code_guesses_per_minute_max": 2, "access.proxies": ["127.0.0.1"]}
    async with opened_town(tmp_path_factory.mktemp("proxies"), **settings) as town:

        async def guess(key: str, address: str) -> int:
            headers = {"authorization": f"Bearer {key}", "x-forwarded-for": address}
            answer = await town.stranger.http.get("/api/v1/codes/X", headers=headers)
            return answer.status_code

        keys = [
            (await town.acme.post("/keys", {"name": name, "scopes": ["redeem"]})).json()["key"]
            for name in ("one", "two", "three")
        ]
        told = [await guess(keys[0], "203.0.113.9") for _ in range(3)]
        assert told == [404, 404, 429]
        assert await guess(keys[1], "203.0.113.9") == 429
        assert await guess(keys[2], "203.0.113.10") == 404
