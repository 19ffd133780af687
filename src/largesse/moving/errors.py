"""Why a tenant cannot be moved."""

from largesse.kernel.errors import LargesseError


class MovingError(LargesseError):
    """A tenant cannot leave or arrive; the message says why, and nothing has changed."""
