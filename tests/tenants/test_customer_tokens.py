"""Customer tokens: JSON Web Tokens that only their maker can make."""

import base64
import hashlib
import hmac
import json

import pytest

from largesse.tenants.tokens import Claims, CustomerTokens

KEY = b"a key of the installation's alone"
CLAIMS = Claims(sub="김 하나", key="key_1", iat=1_800_000_000, exp=1_800_000_900)


def part(text: str) -> bytes:
    """A part of a token, as RFC 7515 writes it."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def written(content: bytes) -> str:
    """The same the other way round."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def signed(header: object, payload: object, key: bytes = KEY) -> bytes:
    """A token made by hand, by the letter of RFC 7515."""
    said = ".".join(written(json.dumps(one).encode()) for one in (header, payload))
    signature = hmac.new(key, said.encode(), hashlib.sha256).digest()
    return f"{said}.{written(signature)}".encode()


def test_a_token_is_a_json_web_token() -> None:
    """Any library can read it: three parts, the algorithm named, audience and expiry in it."""
    header, payload, signature = CustomerTokens(KEY).make(CLAIMS).split(".")
    assert json.loads(part(header)) == {"alg": "HS256", "typ": "JWT"}
    assert json.loads(part(payload)) == {
        "sub": "김 하나",
        "key": "key_1",
        "iat": 1_800_000_000,
        "exp": 1_800_000_900,
        "aud": "largesse/customer",
    }
    said = f"{header}.{payload}".encode()
    assert part(signature) == hmac.new(KEY, said, hashlib.sha256).digest()


def test_a_token_is_known_again() -> None:
    """By the key that it was made with, and by no other."""
    text = CustomerTokens(KEY).make(CLAIMS).encode()
    assert CustomerTokens(KEY).read(text) == CLAIMS
    assert CustomerTokens(KEY + b"!").read(text) is None


def test_every_changed_character_is_seen() -> None:
    """In each of the three parts, also where a lenient decoder would see no difference."""
    tokens = CustomerTokens(KEY)
    text = tokens.make(CLAIMS).encode()
    for at in range(len(text)):
        for other in (b"A", b"B", b"."):
            if text[at : at + 1] != other:
                assert tokens.read(text[:at] + other + text[at + 1 :]) is None, at
    assert tokens.read(text + b"=") is None
    assert tokens.read(text[:-1]) is None


@pytest.mark.parametrize("algorithm", ["none", "HS512", "RS256", "hs256"])
def test_another_algorithm_is_never_believed(algorithm: str) -> None:
    """Not even with a signature that is right: only the one header is ours."""
    payload = {"sub": "u", "key": "k", "iat": 1, "exp": 2, "aud": "largesse/customer"}
    tokens = CustomerTokens(KEY)
    good = json.dumps({"alg": "HS256", "typ": "JWT"}, separators=(",", ":"))
    assert tokens.read(signed({"alg": algorithm, "typ": "JWT"}, payload)) is None
    unsigned = f"{written(json.dumps({'alg': 'none'}).encode())}.{written(b'{}')}."
    assert tokens.read(unsigned.encode()) is None
    said = f"{written(good.encode())}.{written(json.dumps(payload).encode())}"
    signature = written(hmac.new(KEY, said.encode(), hashlib.sha256).digest())
    assert tokens.read(f"{said}.{signature}".encode()) is not None  # the same, but for the header


@pytest.mark.parametrize("text", [b"", b".", b"..", b"a.b.c", b"\xff.\xff.\xff", b"." * 1_000])
def test_what_is_no_token(text: bytes) -> None:
    """Nothing, rather than an error."""
    assert CustomerTokens(KEY).read(text) is None
