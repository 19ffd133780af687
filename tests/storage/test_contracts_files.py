"""The folder of results against its contract, and what only a folder has."""

import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from largesse.jobs.errors import JobFailedError
from largesse.jobs.ports import ResultStore
from largesse.kernel.errors import UnavailableError
from largesse.storage.files.results import FileResults
from largesse.testing.contracts.results import ResultStoreContract


class TestFileResults(ResultStoreContract):
    """Files of results."""

    @pytest.fixture
    def results(self, tmp_path: Path) -> ResultStore:
        """Room for a thousand bytes."""
        return FileResults(tmp_path / "results", bytes_max=1_000)


def test_nobody_else_may_read_them(tmp_path: Path) -> None:
    """Codes that nobody has yet are as good as money."""
    folder = tmp_path / "results"
    FileResults(folder, 1_000).write("job_1.csv", 0).close()

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "job_1.csv").stat().st_mode) == 0o600


@contextmanager
def files_of_at_most(count: int) -> Iterator[None]:
    """No file of this process may grow beyond so many bytes: what a full disk is like."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    """Where it shows: when what was collected is written."""
    results = FileResults(tmp_path, 1_000)
    file = results.write("job_1.csv", 0)
    file.write(b"number,code\r\n")
    with files_of_at_most(5), pytest.raises(JobFailedError, match="is full: make room"):
        results.sync(file)

    file.close()
    assert results.sizes() == {"job_1.csv": 13}


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    """A file stands in its place."""
    (tmp_path / "results").write_text("in the way")
    with pytest.raises(UnavailableError, match="results cannot be kept"):
        FileResults(tmp_path / "results", 1_000).write("job_1.csv", 0)
