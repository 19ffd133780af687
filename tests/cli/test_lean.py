"""A server does without what only people at a terminal need."""

import subprocess
import sys

import pytest

from largesse.cli.lean import left_out


def test_what_is_left_out_is_missing_only_inside() -> None:
    """`this` stands for an optional library: nobody has imported it."""
    with left_out("this"), pytest.raises(ModuleNotFoundError):
        __import__("this")
    assert "this" not in sys.modules


def test_what_is_there_already_stays() -> None:
    """Whoever imported it before goes on with the same module."""
    before = sys.modules["json"]
    with left_out("json"):
        import json  # noqa: PLC0415 - that is the question
    assert json is before is sys.modules["json"]


def test_a_server_does_not_load_rich() -> None:
    """It is 3 MB of each server's memory; structlog would import it if it found it."""
    program = "import largesse.cli.serve, sys; sys.exit('rich' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
