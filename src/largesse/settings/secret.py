"""Settings that nobody may read in a log or a table."""

MASK = "********"


class Secret:
    """A value that shows itself only when asked by name, so that no log and no table leaks it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself."""
        return self._value

    def __repr__(self) -> str:
        """A mask."""
        return MASK

    __str__ = __repr__
