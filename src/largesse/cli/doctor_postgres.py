"""What `largesse doctor` makes of a PostgreSQL database."""

from largesse.cli.diagnosis import Finding
from largesse.settings.tree import Database
from largesse.storage.postgres.inspection import Inspection, Look, inspect
from largesse.storage.postgres.numbering import Numbers
from largesse.storage.postgres.opening import VERSION_MIN
from largesse.storage.postgres.schema import Phase, Standing

TRIP_S_MAX = 0.005
"""Each batch asks twice: with 5 ms a way there are a hundred batches in a second."""

AHEAD_MS_MAX = 1_000
"""largesse goes by the database's clock; people compare it with this machine's."""


def examine_database(settings: Database) -> list[Finding]:
    """All findings about a database."""
    return judge(inspect(settings.url, settings.listen_url))


_COPIED = frozenset({"on", "remote_apply"})
"""With these a standby has on its disk what was committed; `remote_write` may still lose it."""


def judge(found: Inspection) -> list[Finding]:
    """What a look at a database means."""
    if found.look is None or found.schema is None:
        return [Finding("database", "fail", found.problem, "nothing goes without it")]
    look = found.look
    return [
        _judge_server(found.name, look),
        _judge_schema(found.schema),
        _judge_numbers(found.numbers),
        _judge_durability(look),
        _judge_copies(look),
        _judge_wall(look),
        _judge_way(look),
        _judge_words(look),
        _judge_clock(look),
    ]


def _judge_server(name: str, look: Look) -> Finding:
    what = f"{name} is PostgreSQL {look.version}"
    if look.major < VERSION_MIN:
        return Finding("database", "fail", what, f"use {VERSION_MIN} or newer")
    if look.standby:
        return Finding("database", "fail", f"{what}, a standby", "name the primary")
    return Finding("database", "ok", what)


def _judge_schema(schema: Standing) -> Finding:
    what = f"{len(schema.applied)} migrations applied, {len(schema.pending)} to come"
    if not schema.applied:
        return Finding("schema", "ok", "not there yet: the first start makes it")
    if any(one.phase is Phase.PRE for one in schema.pending):
        return Finding("schema", "fail", what, "run `largesse db upgrade`")
    if schema.pending:
        advice = "run `largesse db upgrade --finish` once no older release runs any more"
        return Finding("schema", "warn", what, advice)
    return Finding("schema", "ok", what)


def _judge_numbers(numbers: Numbers | None) -> Finding:
    if numbers is None or not any(numbers):
        return Finding("numbers", "ok", "facts are numbered as this server counts")
    if numbers.short:
        what = f"the rows come from a server that had counted further, by {numbers.short}"
        advice = "see that nothing runs on that one any more; the next start numbers on from there"
        return Finding("numbers", "warn", what, advice)
    what = f"facts are numbered {numbers.lead} before this server's count, since it was moved here"
    return Finding("numbers", "ok", what)


def _judge_durability(look: Look) -> Finding:
    what = (
        f"synchronous_commit = {look.synchronous_commit}, fsync = {_on(look.fsync)}, "
        f"full_page_writes = {_on(look.full_page_writes)}"
    )
    if look.synchronous_commit == "off":
        advice = "set synchronous_commit = on: what was answered would be lost by a crash"
        return Finding("durability", "fail", what, advice)
    if not look.fsync or not look.full_page_writes:
        advice = "set both on: what was answered would be lost by a power cut"
        return Finding("durability", "warn", what, advice)
    return Finding("durability", "ok", what)


def _judge_copies(look: Look) -> Finding:
    if look.waits_for_a_copy and look.synchronous_commit not in _COPIED:
        what = (
            f"commits do not wait for the standbys: synchronous_commit = {look.synchronous_commit}"
        )
        return Finding("standbys", "warn", what, "set synchronous_commit = on for this role")
    if look.copies and not look.waits_for_a_copy:
        what = f"{look.copies} standbys that no commit waits for"
        advice = "failing over to one loses the last answers: set synchronous_standby_names"
        return Finding("standbys", "warn", what, advice)
    what = "commits wait for a standby" if look.waits_for_a_copy else "no standbys"
    return Finding("standbys", "ok", what)


def _judge_wall(look: Look) -> Finding:
    if look.wall_is_open:
        advice = "use a role that is no superuser and has no BYPASSRLS: it owns the tables"
        return Finding("wall", "warn", "this role passes row-level security by", advice)
    return Finding("wall", "ok", "row-level security holds for this role")


def _judge_way(look: Look) -> Finding:
    what = f"an answer takes {look.trip_s * 1000:.1f} ms"
    what += ", through a pooler" if look.pooled else ""
    if look.trip_s > TRIP_S_MAX:
        return Finding("way", "warn", what, "bring largesse nearer: each batch asks twice")
    return Finding("way", "ok", what)


def _judge_words(look: Look) -> Finding:
    if not look.hears:
        what = (
            "a pooler carries no words of what other processes change: it is looked for each second"
        )
        advice = "name the database without the pooler in database.listen_url"
        return Finding("changes", "warn", what, advice)
    return Finding("changes", "ok", "what other processes change is heard of at once")


def _judge_clock(look: Look) -> Finding:
    what = f"its clock is {look.ahead_ms / 1000:+.1f} s from this machine's"
    if abs(look.ahead_ms) > AHEAD_MS_MAX:
        advice = "campaigns open and close by the database's: set one of the two right"
        return Finding("time", "warn", what, advice)
    return Finding("time", "ok", what)


def _on(yes: bool) -> str:  # noqa: FBT001 — it is shown as it is
    return "on" if yes else "off"
