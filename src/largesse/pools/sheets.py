"""Files of codes: CSV by the standard library, Parquet by pyarrow where that is installed."""

import csv
import io
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, BinaryIO

from largesse.pools.model import ExportFormat
from largesse.pools.ports import CodeSheet

COLUMNS = ("number", "code")

CONTENT_TYPES = {
    ExportFormat.CSV: "text/csv",  # in UTF-8: what else it is, the header says
    ExportFormat.PARQUET: "application/vnd.apache.parquet",
}


def formats() -> frozenset[ExportFormat]:
    """What this installation can write."""
    if find_spec("pyarrow") is None:
        return frozenset({ExportFormat.CSV})
    return frozenset(ExportFormat)


def open_sheet(form: ExportFormat, file: BinaryIO, at: int) -> CodeSheet:
    """See `OpenSheet`."""
    return CsvSheet(file, at) if form is ExportFormat.CSV else ParquetSheet(file)


class CsvSheet:
    """RFC 4180 in UTF-8, with a head; a file that was cut after any row is gone on with."""

    def __init__(self, file: BinaryIO, at: int) -> None:
        self._file = file
        if not at:
            self._add([COLUMNS])

    def write(self, first: int, codes: Sequence[str]) -> None:
        """See `CodeSheet`."""
        self._add(enumerate(codes, first))

    def mark(self) -> int | None:
        """See `CodeSheet`."""
        return self._file.tell()

    def close(self) -> None:
        """See `CodeSheet`: there is nothing to add."""

    def _add(self, rows: Any) -> None:  # noqa: ANN401 — rows of numbers, texts, or both
        text = io.StringIO()
        csv.writer(text).writerows(rows)
        self._file.write(text.getvalue().encode())


class ParquetSheet:
    """One row group for each part. The file is readable once it is closed, and not before."""

    def __init__(self, file: BinaryIO) -> None:
        # Imported when the first file is asked for: it takes as much memory as the idle server.
        arrow = import_module("pyarrow")
        fields = [(COLUMNS[0], arrow.int64()), (COLUMNS[1], arrow.string())]
        self._schema = arrow.schema(fields)
        writer = import_module("pyarrow.parquet").ParquetWriter
        self._writer = writer(file, self._schema, compression="zstd")
        self._arrow = arrow

    def write(self, first: int, codes: Sequence[str]) -> None:
        """See `CodeSheet`."""
        numbers = self._arrow.array(range(first, first + len(codes)), self._arrow.int64())
        columns = [numbers, self._arrow.array(codes, self._arrow.string())]
        self._writer.write_table(self._arrow.table(columns, schema=self._schema))

    def mark(self) -> int | None:
        """See `CodeSheet`: the end of the file says where its parts are, so it is begun anew."""
        return None

    def close(self) -> None:
        """See `CodeSheet`."""
        self._writer.close()
