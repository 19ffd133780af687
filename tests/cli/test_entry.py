"""The program's beginning: who asks plainly for a server gets the one that all options lead to."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cyclopts import CycloptsError
from hypothesis import given
from hypothesis import strategies as st

from largesse.cli.chosen import Chosen
from largesse.cli.entry import Plain, plainly
from largesse.cli.main import FAILED, make_app

APP = make_app()
OPTIONS = {
    "--config": "my.toml",
    "--database": "sqlite:///a b.db",
    "--host": "::1",
    "--port": "0",
    "--workers": "2",
    "--grpc-port": "50051",
    "--compat-port": "8001",
    "--compat-tenant": "Käse & Söhne",
    "--compat-host": "127.0.0.1",
    "--log-level": "debug",
    "--log-format": "json",
}
VALUES = [
    "",
    "-",
    "-1",
    "--port",
    "0",
    "007",
    "+1",
    "1_0",
    "1e3",
    "٣",
    "x",
    " ",
    "~",
    "a=b",
    "a\nb",
]


def by_the_library(*options: str) -> Chosen | None:
    """What the long way makes of options; None where it refuses them."""
    try:
        _, bound, _ = APP.parse_args(["serve", *options])
    except CycloptsError:
        return None
    chosen: Chosen = bound.arguments.get("chosen", Chosen())
    return chosen


def test_every_option_is_read_plainly() -> None:
    """All of them at once; none is left out of this test."""
    options = [word for option in OPTIONS.items() for word in option]
    plain = plainly(["serve", *options])
    assert plain == Plain(by_the_library(*options) or Chosen(), json=False)
    assert None not in [getattr(plain.chosen, name) for name in Chosen.__dataclass_fields__]


@given(option=st.sampled_from([*OPTIONS, "--prot"]), value=st.sampled_from(VALUES) | st.text())
def test_what_is_read_plainly_is_what_the_library_reads(option: str, value: str) -> None:
    """Whatever it is; where it takes more, it is left to the library."""
    plain = plainly(["serve", option, value])
    assert plain is None or plain.chosen == by_the_library(option, value)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["config", "show"],
        ["--json", "serve"],
        ["serve", "--help"],
        ["serve", "--prot", "1"],
        ["serve", "--port"],
        ["serve", "--port=1"],
        ["serve", "--port", "1", "--port", "2"],
        ["serve", "now"],
    ],
    ids=" ".join,
)
def test_the_rest_is_left_to_the_library(arguments: list[str]) -> None:
    """Other commands, help, mistakes, and other ways to write it."""
    assert plainly(arguments) is None


def test_the_document_is_asked_for_anywhere() -> None:
    """As with every command."""
    assert plainly(["serve", "--json", "--port", "1"]) == Plain(Chosen(port=1), json=True)
    assert plainly(["serve", "--port", "1", "--json"]) == Plain(Chosen(port=1), json=True)


def test_a_server_that_cannot_start_complains_as_every_command(tmp_path: Path) -> None:
    """One line, and a document for programs."""
    program = str(Path(sys.executable).with_name("largesse"))
    ended = subprocess.run(
        [program, "serve", "--database", "mysql://x", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == FAILED
    assert ended.stderr.startswith("largesse: ")
    assert ended.stderr.count("\n") == 1
    assert "sqlite:///FILE" in json.loads(ended.stdout)["detail"]
