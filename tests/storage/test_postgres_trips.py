"""Trips to the server: values arrive as they were, errors end a trip and nothing more."""

from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from postgres_databases import Databases
from psycopg import errors

from largesse.storage.postgres.trips import Line, Statement, ask

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
AWKWARD = st.sampled_from(['a","b', '"', "\\", '\\"', "{}", "NULL", "", ",", "가"])


@pytest.fixture(scope="module")
def url(databases: Databases) -> Iterator[str]:
    """The address of a database with our schema, for all of these tests."""
    with databases.fresh() as url:
        yield url


@pytest.fixture(scope="module", params=[True, False], ids=["prepared", "unprepared"])
def line(url: str, request: pytest.FixtureRequest) -> Iterator[Line]:
    """A line of either kind."""
    with Line.connect(url, autocommit=True) as opened:
        opened.prepares = request.param
        opened.prepare_threshold = None
        yield opened


@given(values=st.lists(st.none() | TEXTS | AWKWARD, max_size=5))
def test_texts_arrive_as_they_were(line: Line, values: list[str | None]) -> None:
    """Whatever their characters mean to the server."""
    [rows] = ask(line, [Statement("SELECT v FROM unnest(%s::text[]) AS v", (values,))])
    assert [one for (one,) in rows] == values


@given(values=st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=5))
def test_numbers_arrive_as_they_were(line: Line, values: list[int | None]) -> None:
    """To the last of 64 bits."""
    [rows] = ask(line, [Statement("SELECT v FROM unnest(%s::bigint[]) AS v", (values,))])
    assert [one for (one,) in rows] == values


def test_nul_is_refused(line: Line) -> None:
    """Cut off at it, two customers would be one."""
    with pytest.raises(psycopg.DataError, match="NUL"):
        ask(line, [Statement("SELECT %s::text", ("a\0b",))])
    line.rollback()
    assert ask(line, [Statement("SELECT %s::text", ("a",))]) == [[("a",)]]


def test_what_is_behind_a_failure_is_not_done(line: Line) -> None:
    """Least of all a commit; the line serves on."""
    insert = Statement("INSERT INTO largesse.installation VALUES (true, %s::bytea, 0)", ("x",))
    wrong = Statement("SELECT 1 / %s::integer", (0,))
    for _ in range(2):
        with pytest.raises(errors.DivisionByZero):
            ask(line, [Statement("BEGIN"), insert, wrong, Statement("COMMIT")])
        line.rollback()
        count = Statement("SELECT count(*) FROM largesse.installation WHERE %s::text <> ''", ("x",))
        assert ask(line, [count, count]) == [[(0,)], [(0,)]]


def test_a_transaction_stays_open_between_trips(line: Line) -> None:
    """The rows of each statement come in its place."""
    level = Statement("SELECT set_config('largesse.tenant', %s, true)", (7,))
    assert ask(line, [Statement("BEGIN"), level])[1] == [("7",)]
    told = Statement("SELECT current_setting('largesse.tenant')")
    assert ask(line, [told, Statement("COMMIT")]) == [[("7",)], []]
    assert ask(line, [told]) == [[("",)]]


def test_more_than_a_socket_takes(line: Line) -> None:
    """Some megabytes both ways, while neither side may stop reading."""
    values = ["x" * 1_000] * 4_000
    echo = Statement("SELECT v FROM unnest(%s::text[]) AS v", (values,))
    assert [len(rows) for rows in ask(line, [echo, echo])] == [4_000, 4_000]


def test_a_server_that_ends_the_session(url: str) -> None:
    """Amid a trip, with statements behind it: one error of the driver's, whatever came before."""
    with Line.connect(url, autocommit=True) as ended:
        end = Statement("SELECT pg_terminate_backend(pg_backend_pid())")
        with pytest.raises(psycopg.OperationalError):
            ask(ended, [Statement("SELECT 1"), end, *[Statement("SELECT 2")] * 3])
        assert ended.closed


def test_a_silent_server_is_given_up(url: str) -> None:
    """Whoever waits for it is told in time; the line is closed, so that no late answer is taken."""
    with Line.connect(url) as silent:
        silent.silence_s_max = 0.05
        with pytest.raises(psycopg.OperationalError, match="no word"):
            ask(silent, [Statement("SELECT pg_sleep(10)")])
        assert silent.closed
