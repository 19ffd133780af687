"""What can be wrong with a code format. Each message says where, and what to do about it.

Pointers are JSON pointers (RFC 6901) into the code format (`/pattern`, `/charset`, …); whoever
reads a larger body puts the way to its code format in front.
"""

from largesse.kernel.errors import InvalidInputError


class CodeFormatError(InvalidInputError):
    """The code format cannot be used."""

    def __init__(self, message: str, pointer: str, code: str = "INVALID_CODE_FORMAT") -> None:
        super().__init__(message, pointer, code)


class TwoFormsError(CodeFormatError):
    """A format has a pattern, or a charset and a length, but neither both nor a half."""

    def __init__(self) -> None:
        super().__init__(
            "give either a pattern (with its charsets), or a charset together with a length", ""
        )


class PatternTooLongError(CodeFormatError):
    """The text of the pattern is longer than anybody needs."""

    def __init__(self, length: int, length_max: int) -> None:
        super().__init__(
            f"the pattern is {length:,} characters long; {length_max} is the most", "/pattern"
        )


class LoneMarkError(CodeFormatError):
    r"""A `\`, a brace or a bracket stands without the partner that gives it its meaning."""

    def __init__(self, mark: str, position: int) -> None:
        super().__init__(
            f"character {position} of the pattern, '{mark}', has no partner: write '\\{mark}' for "
            "the character itself, [ABC] for one of these, {name} for one of a charset's",
            "/pattern",
        )


class UnknownCharsetError(CodeFormatError):
    """The pattern names a charset that is not given beside it."""

    def __init__(self, name: str, position: int, known: list[str]) -> None:
        given = f"those given are {', '.join(known)}" if known else "none is given"
        super().__init__(
            f"the charset {{{name}}} at character {position} of the pattern is unknown: "
            f"{given}; add it to charsets",
            "/pattern",
        )


class UnusableSymbolError(CodeFormatError):
    """A character would not survive being typed in and brought to the canonical form."""

    def __init__(self, character: str, position: int, pointer: str, canonical: str) -> None:
        advice = f"; use {canonical!a} instead" if canonical else ""
        super().__init__(
            f"character {position}, {character!a}, cannot be part of a code: codes are "
            "compared in upper case and Unicode's NFKC form, without spaces, dashes and dots"
            + advice,
            pointer,
        )


class RepeatedSymbolError(CodeFormatError):
    """A charset has a character twice, so that two places would share a code."""

    def __init__(self, character: str, position: int, pointer: str) -> None:
        super().__init__(
            f"character {position}, {character!a}, is in the charset already: "
            "each may be there once",
            pointer,
        )


class CharsetsError(CodeFormatError):
    """There are too many charsets, or one has a name that a pattern cannot hold."""


class CharsetLengthError(CodeFormatError):
    """A charset has no characters, or more than a table of it should hold."""

    def __init__(self, length: int, length_max: int, pointer: str) -> None:
        super().__init__(
            f"the charset has {length:,} characters; it needs 1 to {length_max:,}", pointer
        )


class PositionsError(CodeFormatError):
    """A code has no characters that count, or more than anybody would type."""

    def __init__(self, positions: int, positions_max: int, pointer: str) -> None:
        super().__init__(
            f"a code would have {positions:,} characters (spaces, dashes and dots not counted); "
            f"it needs 1 to {positions_max}",
            pointer,
        )


class CheckSymbolsError(CodeFormatError):
    """The pattern has more check symbols than any guesser calls for."""

    def __init__(self, symbols: int, symbols_max: int) -> None:
        super().__init__(
            f"the pattern has {symbols} check symbols; {symbols_max} is the most, and lets one "
            f"wrong guess in {32**symbols_max:,} pass",
            "/pattern",
        )


class SpaceTooLargeError(CodeFormatError):
    """The pattern describes more codes than the permutation can number."""

    def __init__(self, half: int, half_max: int, pointer: str) -> None:
        super().__init__(
            f"one half of the pattern describes {half:,} combinations; {half_max:,} is the most: "
            "leave out some positions",
            pointer,
        )
