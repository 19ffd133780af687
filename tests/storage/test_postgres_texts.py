"""Texts that PostgreSQL cannot keep are the caller's mistake, and said to be."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from postgres_databases import settings_of
from postgres_ledger import open_ledger

from largesse.campaigns.model import CampaignFilter
from largesse.kernel.errors import InvalidInputError
from largesse.storage.postgres.database import PostgresDatabase
from largesse.testing.factories import NOW_MS, World, a_tenant, keep_tenant


@pytest.fixture
def world(postgres_url: str) -> Iterator[World]:
    """A ledger."""
    with closing(PostgresDatabase(settings_of(postgres_url))) as database:
        yield open_ledger(database).world


async def test_a_nul_is_refused(world: World) -> None:
    """In what is looked for and in what is to be kept; the next one goes well."""
    with pytest.raises(InvalidInputError, match="NUL"):
        await world.tenants.read(lambda records: records.tenant_by_id("ten_\0"))
    with pytest.raises(InvalidInputError, match="NUL"):
        await world.campaigns.read(
            lambda records: records.campaigns(
                1, CampaignFilter(now_ms=NOW_MS, name_contains="\0"), None, 1
            )
        )
    with pytest.raises(InvalidInputError, match="NUL"):
        await keep_tenant(world, a_tenant("a\0"))
    assert (await keep_tenant(world)).number > 0
