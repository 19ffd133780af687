"""The database's time: what all processes on it go by."""

from psycopg import Connection

from largesse.kernel.clock import CarriedClock, ticking_s

_NOW = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"


def take_time(db: Connection, clock: CarriedClock) -> None:
    """Let a clock hear what time it is in the database."""
    asked_s = ticking_s()
    [told_ms] = db.execute(_NOW).fetchone() or (0,)
    clock.hear(told_ms, asked_s, ticking_s())
