"""The socket that the server listens on."""

import socket

from largesse.kernel.errors import StartError


def bind(host: str, port: int, option: str = "--port", *, shared: bool = False) -> socket.socket:
    """A socket of our own at an address; port 0 takes a free one. `option` sets the port.

    It does not listen yet, so that nobody connects before there is somebody to answer. Several may
    be `shared`: the system spreads connections over those that listen. Raises `StartError` where it
    cannot be had.
    """
    # A host in ASCII goes as bytes: the codec for others is 0.3 MB of memory.
    plain: str | bytes = host.encode("ascii") if host.isascii() else host
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            plain, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:
        message = f"{host!r} is no address to listen on: choose another with --host"
        raise StartError(message) from error
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        message = (
            f"cannot listen on {host} port {port} ({error.strerror}): stop what listens there, or "
            f"choose another with {option}"
        )
        raise StartError(message) from error
    return bound
