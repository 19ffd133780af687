"""A restart of the application on its ledger, after the machine's clock was set back."""

from pathlib import Path

from rest_stage import OPERATOR_KEY, REWARD, Caller

from largesse.http.times import rfc3339
from largesse.kernel.clock import FakeClock, SystemClock
from largesse.settings.load import load
from largesse.settings.tree import Settings
from largesse.wiring.application import open_application

HOUR_MS = 3_600_000


def settings_in(folder: Path) -> Settings:
    """A file of the test's own."""
    environment = {
        "LARGESSE_ADMIN_KEY": OPERATOR_KEY,
        "LARGESSE_DATABASE": f"sqlite:///{folder}/largesse.db",
    }
    return load(environment, folder=folder).settings


async def test_a_restart_does_not_go_back_in_time(tmp_path: Path) -> None:
    """What comes after the ledger's last moment is not before it; /readyz says what is wrong."""
    settings = settings_in(tmp_path)
    ahead_ms = SystemClock().now_ms() + HOUR_MS
    async with open_application(settings, FakeClock(ahead_ms)) as application:
        caller = Caller(application, OPERATOR_KEY)
        campaign = await caller.campaign(
            starts_at="2020-01-01T00:00:00Z", rewards=[{**REWARD, "quota_daily": 1}]
        )
        first = await caller.incentive(campaign["id"], "ann")
    assert first["issued_at"] == rfc3339(ahead_ms)

    async with open_application(settings) as application:
        caller = Caller(application, OPERATOR_KEY)
        path = f"/campaigns/{campaign['id']}/claims"
        today = await caller.post(path, {"customer_id": "bob"}, "bob")
        assert today.json()["code"] == "SOLD_OUT_TODAY"
        other = await caller.campaign(starts_at="2020-01-01T00:00:00Z")
        second = await caller.incentive(other["id"], "bob")
        assert second["issued_at"] == first["issued_at"]
        ready = await caller.http.get("/readyz")
        assert ready.status_code == 503
        assert "clock is behind by 3" in ready.json()["problems"]["clock"]


async def test_a_restart_in_good_time_is_ready(tmp_path: Path) -> None:
    """A ledger whose last moment is over holds nothing back."""
    settings = settings_in(tmp_path)
    before_ms = SystemClock().now_ms() - HOUR_MS
    for clock in (FakeClock(before_ms), None):
        async with open_application(settings, clock) as application:
            caller = Caller(application, OPERATOR_KEY)
            campaign = await caller.campaign(starts_at="2020-01-01T00:00:00Z")
            given = await caller.incentive(campaign["id"])
            assert (await caller.http.get("/readyz")).json()["problems"] == {}
    assert given["issued_at"] > rfc3339(before_ms)
