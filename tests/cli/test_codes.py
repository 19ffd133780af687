"""`largesse codes …` against a server: from the campaign to the file, and back to the check."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet  # type: ignore[import-untyped]  # it has no types of its own
import pytest
from running import ADMIN_KEY, served

from largesse.cli.main import FAILED, run
from largesse.client import campaigns, codes, jobs
from largesse.client.blocking import Client
from largesse.client.model import CampaignDefinition, CodeFormat, RewardDefinition

COUNT = 2_500
"""More than one call checks."""

Largesse = Callable[..., Any]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for all."""
    with served(tmp_path_factory.mktemp("ledger")) as running:
        yield f"http://127.0.0.1:{running.port}"


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    """What the command line does, asked otherwise."""
    with Client(url, ADMIN_KEY) as client:
        yield client


@pytest.fixture
def largesse(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Largesse:
    """A command that has to succeed; what it prints with `--json`."""
    monkeypatch.setenv("LARGESSE_URL", url)
    monkeypatch.setenv("LARGESSE_KEY", ADMIN_KEY)

    def command(*words: object, status: int = 0) -> Any:  # noqa: ANN401 - any document
        found = run([*map(str, words), "--json"])
        out, err = capsys.readouterr()
        assert found == status, err
        return json.loads(out)

    return command


@pytest.fixture
def campaign(client: Client) -> str:
    """Coupons, open since long ago; its id."""
    reward = RewardDefinition(
        key="A",
        kind="COUPON",
        value={"amount": 500, "currency": "KRW"},
        quota_total=10_000,
        code=CodeFormat(pattern="####-####-**"),
    )
    described = CampaignDefinition(
        name="Launch", starts_at="2026-01-01T00:00:00.000Z", rewards=[reward]
    )
    return client.ask(campaigns.create(described, activate=True)).id


def made(largesse: Largesse, campaign: str, count: int = COUNT) -> str:
    """A new pool; its id."""
    words = ("codes", "generate", campaign, "--count", count, "--name", "Printer")
    return str(largesse(*words)["id"])


def rows(path: Path) -> list[list[str]]:
    """The rows of a CSV file."""
    return list(csv.reader(io.StringIO(path.read_text())))


def test_codes_for_a_printer(largesse: Largesse, campaign: str, tmp_path: Path) -> None:
    """Set aside, written to a file, and every one of them known."""
    pool, path = made(largesse, campaign), tmp_path / "codes.csv"

    done = largesse("codes", "export", pool, path)
    found = largesse("codes", "check", path, "--output", tmp_path / "found.csv")

    assert done["codes"] == COUNT
    head, *printed = rows(path)
    assert head == ["number", "code"]
    assert len({code for _, code in printed}) == COUNT
    assert found["counts"] == {"AVAILABLE": COUNT}
    _, *findings = rows(tmp_path / "found.csv")
    assert [finding[0] for finding in findings] == [code for _, code in printed]
    assert path.stat().st_mode & 0o077 == 0, "codes that nobody has are as good as money"
    [listed] = [one for one in largesse("codes", "list")["items"] if one["id"] == pool]
    assert (listed["exports"], listed["count"]) == (1, COUNT)


def test_parquet(largesse: Largesse, campaign: str, tmp_path: Path) -> None:
    """By its option."""
    path = tmp_path / "codes.parquet"
    largesse("codes", "export", made(largesse, campaign, 10), path, "--format", "parquet")

    assert pyarrow.parquet.read_table(path).num_rows == 10


def test_a_file_that_is_there_stays(largesse: Largesse, campaign: str, tmp_path: Path) -> None:
    """Nothing is asked of the server, so that the pool still counts as not exported."""
    pool, path = made(largesse, campaign, 3), tmp_path / "codes.csv"
    path.write_text("mine")

    told = largesse("codes", "export", pool, path, status=FAILED)

    assert "is there already" in told["detail"]
    assert path.read_text() == "mine"
    path.unlink()
    largesse("codes", "export", pool, path)
    refused = largesse("codes", "export", pool, tmp_path / "other.csv", status=FAILED)
    assert refused["code"] == "WRONG_STATUS"
    largesse("codes", "export", pool, tmp_path / "other.csv", "--again")
    assert rows(tmp_path / "other.csv") == rows(path)


def test_a_download_that_was_cut_off(
    largesse: Largesse, client: Client, campaign: str, tmp_path: Path
) -> None:
    """Is gone on with from the bytes that are there."""
    pool, path = made(largesse, campaign), tmp_path / "codes.csv"
    job = client.ask(codes.export(pool))
    while not job.ended:
        job = client.ask(jobs.show(job.id))
    whole = client.ask(jobs.result(job.id)).content
    part = tmp_path / f"codes.csv.{job.id}.part"
    for have in (b"", b"n", whole[:1_000], whole):
        part.write_bytes(have)
        largesse("codes", "export", pool, path, "--job", job.id)
        assert path.read_bytes() == whole
        assert list(tmp_path.iterdir()) == [path]
        path.unlink()


def test_a_job_of_another_pool(largesse: Largesse, campaign: str, tmp_path: Path) -> None:
    """Its codes must not be taken for this pool's."""
    one, two = made(largesse, campaign, 3), made(largesse, campaign, 3)
    done = largesse("codes", "export", one, tmp_path / "one.csv")

    told = largesse(
        "codes", "export", two, tmp_path / "two.csv", "--job", done["job_id"], status=FAILED
    )

    assert "is about" in told["detail"]


@pytest.mark.parametrize(
    "text",
    [
        "{0}\n{1}\n",
        "﻿number,code\r\n1,{0}\r\n2,{1}\r\n",
        'code,note\n{0},"a, b"\n{1},\n',
        "\n{0}\n\n{1}",
    ],
)
def test_files_of_codes(largesse: Largesse, campaign: str, tmp_path: Path, text: str) -> None:
    """One per line, or a column of a table."""
    made_path, path = tmp_path / "made.csv", tmp_path / "typed.txt"
    largesse("codes", "export", made(largesse, campaign, 2), made_path)
    [_, [_, one], [_, two]] = rows(made_path)
    path.write_text(text.format(one.lower(), two.replace("-", "")), encoding="utf-8")

    found = largesse("codes", "check", path)

    assert [finding["status"] for finding in found["results"]] == ["AVAILABLE"] * 2


def test_codes_that_are_none(largesse: Largesse, tmp_path: Path) -> None:
    """Exit status 1, for scripts that watch a till."""
    path = tmp_path / "typed.txt"
    path.write_text("hello\n")
    found = largesse("codes", "check", path, status=1)
    assert found["counts"] == {"UNKNOWN": 1}


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "no code to check"), (b"\n\n", "no code to check"), (b"\xff\xfe\x00", "in UTF-8")],
)
def test_files_that_are_none(largesse: Largesse, tmp_path: Path, content: bytes, told: str) -> None:
    """Told in one line."""
    path = tmp_path / "typed.txt"
    path.write_bytes(content)
    assert told in largesse("codes", "check", path, status=FAILED)["detail"]


def test_a_pool_is_taken_back(largesse: Largesse, client: Client, campaign: str) -> None:
    """Its units return to the stock."""
    pool = made(largesse, campaign, 5)
    assert client.ask(campaigns.show(campaign)).rewards[0].stock.reserved == 5
    assert largesse("codes", "delete", pool)["status"] == "DELETED"
    assert client.ask(campaigns.show(campaign)).rewards[0].stock.reserved == 0


def test_jobs_are_shown(largesse: Largesse, campaign: str) -> None:
    """Listed, shown; one that has ended cannot be cancelled."""
    pool = made(largesse, campaign, 5)
    job = largesse("job", "list")["items"][0]
    assert (job["kind"], job["subject"], job["status"]) == ("codes.generate", pool, "DONE")
    assert largesse("job", "show", job["id"]) == job
    assert largesse("job", "cancel", job["id"]) == job


def test_nonsense_is_refused(largesse: Largesse, campaign: str) -> None:
    """By the server, with its reason."""
    words = ("codes", "generate", campaign, "--name", "Printer", "--count")
    assert largesse(*words, 10_001, status=FAILED)["code"] == "NOT_ENOUGH_LEFT"
    assert largesse(*words, -1, status=FAILED)["pointer"] == "/count"
    assert largesse("codes", "export", "pool_x", status=FAILED)["code"] == "NOT_FOUND"
