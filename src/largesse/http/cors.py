"""What pages of other origins may ask and read (Fetch §3.2), by the framework and by the lane."""

from collections.abc import Callable, Mapping, Sequence

from litestar.config.cors import CORSConfig

ORIGINS_MAX = 1_024
"""Origins whose headers are remembered: far more than a shop has, and no crowd of liars more."""

_OF_RPC_ASKED = (
    "connect-protocol-version",
    "connect-timeout-ms",
    "grpc-timeout",
    "x-grpc-web",
    "x-user-agent",
)
_OF_RPC_ANSWERED = ("grpc-status", "grpc-message", "grpc-status-details-bin")
"""Headers of Connect and gRPC-Web, for pages of other origins."""

CrossOrigin = Callable[[Mapping[bytes, bytes]], bytes]
"""The header lines of the answer to a request with these headers, one of which is `origin`."""


def cors_config(origins: Sequence[str]) -> CORSConfig | None:
    """What the framework is told; None where no page of another origin may ask anything."""
    if not origins:
        return None
    return CORSConfig(
        allow_origins=list(origins),
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=[
            "authorization",
            "content-type",
            "idempotency-key",
            "if-match",
            *_OF_RPC_ASKED,
        ],
        expose_headers=[
            "etag",
            "idempotency-replayed",
            "retry-after",
            "x-request-id",
            *_OF_RPC_ANSWERED,
        ],
    )


def cross_origin(origins: Sequence[str]) -> CrossOrigin | None:
    """What the lane adds to its answers, the same as the framework to its own."""
    config = cors_config(origins)
    if config is None:
        return None
    known: dict[tuple[bytes, bool], bytes] = {}

    def lines(headers: Mapping[bytes, bytes]) -> bytes:
        asked = headers[b"origin"], b"cookie" in headers
        if asked not in known:
            if len(known) >= ORIGINS_MAX:
                known.clear()
            known[asked] = _lines(config, *asked)
        return known[asked]

    return lines


def _lines(config: CORSConfig, origin: bytes, has_cookie: bool) -> bytes:  # noqa: FBT001 — what was sent
    """As Litestar's own middleware has it, whose answers a test holds against these."""
    text = origin.decode("latin-1")
    said = dict(config.simple_headers)
    is_named = has_cookie if config.is_allow_all_origins else config.is_origin_allowed(text)
    if is_named:
        said |= {"access-control-allow-origin": text, "vary": "Origin"}
    said["access-control-allow-headers"] = ", ".join(sorted(set(config.allow_headers)))
    said["access-control-allow-methods"] = ", ".join(sorted(set(config.allow_methods)))
    lines = {name.lower(): value for name, value in said.items()}
    return "".join(f"{name}: {value}\r\n" for name, value in lines.items()).encode("latin-1")
