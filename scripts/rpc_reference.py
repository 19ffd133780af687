"""The page of docs/reference/ about RPC, made from the interface descriptions in proto/.

buf reads them: it is the only program that knows every comment's place.
"""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).parent.parent
V1 = "largesse/v1/coupons.proto"

_MESSAGES, _ENUMS, _SERVICES = 4, 5, 6
_PARTS = 2
"""Numbers in the paths of descriptor.proto: of a file's messages, enums and services; of each, its
fields, values and methods."""

Described = Mapping[str, Any]
Path_ = tuple[int, ...]


class Description:
    """One `.proto` file with its comments."""

    def __init__(self, file: Described) -> None:
        self._file = file
        self._comments: dict[Path_, str] = {
            tuple(place["path"]): _joined(place["leadingComments"])
            for place in file["sourceCodeInfo"]["location"]
            if "leadingComments" in place
        }

    def comment(self, *path: int) -> str:
        """What stands before a thing, in paragraphs."""
        return self._comments.get(path, "")

    def methods(self) -> Iterator[tuple[Described, str]]:
        """The methods of the one service, each with its comment."""
        [service] = self._file["service"]
        for index, method in enumerate(service["method"]):
            yield method, self.comment(_SERVICES, 0, _PARTS, index)

    def messages(self) -> Iterator[tuple[Described, str, list[list[str]]]]:
        """Every message with its comment and a row for each field."""
        for number, message in enumerate(self._file["messageType"]):
            rows = [
                [
                    f"`{field['name']}`",
                    str(field["number"]),
                    _type(field),
                    self.comment(_MESSAGES, number, _PARTS, index),
                ]
                for index, field in enumerate(message.get("field", ()))
            ]
            yield message, self.comment(_MESSAGES, number), rows

    def enums(self) -> Iterator[tuple[Described, str, list[list[str]]]]:
        """Every enum with its comment and a row for each value."""
        for number, enum in enumerate(self._file.get("enumType", ())):
            rows = [
                [f"`{one['name']}`", str(one.get("number", 0)), self.comment(_ENUMS, number, 2, at)]
                for at, one in enumerate(enum["value"])
            ]
            yield enum, self.comment(_ENUMS, number), rows

    @property
    def introduction(self) -> str:
        """What the service says of itself."""
        return self.comment(_SERVICES, 0)


def described(name: str) -> Description:
    """The description in a file below proto/."""
    program = Path(sys.executable).with_name("buf")
    built = subprocess.run(  # noqa: S603 - our own program, on our own files
        [program, "build", "proto", "-o", "-#format=json"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
    )
    files = msgspec.json.decode(built.stdout)["file"]
    return Description(next(file for file in files if file["name"] == name))


def _type(field: Described) -> str:
    named = field.get("typeName", "").removeprefix(".").rpartition(".")[2]
    name = named or field["type"].removeprefix("TYPE_").lower()
    return f"{name}, repeated" if field["label"] == "LABEL_REPEATED" else name


def _joined(comment: str) -> str:
    """A comment's paragraphs, each on one line."""
    paragraphs = comment.strip().split("\n\n")
    return "\n\n".join(" ".join(line.strip() for line in part.splitlines()) for part in paragraphs)
