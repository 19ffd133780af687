"""What campaigns need to know of codes: formats read, spaces measured, overlaps found."""

from largesse.campaigns.model import CodeFormat
from largesse.campaigns.ports import CodeSpace
from largesse.codes.decide import Relation, relation, warning
from largesse.codes.model import Pattern
from largesse.codes.pattern import read_canonical_text, read_format


class Spaces:
    """See `CodeSpaces`."""

    def measure(self, code: CodeFormat, quota: int | None) -> CodeSpace:
        """See `CodeSpaces`."""
        pattern = pattern_of(code)
        told = warning(pattern, quota)
        return CodeSpace(pattern.canonical_text, pattern.space, (told,) if told else ())

    def overlap(self, one: str, other: str) -> bool:
        """See `CodeSpaces`."""
        return relation(read_canonical_text(one), read_canonical_text(other)) is Relation.OVERLAP


def pattern_of(code: CodeFormat) -> Pattern:
    """The pattern that a format describes; a `CodeFormatError` points into the format."""
    return read_format(code.pattern, code.charsets, code.charset, code.length)
