"""What a command of ours can fail of; each message is one line that says what to do."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from largesse.kernel.errors import LargesseError

_NOTES: Mapping[str, str] = MappingProxyType(
    {"pointer": "at", "opens_at": "opens_at", "incentive_id": "incentive_id"}
)
"""What a problem may know beside its detail, which names it, and the word that goes before it."""


class CommandError(LargesseError):
    """The command cannot do what was asked."""


class RefusedError(LargesseError):
    """The server refused; `problem` is its answer (RFC 9457)."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        parts = [str(problem[name]) for name in ("code", "detail") if problem.get(name)]
        told = ": ".join(parts) or str(problem.get("title", "the server refused"))
        notes = [f"{word} {problem[name]}" for name, word in _NOTES.items() if problem.get(name)]
        super().__init__(f"{told} ({', '.join(notes)})" if notes else told)
        self.problem = problem
