"""The log: one line per event, in two shapes, and never a secret in it."""

import errno
import io
import json
import logging

import pytest
import structlog

from largesse.cli.logs import set_up_logs
from largesse.settings.secret import MASK, Secret
from largesse.settings.tree import Log

KEY = "lgs_abcDEF0123456789_-abcDEF0123456789"
ADMIN_KEY = "chosen-by-the-operator-0123456789abcdef"


class Terminal(io.StringIO):
    """A text stream that a person sits before."""

    def isatty(self) -> bool:
        """It is."""
        return True


class FullDisk(io.StringIO):
    """A text stream into a file that cannot grow."""

    def write(self, _line: str) -> int:
        """It cannot."""
        raise OSError(errno.ENOSPC, "No space left on device")


def written(stream: io.StringIO) -> list[dict[str, object]]:
    """The lines of a JSON log."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_machines_read_json() -> None:
    """One object per line: when, how grave, who, what, and the details."""
    stream = io.StringIO()
    set_up_logs(Log(), stream)

    structlog.get_logger("largesse.test").info("batch", wishes=3, endings={"ISSUED": 3})

    [line] = written(stream)
    assert str(line.pop("timestamp")).endswith("Z")
    assert line == {
        "event": "batch",
        "level": "info",
        "logger": "largesse.test",
        "wishes": 3,
        "endings": {"ISSUED": 3},
    }


def test_people_read_colours() -> None:
    """On a terminal, if they did not ask otherwise."""
    stream = Terminal()
    set_up_logs(Log(), stream)
    structlog.get_logger("largesse.test").info("batch", wishes=3)
    assert "\x1b[" in stream.getvalue()
    assert "batch" in stream.getvalue()


def test_libraries_write_into_the_same_log() -> None:
    """What they say through the standard library has the same shape; chatter is left out."""
    stream = io.StringIO()
    set_up_logs(Log(), stream)

    logging.getLogger("uvicorn.error").info("Application startup complete.")
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request %s", "received.")
    logging.getLogger("largesse.http.lane").info("closed")

    assert [(line["level"], line["logger"], line["event"]) for line in written(stream)] == [
        ("warning", "uvicorn.error", "Invalid HTTP request received."),
        ("info", "largesse.http.lane", "closed"),
    ]


def test_the_level_holds_for_both() -> None:
    """Lines below it cost nothing and are not written."""
    stream = io.StringIO()
    set_up_logs(Log(level="error"), stream)
    structlog.get_logger("largesse.test").warning("low")
    logging.getLogger("uvicorn.error").warning("low")
    structlog.get_logger("largesse.test").error("high")
    assert [line["event"] for line in written(stream)] == ["high"]


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_secret_is_written(form: str) -> None:
    """Not as a value, within a text, in a local variable of a traceback or in its message."""
    stream = Terminal()
    settings = Log(format="json" if form == "json" else "console")
    set_up_logs(settings, stream, [Secret(ADMIN_KEY)])
    log = structlog.get_logger("largesse.test")

    def fail(secret: str) -> None:
        message = f"cannot open with {secret}"
        raise ValueError(message)

    log.info("started", settings={"admin_key": Secret(ADMIN_KEY)}, key=KEY, also=ADMIN_KEY)
    logging.getLogger("uvicorn.error").warning("Authorization: Bearer %s", KEY)
    for secret in (KEY, ADMIN_KEY):
        try:
            fail(secret)
        except ValueError:
            log.exception("failed")

    text = stream.getvalue()
    assert KEY not in text
    assert ADMIN_KEY not in text
    assert text.count(MASK) >= 6
    assert "ValueError" in text


@pytest.mark.parametrize("level", ["info", "warning", "error", "exception"])
def test_a_line_that_cannot_be_written_is_lost(level: str) -> None:
    """Whoever logs is not told: his work must not fail for want of a log."""
    set_up_logs(Log(), FullDisk())
    getattr(structlog.get_logger("largesse.test"), level)("batch", wishes=3)
