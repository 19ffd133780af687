"""Files of codes: CSV, and Parquet by pyarrow where that is installed."""

import re
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import BinaryIO

from largesse.pools.model import ExportFormat
from largesse.pools.ports import CodeSheet

COLUMNS = ("number", "code")

_END = "\r\n"
_TO_BE_QUOTED = re.compile('[",]')


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
            self._file.write(f"{','.join(COLUMNS)}{_END}".encode())

    def write(self, first: int, codes: Sequence[str]) -> None:
        """See `CodeSheet`. Codes are printable, so that quotes and commas are all to look for."""
        cells = codes
        if _TO_BE_QUOTED.search("".join(codes)):
            cells = [_quoted(code) for code in codes]
        rows = [f"{number},{cell}{_END}" for number, cell in enumerate(cells, first)]
        self._file.write("".join(rows).encode())

    def mark(self) -> int | None:
        """See `CodeSheet`."""
        return self._file.tell()

    def close(self) -> None:
        """See `CodeSheet`: there is nothing to add."""


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


def _quoted(code: str) -> str:
    return '"' + code.replace('"', '""') + '"'
