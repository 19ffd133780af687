"""Kill -9 amid a job: another server goes on with it, and nothing is there twice or missing."""

import csv
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from running import ADMIN_KEY, Running, served

COUNT = 400_000
QUICK = {"LARGESSE_JOBS_LEASE_S": "1"}
"""The lease of a killed worker lapses soon."""

Json = dict[str, Any]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


class Till:
    """Somebody with the admin key of a server."""

    def __init__(self, running: Running) -> None:
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{running.port}",
            headers={"authorization": f"Bearer {ADMIN_KEY}"},
            timeout=30,
        )

    def __enter__(self) -> Self:
        """Hang up at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self.http.close()

    def post(self, path: str, body: object = None) -> Json:
        """Change something."""
        answer = self.http.post(f"/api/v1{path}", json=body).raise_for_status()
        shown: Json = answer.json()
        return shown

    def get(self, path: str) -> Json:
        """Read something."""
        shown: Json = self.http.get(f"/api/v1{path}").raise_for_status().json()
        return shown

    def until(self, job: Json, is_so: Callable[[Json], bool], s_max: float = 60.0) -> Json:
        """A job once something is so of it, seen as soon as it is."""
        give_up_s = time.monotonic() + s_max
        while not is_so(job):
            assert time.monotonic() < give_up_s, job
            job = self.get(f"/jobs/{job['id']}")
        return job

    def campaign(self, source: str) -> str:
        """A campaign of twice the pool; its id."""
        reward = {
            "key": "A",
            "kind": "COUPON",
            "value": {"item": "x"},
            "quota_total": 2 * COUNT,
            "code": {"pattern": "##########**", "source": source},
        }
        body = {"name": "C", "starts_at": "2026-01-01T00:00:00Z", "rewards": [reward]}
        return str(self.post("/campaigns", {**body, "activate": True})["id"])


def is_amid(job: Json) -> bool:
    """Whether something of it is done, and something is not."""
    assert job["done"] < job["total"], "it was over before it could be killed: make it larger"
    return int(job["done"]) > 0


def has_ended(job: Json) -> bool:
    """Whether nothing about it will change."""
    return job["ended_at"] is not None


def codes_of(till: Till, job: Json) -> list[str]:
    """The codes in a job's file, whose numbers are without gaps."""
    rows = list(csv.reader(till.http.get(job["result_url"]).text.splitlines()))
    assert [row[0] for row in rows] == ["number", *map(str, range(1, len(rows)))]
    return [row[1] for row in rows[1:]]


def test_an_export_is_gone_on_with(tmp_path: Path) -> None:
    """The file is as if nobody had been killed."""
    with served(tmp_path, QUICK) as running, Till(running) as till:
        campaign = till.campaign("permuted")
        body = {"count": COUNT, "name": "P"}
        pool = till.post(f"/campaigns/{campaign}/code-pools", body)["subject"]
        job = till.until(till.post(f"/code-pools/{pool}:export", {}), is_amid)
        running.kill()
    with served(tmp_path, QUICK) as running, Till(running) as till:
        again = till.get(f"/jobs/{job['id']}")
        assert again["done"] >= job["done"], "what it said was done was not kept"
        ended = till.until(again, has_ended)
        codes = codes_of(till, ended)
        other = till.until(till.post(f"/code-pools/{pool}:export", {"again": True}), has_ended)
        assert codes_of(till, other) == codes

    assert ended["status"] == "DONE"
    assert len(codes) == len({*codes}) == COUNT


def test_a_pool_of_random_codes_is_gone_on_with(tmp_path: Path) -> None:
    """It has exactly as many codes as it should, and as many units are set aside."""
    with served(tmp_path, QUICK) as running, Till(running) as till:
        campaign = till.campaign("random")
        body = {"count": COUNT, "name": "P"}
        job = till.until(till.post(f"/campaigns/{campaign}/code-pools", body), is_amid)
        running.kill()
    with (
        served(tmp_path, {**QUICK, "LARGESSE_AUDIT_PERIOD_S": "1"}) as running,
        Till(running) as till,
    ):
        ended = till.until(till.get(f"/jobs/{job['id']}"), has_ended)
        export = till.post(f"/code-pools/{job['subject']}:export", {})
        codes = codes_of(till, till.until(export, has_ended))
        stock = till.get(f"/campaigns/{campaign}")["rewards"][0]["stock"]
        while (proof := till.get("/audit/conservation"))["checked_at"] is None:
            pass

    assert ended["status"] == "DONE"
    assert len(codes) == len({*codes}) == COUNT
    assert (stock["reserved"], stock["left"]) == (COUNT, COUNT)
    assert proof["violations"] == []


def test_a_cancellation_survives(tmp_path: Path) -> None:
    """The server is killed right after it was told to cancel: the units come back all the same."""
    with served(tmp_path, QUICK) as running, Till(running) as till:
        campaign = till.campaign("random")
        body = {"count": COUNT, "name": "P"}
        job = till.until(till.post(f"/campaigns/{campaign}/code-pools", body), is_amid)
        cancelled = till.post(f"/jobs/{job['id']}:cancel")
        running.kill()
    with served(tmp_path, QUICK) as running, Till(running) as till:
        ended = till.until(till.get(f"/jobs/{job['id']}"), has_ended)
        stock = till.get(f"/campaigns/{campaign}")["rewards"][0]["stock"]
        pool = till.get(f"/code-pools/{job['subject']}")

    assert cancelled["status"] == "CANCELLING"
    assert (ended["status"], pool["status"]) == ("CANCELLED", "DELETED")
    assert (stock["reserved"], stock["left"]) == (0, 2 * COUNT)
