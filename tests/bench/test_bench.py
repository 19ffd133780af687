"""The bench from the command to the file that it writes, for a second each."""

from pathlib import Path

import msgspec
import psycopg
import pytest
from postgres_databases import Databases

from largesse.bench import machine
from largesse.bench.report import Bar, Figure, Result, document, draw
from largesse.cli.main import run


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize("scenario", ["claim", "soldout"])
def test_a_short_run_is_exact(
    scenario: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Against a server of its own; the result names the speed and says that it was exact."""
    output = tmp_path / "results"
    options = ["--runs", "1", "--seconds", "1", "--connections", "64", "--output", str(output)]

    status = run(["bench", scenario, *options, "--json"])

    [told] = msgspec.json.decode(capfd.readouterr().out)
    assert status == 0, told
    assert told == msgspec.json.decode((output / f"{scenario}.json").read_bytes())
    assert told["exact"]
    figures = {figure["name"]: figure["median"] for figure in told["figures"]}
    assert figures["throughput"] > 0
    assert figures["ratio to echo"] == pytest.approx(figures["throughput"] / figures["echo"])
    assert sorted(path.name for path in output.iterdir()) == [
        f"{scenario}.json",
        f"{scenario}.svg",
    ], "nothing is left behind"


@pytest.mark.slow
@pytest.mark.alone
def test_many_campaigns_and_batches_are_exact(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The burst opens on its millisecond and sells out; batches give as many as they say."""
    options = ["--runs", "1", "--seconds", "1", "--connections", "64", "--output", str(tmp_path)]

    scenarios = ["claim-many", "claim-batch", "draw", "redeem", "claim-rpc"]
    status = run(["bench", *scenarios, *options, "--json"])

    told = msgspec.json.decode(capfd.readouterr().out)
    assert status == 0, told
    assert [one["scenario"] for one in told] == scenarios
    for one in told:
        assert all(figure["median"] > 0 for figure in one["figures"]), one


@pytest.mark.slow
@pytest.mark.alone
def test_other_scenarios_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """On ledgers that are small, so that this is about the bench and not about speed."""
    options = ["--runs", "1", "--seconds", "1", "--rows", "20000", "--claims", "1000"]

    status = run(["bench", "claim-grow", "start", *options, "--output", str(tmp_path), "--json"])

    told = msgspec.json.decode(capfd.readouterr().out)
    assert status == 0, told
    assert [one["scenario"] for one in told] == ["claim-grow", "start"]


@pytest.mark.slow
@pytest.mark.alone
def test_on_postgres(
    databases: Databases, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Two workers, the naive way and another scenario, on a server that is there; none is left."""
    url = databases.url_of("postgres")
    options = ["--runs", "1", "--seconds", "1", "--connections", "16", "--database", url]

    status = run(
        ["bench", "claim-postgres", "paced", *options, "--output", str(tmp_path), "--json"]
    )

    told = msgspec.json.decode(capfd.readouterr().out)
    assert status == 0, told
    figures = {figure["name"]: figure["median"] for figure in told[0]["figures"]}
    assert figures["throughput, 2 workers"] > figures["the naive way"] > 0
    with psycopg.connect(url) as db:
        left = db.execute("SELECT datname FROM pg_database WHERE datname LIKE 'largesse_bench%'")
        assert left.fetchall() == []


@pytest.mark.slow
@pytest.mark.alone
def test_codes_are_exact(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Some thousands of each source, each of them once, and none that a claim gave."""
    options = ["--runs", "1", "--codes", "20000", "--output", str(tmp_path)]

    status = run(["bench", "codes", *options, "--json"])

    [told] = msgspec.json.decode(capfd.readouterr().out)
    assert status == 0, told
    assert told["exact"]
    figures = {figure["name"]: figure["median"] for figure in told["figures"]}
    assert figures["permuted: ratio to the insert"] > 0
    assert figures["random: exported"] > 0


def test_a_wrong_number_fails() -> None:
    """However fast it was: the verdict is in the document and on the screen."""
    fast = Figure("throughput", "claims/s", (1e9,))
    wrong = Result("claim", "about", (fast,), ("100 rows where the answers told of 99",))

    assert document(wrong, machine.look())["exact"] is False
    assert "WRONG: 100 rows where the answers told of 99" in [str(one) for one in draw(wrong)]


@pytest.mark.parametrize(
    ("bar", "values", "held", "text"),
    [
        (Bar(at_least=0.5), (0.4, 0.5, 0.6), True, "≥ 0.5"),
        (Bar(at_least=0.5), (0.6, 0.4, 0.4), False, "≥ 0.5"),
        (Bar(at_most=4), (1, 9, 4), True, "≤ 4"),
        (Bar(at_most=4), (4.5,), False, "≤ 4"),
        (None, (1,), None, "None"),
    ],
)
def test_the_median_is_held_against_the_bar(
    bar: Bar | None,
    values: tuple[float, ...],
    held: bool | None,  # noqa: FBT001 - a column of the table above
    text: str,
) -> None:
    """One bad run of three does not decide."""
    assert Figure("x", "", values, bar).held is held
    assert str(bar) == text


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["bench", "--runs", "0"], "--runs"),
        (["bench", "clam"], "claim"),
    ],
)
def test_nonsense_is_refused(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is started."""
    assert run(arguments) != 0
    assert told in capsys.readouterr().err
