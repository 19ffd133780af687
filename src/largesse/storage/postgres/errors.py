"""The driver's errors in our words."""

import psycopg
from psycopg import errors
from psycopg_pool import PoolClosed, PoolTimeout

from largesse.kernel.errors import (
    BusyError,
    InvalidInputError,
    LargesseError,
    UnavailableError,
)

CONFLICTS = (errors.SerializationFailure, errors.DeadlockDetected)
"""Nothing has happened, and the same may go well at once: 40001 and 40P01."""

UNPREPARED = (errors.InvalidSqlStatementName, errors.DuplicatePreparedStatement)
"""A statement prepared on one server connection met another one: somebody pools between us."""

DRIVER = (psycopg.Error, PoolTimeout, PoolClosed)
"""All that the driver and its pool raise."""

_UNKEPT = (errors.CharacterNotInRepertoire, errors.UntranslatableCharacter)
"""Texts that no database in UTF-8 keeps: those with a NUL in them."""

_BUSY = (errors.LockNotAvailable, PoolTimeout)


def translate(error: Exception) -> LargesseError:
    """An error of the driver or its pool as one of ours; the caller raises it from that."""
    # Where it never came to the server, the driver itself refused to send it.
    if type(error) is psycopg.DataError or isinstance(error, _UNKEPT):
        return InvalidInputError("a text here has a character (NUL) that the ledger cannot keep")
    return BusyError() if isinstance(error, _BUSY) else UnavailableError()


def one_line(error: BaseException) -> str:
    """What the server or the driver said, without its later lines."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
