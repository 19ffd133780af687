"""Settings: where a value comes from, and what is refused with which words."""

from pathlib import Path

import pytest

from largesse.settings.describe import Described, describe
from largesse.settings.load import SettingsError, load
from largesse.settings.secret import MASK

KEY = "k" * 32


def row(name: str, environment: dict[str, str]) -> Described:
    """One setting as people read it."""
    [found] = [row for row in describe(load(environment)) if row.name == name]
    return found


def complaint(environment: dict[str, str], config: Path | None = None) -> str:
    """The one line with which these sources are refused."""
    with pytest.raises(SettingsError) as refused:
        load(environment, config=config)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def write(folder: Path, text: str) -> Path:
    """A TOML file with this text."""
    path = folder / "largesse.toml"
    path.write_text(text)
    return path


def test_each_source_overrules_the_ones_before(tmp_path: Path) -> None:
    """Default, file, environment, command line: the last word counts."""
    write(tmp_path, '[server]\nport = 1\nhost = "::1"\nidle_s_max = 7\n')
    environment = {"LARGESSE_SERVER_PORT": "2", "LARGESSE_SERVER_HOST": "::"}

    loaded = load(environment, overrides={"server.port": 3}, folder=tmp_path)

    server = loaded.settings.server
    assert (server.port, server.host, server.idle_s_max, server.body_s_max) == (3, "::", 7, 10)
    assert loaded.origins == {
        "server.port": "the command line",
        "server.host": "LARGESSE_SERVER_HOST",
        "server.idle_s_max": str(tmp_path / "largesse.toml"),
    }


def test_the_file_is_the_one_that_is_named(tmp_path: Path) -> None:
    """An argument, then LARGESSE_CONFIG, then largesse.toml in the folder, then none."""
    write(tmp_path, "[server]\nport = 1\n")
    other = tmp_path / "other.toml"
    other.write_text("[server]\nport = 2\n")
    third = tmp_path / "third.toml"
    third.write_text("[server]\nport = 3\n")
    named = {"LARGESSE_CONFIG": str(other)}

    assert load({}, folder=tmp_path).settings.server.port == 1
    assert load(named, folder=tmp_path).settings.server.port == 2
    assert load(named, config=third, folder=tmp_path).settings.server.port == 3
    assert load({}, folder=tmp_path / "nowhere").settings.server.port == 8_000


def test_the_environment_speaks_every_type() -> None:
    """Numbers, words, lists and the two short names."""
    settings = load(
        {
            "LARGESSE_ADMIN_KEY": KEY,
            "LARGESSE_DATABASE": "sqlite:////tmp/ledger.db",
            "LARGESSE_ISSUANCE_SNAPSHOT_S_MAX": "0.25",
            "LARGESSE_LOG_FORMAT": "json",
            "LARGESSE_CORS_ORIGINS": "https://a.example, https://b.example",
            "PATH": "is none of ours",
        }
    ).settings

    assert settings.admin_key is not None
    assert settings.admin_key.reveal() == KEY
    assert settings.database.url == "sqlite:////tmp/ledger.db"
    assert settings.issuance.snapshot_s_max == 0.25
    assert settings.log.format == "json"
    assert settings.cors.origins == ("https://a.example", "https://b.example")


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("LARGESSE_SERVER_PROT", "did you mean LARGESSE_SERVER_PORT?"),
        ("LARGESSE_DATABSE", "did you mean LARGESSE_DATABASE?"),
        ("LARGESSE_COFNIG", "did you mean LARGESSE_CONFIG?"),
        ("LARGESSE_QQQQQQQQQQQQQQQQQQQQ", "`largesse config show` lists all settings"),
    ],
)
def test_an_unknown_variable_names_the_nearest(variable: str, nearest: str) -> None:
    """A misspelt limit must not look like a set one."""
    assert complaint({variable: "1"}) == f"unknown setting {variable} in the environment: {nearest}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[server]\nprot = 1", "unknown setting server.prot in FILE: did you mean server.port?"),
        ("[sever]\nport = 1", "unknown setting sever in FILE: did you mean server?"),
        ("server = 1", "server is 1 (from FILE); it must be a table, [server]"),
        ("[server]\nport = 'x'", "server.port is 'x' (from FILE); it must be a whole number from"),
        ("[server]\nport = true", "server.port is True (from FILE); it must be a whole number"),
        ("[server]\nport = '80'", "server.port is '80' (from FILE); it must be a whole number"),
        ("[cors]\norigins = 'x'", "cors.origins is 'x' (from FILE); it must be a list"),
        ("[server", "cannot read the settings in FILE: "),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, text: str, words: str) -> None:
    """With the file, the setting and what it should have been."""
    path = write(tmp_path, text)
    assert complaint({}, path).startswith(words.replace("FILE", str(path)))


def test_an_empty_section_changes_nothing(tmp_path: Path) -> None:
    """A table without entries is no mistake."""
    assert load({}, config=write(tmp_path, "[server]\n")) == load({}, folder=tmp_path / "nowhere")


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    """Settings that were asked for and not found are no defaults."""
    missing = tmp_path / "missing.toml"
    assert str(missing) in complaint({"LARGESSE_CONFIG": str(missing)})


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("server.port", "-1", "a whole number from 0 to 65535"),
        ("server.port", "65536", "a whole number from 0 to 65535"),
        ("server.header_s_max", "0", "a whole number from 1 to 300 s"),
        ("server.body_bytes_max", "many", "a whole number from 1024 to 67108864 bytes"),
        ("issuance.snapshot_s_max", "nan", "a number from 0 to 1 s"),
        ("issuance.snapshot_s_max", "1.1", "a number from 0 to 1 s"),
        ("log.level", "loud", "one of debug, info, warning, error"),
        ("database.url", "mysql://db", "sqlite:///FILE or postgresql://…"),
        ("server.host", "", "an address"),
    ],
)
def test_a_value_out_of_range_names_range_and_origin(name: str, text: str, wanted: str) -> None:
    """The line says which setting, which value, from where and what would do."""
    variable = row(name, {}).variable
    expected = f"{name} is {text!r} (from {variable}); it must be {wanted}"
    assert complaint({variable: text}) == expected


def test_two_names_of_one_setting_do_not_fight() -> None:
    """Which of them wins would be a guess."""
    both = {"LARGESSE_DATABASE": "sqlite:///a", "LARGESSE_DATABASE_URL": "sqlite:///b"}
    assert "LARGESSE_DATABASE_URL both set database.url" in complaint(both)


def test_an_unknown_override_is_refused() -> None:
    """The command line has the same manners."""
    with pytest.raises(SettingsError, match=r"did you mean server\.port\?"):
        load({}, overrides={"server.prot": 1})


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ann:s3cret@db:5432/sales", "postgresql://ann:********@db:5432/sales"),
        (
            "postgresql://db/sales?password=s3cret&user=ann",
            "postgresql://db/sales?password=********&user=ann",
        ),
        ("postgresql://ann@db:5432/sales", "postgresql://ann@db:5432/sales"),
        ("sqlite:///largesse.db", "sqlite:///largesse.db"),
    ],
)
def test_a_database_s_password_is_never_shown(url: str, shown: str) -> None:
    """The rest of its address is."""
    assert row("database.url", {"LARGESSE_DATABASE": url}).value == shown


def test_a_secret_is_never_shown() -> None:
    """Not in the tree, not in the table, not in a complaint."""
    assert row("admin_key", {"LARGESSE_ADMIN_KEY": KEY}).value == MASK
    assert KEY not in repr(load({"LARGESSE_ADMIN_KEY": KEY}))
    short = complaint({"LARGESSE_ADMIN_KEY": "short-secret"})
    assert "short-secret" not in short
    assert short.endswith("it must be 32 to 255 visible characters")


def test_every_setting_is_described() -> None:
    """Each has a help text, a range, a variable that sets it, and its default in that range."""
    rows = describe(load({}))
    assert all(row.help.endswith(".") and row.range for row in rows)
    given = {row.variable: row.value for row in rows if row.value}
    assert load(given).settings == load({}).settings
