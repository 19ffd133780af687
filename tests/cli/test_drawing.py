"""Customers, draws and coupons from the command line, before a running server."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from running import ADMIN_KEY, PROGRAM, served

WHEEL = {
    "name": "Wheel",
    "type": "DRAW",
    "starts_at": "2026-01-01T00:00:00Z",
    "customers": "REGISTERED",
    "requires": ["phone"],
    "rewards": [
        {
            "key": "A",
            "kind": "COUPON",
            "value": {"amount": 500, "currency": "KRW"},
            "weight_ppm": 1_000_000,
        }
    ],
}

Run = Callable[..., tuple[int, Any]]


def told_by(url: str) -> Run:
    """Runs a command with `--json`: its exit status, and the document that it prints."""

    def run(*words: str) -> tuple[int, Any]:
        environment = {"LARGESSE_URL": url, "LARGESSE_KEY": ADMIN_KEY}
        command = [PROGRAM, *words, "--json"]
        ended = subprocess.run(command, capture_output=True, env=environment, check=False)
        return ended.returncode, json.loads(ended.stdout)

    return run


@pytest.mark.slow
def test_a_raffle_bound_to_a_round(tmp_path: Path) -> None:
    """Entered once, and told its round's value once."""
    prize = {"key": "A", "kind": "COUPON", "value": {"item": "A bicycle"}, "quota_total": 1}
    raffle = {
        "name": "Bicycle",
        "type": "RAFFLE",
        "starts_at": "2026-01-01T00:00:00Z",
        "ends_at": "2999-01-01T00:00:00Z",
        "per_customer_max": None,
        "beacon": {"source": "drand quicknet", "round": 25_000_000},
        "rewards": [{**prize, "expires_after_s": 60, "metadata": {"sort": None}}],
    }
    (tmp_path / "raffle.json").write_text(json.dumps(raffle))
    with served(tmp_path) as server:
        run = told_by(f"http://127.0.0.1:{server.port}")
        _, made = run("campaign", "create", str(tmp_path / "raffle.json"), "--activate")
        campaign = made["id"]
        _, entry = run("raffle", "enter", campaign, "ann", "--idempotency-key", "k")
        assert run("raffle", "enter", campaign, "ann", "--idempotency-key", "k")[1] == entry
        assert run("raffle", "enter", campaign, "ann")[1]["code"] == "ALREADY_DRAWN"

        status, bound = run("campaign", "beacon", campaign, "8b3f0c")
        assert (status, bound["beacon"]["value"]) == (0, "8b3f0c")
        for field in ("rewards", "ends_at", "draws_per"):
            assert bound[field] == made[field]
        assert run("campaign", "beacon", campaign, "8b3f0d")[0] == 1
        assert run("raffle", "pick", campaign)[1]["code"] == "WRONG_STATUS"
        del raffle["beacon"]
        (tmp_path / "free.json").write_text(json.dumps(raffle))
        free = run("campaign", "create", str(tmp_path / "free.json"), "--activate")[1]["id"]
        assert run("campaign", "beacon", free, "8b3f0c")[0] == 1


@pytest.mark.slow
def test_a_customer_and_his_draw(tmp_path: Path) -> None:
    """Registered, drawn, shown, used, forgotten."""
    (tmp_path / "wheel.json").write_text(json.dumps(WHEEL))
    with served(tmp_path) as server:
        run = told_by(f"http://127.0.0.1:{server.port}")
        _, wheel = run("campaign", "create", str(tmp_path / "wheel.json"), "--activate")
        campaign = wheel["id"]

        status, refused = run("draw", "make", campaign, "ann")
        assert (status, refused["code"]) == (1, "UNKNOWN_CUSTOMER")
        assert run("customer", "register", "ann")[0] == 0
        assert run("draw", "make", campaign, "ann")[1]["code"] == "PHONE_REQUIRED"
        phone = "+821012345678"
        assert run("customer", "replace", "ann", "--phone", phone, "--verified")[0] == 0
        assert run("customer", "list", "--phone", phone)[1]["items"][0]["verified"] is True
        assert run("customer", "show", "ann")[1]["phone"] == phone
        assert run("customer", "token", "ann")[1]["token"].startswith("ey")

        assert run("draw", "make", campaign, "ann", "--dry-run")[1]["outcome"] == "DRAWN"
        _, drawn = run("draw", "make", campaign, "ann", "--client-seed", "clover")
        assert (drawn["won"], drawn["draw"]["client_seed"]) == (True, "clover")
        _, listed = run("draw", "list", campaign, "ann")
        assert (listed["may_draw"], len(listed["items"])) == (False, 1)
        assert run("draw", "show", drawn["draw"]["id"])[1] == listed["items"][0]

        receipt, proof = str(tmp_path / "ann.receipt"), str(tmp_path / "wheel.proof")
        status, kept = run("draw", "receipt", drawn["draw"]["id"], receipt)
        assert (status, kept["customer_id"]) == (0, "ann")
        assert run("draw", "verify", receipt, "--commitment", kept["commitment"])[0] == 0
        status, found = run("draw", "verify", receipt, "--commitment", "ab" * 32)
        assert (status, found["holds"]) == (1, False)
        assert run("draw", "verify", receipt, "--receipt", receipt)[0] == 1

        code = drawn["incentive"]["code"]
        assert run("redeem", code, "bob", "--dry-run")[0] == 1
        assert run("redeem", code, "ann")[1]["outcome"] == "REDEEMED"
        assert run("redeem", drawn["incentive"]["id"], "ann")[1]["code"] == "EXHAUSTED"
        assert run("campaign", "end", campaign)[0] == 0
        assert run("draw", "proof", campaign, proof)[0] == 0
        assert run("draw", "verify", proof, "--receipt", receipt)[0] == 0
        forged = tmp_path / "forged.receipt"
        forged.write_text(Path(receipt).read_text().replace("clover", "clever"))
        assert run("draw", "verify", proof, "--receipt", str(forged))[0] == 1
        assert run("draw", "verify", proof, "--receipt", str(tmp_path / "none"))[0] == 1
        assert run("customer", "remove", "ann")[0] == 0
        assert run("customer", "list")[1]["items"] == []
