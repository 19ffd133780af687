"""What is too large to be held: its pieces, and what may become of them."""

import pytest
from stage import LOSE, Said, Stage

from largesse.client.backups import take
from largesse.client.blocking import Client
from largesse.client.errors import NoAnswerError, RefusedError, StrangeAnswerError
from largesse.client.retries import ONCE


def client_of(stage: Stage) -> Client:
    """A client that waits."""
    return Client(stage.url, "lgs_x", retries=ONCE, timeout_s=10)


def test_pieces_are_the_whole(stage: Stage) -> None:
    """With the length told before, and the API key."""
    stage.answers = [Said(200, b"x" * 3_000_000)]
    with client_of(stage) as client, client.download(take()) as (length, pieces):
        assert length == 3_000_000
        assert [len(piece) for piece in pieces] == [1_048_576, 1_048_576, 902_848]
    assert stage.asked[0].headers["Authorization"] == "Bearer lgs_x"


def test_what_the_server_makes_while_it_sends(stage: Stage) -> None:
    """Nobody knows its length; where the last chunk does not come, it is not the whole."""
    chunks = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"
    stage.answers = [chunks + b"0\r\n\r\n", chunks]
    with client_of(stage) as client, client.download(take()) as (length, pieces):
        assert (length, b"".join(pieces)) == (None, b"half")
    with (
        client_of(stage) as client,
        client.download(take()) as (_, pieces),
        pytest.raises(NoAnswerError, match="no answer came from"),
    ):
        b"".join(pieces)


def test_a_body_that_breaks_off_is_not_the_whole(stage: Stage) -> None:
    """Though what came of it came well."""
    stage.answers = [b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"]
    with client_of(stage) as client, client.download(take()) as (_, pieces):
        assert next(pieces) == b"half"
        with pytest.raises(NoAnswerError, match="no answer came from"):
            next(pieces)


@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        (Said(503, b'{"code":"BUSY","detail":"one at a time"}'), RefusedError, "one at a time"),
        (LOSE, NoAnswerError, "no answer came"),
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nendless", StrangeAnswerError, "no largesse"),
    ],
)
def test_what_is_none_is_told(
    stage: Stage, answer: Said | bytes | None, error: type[Exception], told: str
) -> None:
    """A refusal, a lost connection, and what no largesse would say."""
    stage.answers = [answer]
    with (
        client_of(stage) as client,
        pytest.raises(error, match=told),
        client.download(take()),
    ):
        pass


def test_nobody_is_there() -> None:
    """Then nothing was asked."""
    with (
        Client("http://127.0.0.1:1", "lgs_x") as client,
        pytest.raises(NoAnswerError, match="no server answers") as error,
        client.download(take()),
    ):
        pass
    assert not error.value.sent
