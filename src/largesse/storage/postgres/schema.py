"""The schema in its numbered steps, and how a database is brought up to date.

Everything of ours is in the schema `largesse`: the rest of the database is not our business.
"""

import re
from enum import StrEnum
from importlib.resources import files
from typing import NamedTuple

from psycopg import Connection, sql

from largesse.kernel.errors import StartError

_FILE = re.compile(r"(\d{4})_(\w+)\.(pre|post)\.sql")
_LOCK_S_MAX = "10s"
"""A step that waits longer for a table would make all claims wait behind it."""

_LOCK = "SELECT pg_advisory_xact_lock(1279742789, -1)"
_IS_THERE = "SELECT to_regclass('largesse.migration') IS NOT NULL"
_PREPARE = """
CREATE SCHEMA IF NOT EXISTS largesse;
CREATE TABLE IF NOT EXISTS largesse.migration (
  number integer PRIMARY KEY,
  name text NOT NULL,
  phase text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
)"""
_APPLIED = "SELECT number, name, phase FROM largesse.migration ORDER BY number"
_NOTE = "INSERT INTO largesse.migration (number, name, phase) VALUES (%s, %s, %s)"


class Phase(StrEnum):
    """When a step is taken.

    PRE only adds: the release before this one goes on working on it, so it comes first. POST takes
    away what only older releases used, once none of them runs any more.
    """

    PRE = "pre"
    POST = "post"


class Migration(NamedTuple):
    """One step of the schema."""

    number: int
    name: str
    phase: Phase
    statements: str = ""


class Standing(NamedTuple):
    """Steps that a database has, and those that this program knows beyond them."""

    applied: tuple[Migration, ...]
    pending: tuple[Migration, ...]


def migrations() -> list[Migration]:
    """All steps, in the order of their numbers, which have no gaps."""
    found = [
        Migration(int(name[1]), name[2], Phase(name[3]), file.read_text(encoding="utf-8"))
        for file in files(__package__).joinpath("migrations").iterdir()
        if (name := _FILE.fullmatch(file.name))
    ]
    found.sort()
    assert [one.number for one in found] == list(range(1, len(found) + 1)), "numbered from one"
    return found


def standing(db: Connection) -> Standing:
    """How far a database is."""
    [there] = db.execute(_IS_THERE).fetchone() or (False,)
    rows = db.execute(_APPLIED).fetchall() if there else []
    applied = tuple(Migration(number, name, Phase(phase)) for number, name, phase in rows)
    had = {one.number for one in applied}
    return Standing(applied, tuple(one for one in migrations() if one.number not in had))


def upgrade(db: Connection, phases: frozenset[Phase]) -> list[Migration]:
    """Take the steps of some phases that are missing, each in a transaction; those it took.

    A step before which one of another phase is missing waits for that. Several processes may do
    this at once: one of them takes a step, the others find it taken.
    """
    taken: list[Migration] = []
    while (step := _take_next(db, phases)) is not None:
        taken.append(step)
    return taken


def check(db: Connection) -> None:
    """Refuse a database whose schema this program cannot work on; make one that has none.

    Unknown steps of the phase PRE are no hindrance: they only add.
    """
    found = standing(db)
    if not found.applied:
        upgrade(db, frozenset(Phase))
        return
    pending = [one for one in found.pending if one.phase is Phase.PRE]
    if pending:
        message = (
            f"the database lacks migration {pending[0].number:04} ({pending[0].name}): "
            "run `largesse db upgrade` with the same --database"
        )
        raise StartError(message)
    known = len(migrations())
    newer = [one for one in found.applied if one.number > known and one.phase is Phase.POST]
    if newer:
        message = (
            f"the database has migration {newer[0].number:04} ({newer[0].name}), after which this "
            "release cannot use it: install a newer largesse"
        )
        raise StartError(message)


def _take_next(db: Connection, phases: frozenset[Phase]) -> Migration | None:
    with db.transaction():
        db.execute(sql.SQL("SET LOCAL lock_timeout TO {}").format(sql.Literal(_LOCK_S_MAX)))
        db.execute(_LOCK)
        db.execute(_PREPARE)
        db.execute("SET LOCAL search_path TO largesse")
        pending = standing(db).pending
        if not pending or pending[0].phase not in phases:
            return None
        step = pending[0]
        db.execute(step.statements.encode())
        db.execute(_NOTE, (step.number, step.name, step.phase))
        return step
