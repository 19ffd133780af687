"""What a command of ours can fail of; each message is one line that says what to do."""

from largesse.kernel.errors import LargesseError


class CommandError(LargesseError):
    """The command cannot do what was asked."""
