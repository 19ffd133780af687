"""What `--json` prints."""

import msgspec


def to_json(document: object) -> str:
    """One JSON document on one line, with its end: whoever waits for it reads a line."""
    return msgspec.json.encode(document).decode() + "\n"
