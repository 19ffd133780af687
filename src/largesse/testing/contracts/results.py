"""The behaviour that every `ResultStore` shares."""

import pytest

from largesse.jobs.errors import JobFailedError
from largesse.jobs.ports import ResultStore


class ResultStoreContract:
    """Mix into a test class that has a fixture `results`: a store with room for 1,000 bytes."""

    def test_what_was_written_is_read(self, results: ResultStore) -> None:
        """From its beginning, as often as one likes."""
        write(results, "job_1.csv", 0, b"number,code\r\n")

        assert read(results, "job_1.csv") == b"number,code\r\n"
        assert read(results, "job_1.csv") == b"number,code\r\n"
        assert results.sizes() == {"job_1.csv": 13}

    def test_a_file_is_gone_on_with(self, results: ResultStore) -> None:
        """After the bytes that somebody knows of; what stood behind them is cut off."""
        write(results, "job_1.csv", 0, b"known and torn")
        write(results, "job_1.csv", len(b"known "), b"new")

        assert read(results, "job_1.csv") == b"known new"

    def test_what_is_gone_is_nothing(self, results: ResultStore) -> None:
        """And to remove it again is no error."""
        write(results, "job_1.csv", 0, b"x")
        results.remove(["job_1.csv", "job_2.csv"])
        results.remove(["job_1.csv"])

        assert results.read("job_1.csv") is None
        assert results.sizes() == {}

    def test_a_reader_keeps_what_is_removed(self, results: ResultStore) -> None:
        """Whoever has begun to read a file reads it to its end."""
        write(results, "job_1.csv", 0, b"content")
        file = results.read("job_1.csv")
        assert file is not None
        results.remove(["job_1.csv"])

        assert file.read() == b"content"
        file.close()

    def test_all_together_have_a_limit(self, results: ResultStore) -> None:
        """A job that would take more fails; once something is removed there is room again."""
        write(results, "job_1.csv", 0, b"x" * 900)
        file = results.write("job_2.csv", 0)
        file.write(b"x" * 101)
        file.flush()
        with pytest.raises(JobFailedError, match="results take more than"):
            results.sync(file)
        file.close()
        with pytest.raises(JobFailedError, match="results take more than"):
            results.write("job_3.csv", 0)

        results.remove(["job_1.csv"])

        write(results, "job_3.csv", 0, b"x")


def write(results: ResultStore, name: str, at: int, content: bytes) -> None:
    """Go on with a file after its first `at` bytes."""
    file = results.write(name, at)
    file.write(content)
    results.sync(file)
    file.close()


def read(results: ResultStore, name: str) -> bytes:
    """A whole file."""
    file = results.read(name)
    assert file is not None
    with file:
        return file.read()
