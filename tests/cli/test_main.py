"""The program: its commands, how it answers and how it complains."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from largesse.cli.main import COMMANDS, FAILED, GROUPS, MISUSED, Entry, run
from largesse.settings.secret import MASK

ENTRIES = [
    *COMMANDS.values(),
    *(entry for _, commands in GROUPS.values() for entry in commands.values()),
]
ADMIN_KEY = "chosen-by-the-operator-0123456789abcdef"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.place)
def test_every_command_is_there(entry: Entry) -> None:
    """And the table of commands says of it what it says of itself."""
    module, _, function = entry.place.partition(":")
    command = getattr(import_module(f"largesse.{module}"), function)
    assert command.__doc__ == entry.summary


@pytest.mark.parametrize("words", [(), ("campaign",), ("key",), ("claim",), ("campaign", "list")])
def test_help_is_there(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """At each level, with the option that all commands have."""
    assert run([*words, "--help"]) == 0
    out = capsys.readouterr().out
    assert "Usage: largesse" in out
    assert "--json" in out


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["campain"], MISUSED, 'Did you mean "campaign"?'),
        (["campaign", "lst"], MISUSED, 'Did you mean "list"?'),
        (["claim", "camp_1"], MISUSED, "CUSTOMER"),
        (["claim", "camp_1", "u", "--rewrd", "A"], MISUSED, "--reward"),
        (["key", "create", "x", "--scope", "all"], MISUSED, '"all"'),
        (["config", "show", "--port", "many"], MISUSED, '"many"'),
        (["config", "show", "--port", "99999"], FAILED, "server.port is 99999"),
        (["config", "show", "--log-level", "loud"], FAILED, "log.level is 'loud'"),
        (["config", "show", "--config", "/nowhere.toml"], FAILED, "/nowhere.toml"),
        (["campaign", "list"], FAILED, "set LARGESSE_KEY"),
        (["campaign", "create"], FAILED, "--name and --quota"),
        (["campaign", "create", "f.json", "--name", "x"], FAILED, "not both"),
        (["campaign", "create", "/nowhere.json"], FAILED, "cannot read /nowhere.json"),
        (["serve", "--database", "mysql://x"], FAILED, "sqlite:///FILE or postgresql://…"),
        (["db", "status"], FAILED, "this is for postgresql://…"),
        (["serve", "--host", "ü" * 64], FAILED, "is no address to listen on"),
        (["serve", "--port", "-1"], FAILED, "it must be a whole number from 0 to 65535"),
    ],
)
def test_a_complaint_is_one_line(
    arguments: list[str], status: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error, with the exit status that tells misuse from failure."""
    assert run(arguments) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("largesse: ")
    assert err.count("\n") == 1
    assert told in err


def test_a_failure_is_a_document_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    """Wherever the option stands."""
    for arguments in (["--json", "campaign", "list"], ["campaign", "list", "--json"]):
        assert run(arguments) == FAILED
        detail = "no API key: set LARGESSE_KEY, or give --key"
        assert json.loads(capsys.readouterr().out) == {"code": "CommandError", "detail": detail}


def test_settings_are_shown_with_their_origins(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """From the file, the environment and the command line; the secret is hidden in both shapes."""
    config = tmp_path / "my.toml"
    config.write_text("[audit]\nperiod_s = 7\n")
    monkeypatch.setenv("LARGESSE_ADMIN_KEY", ADMIN_KEY)
    monkeypatch.setenv("LARGESSE_KEY", "lgs_of_the_client")
    monkeypatch.setenv("LARGESSE_URL", "http://127.0.0.1:9")
    arguments = ["config", "show", "--config", str(config), "--port", "9000"]

    assert run([*arguments, "--json"]) == 0
    text = capsys.readouterr().out
    rows = {row["name"]: row for row in json.loads(text)["settings"]}
    assert (rows["audit.period_s"]["value"], rows["audit.period_s"]["origin"]) == ("7", str(config))
    assert (rows["server.port"]["value"], rows["server.port"]["origin"]) == (
        "9000",
        "the command line",
    )
    assert rows["admin_key"]["value"] == MASK
    assert rows["admin_key"]["origin"] == "LARGESSE_ADMIN_KEY"
    assert ADMIN_KEY not in text

    assert run(arguments) == 0
    text = capsys.readouterr().out
    assert MASK in text
    assert "the command line" in text
    assert ADMIN_KEY not in text


@pytest.mark.parametrize("command", [["config", "show"], ["serve"], ["doctor"]])
def test_a_misspelt_variable_is_refused(
    command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the nearest one that means something, by every command that reads settings."""
    monkeypatch.setenv("LARGESSE_SERVER_PROT", "1")
    assert run(command) == FAILED
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "did you mean LARGESSE_SERVER_PORT?" in err


@pytest.mark.parametrize("module", ["main", "campaigns", "claims", "keys", "tenants", "config"])
def test_a_command_loads_only_what_it_needs(module: str) -> None:
    """A client needs no server, and `serve` none of the client's tables."""
    heavy = {"largesse.wiring.application", "litestar", "uvicorn", "numpy", "apsw", "psycopg"}
    heavy |= {"rich.table"} if module == "main" else set()
    program = f"import sys, largesse.cli.{module}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.split()
    assert f"largesse.cli.{module}" in loaded
    assert not heavy.intersection(loaded)
