"""What the tests of stores share."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from postgres_databases import Databases, settings_of
from twin_ledgers import Begin, PostgresTwin, SQLiteTwin

from largesse.storage.postgres.database import PostgresDatabase


@pytest.fixture(params=["sqlite", "postgres"])
def begin(request: pytest.FixtureRequest) -> Iterator[Begin]:
    """Makes an empty ledger for each history."""
    if request.param == "sqlite":
        folder: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
        yield lambda: SQLiteTwin(folder.mktemp("twins") / "largesse.db")
        return
    databases: Databases = request.getfixturevalue("databases")
    with databases.fresh() as url, closing(PostgresDatabase(settings_of(url))) as database:
        yield lambda: PostgresTwin(databases, database)
