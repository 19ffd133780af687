"""What a caller did wrong, and what of the machinery is broken.

Refusals of a wish are no exceptions: they are `outcome.Outcome`s. Each class's docstring is its
message; `http/errors.py` maps each class to a status.
"""


class LargesseError(Exception):
    """Something went wrong."""

    def __str__(self) -> str:
        """The message: what was said when it was raised, else the class's own."""
        return super().__str__() or (type(self).__doc__ or "").strip()


class InvalidInputError(LargesseError):
    """The request does not make sense as it is.

    `pointer` is a JSON pointer (RFC 6901) into the body, or the name of a parameter; `code` names
    the mistake for machines.
    """

    def __init__(self, message: str, pointer: str = "", code: str = "INVALID") -> None:
        super().__init__(message)
        self.pointer = pointer
        self.code = code


class NotFoundError(LargesseError):
    """There is nothing by this name here."""


class UnknownCustomerError(NotFoundError):
    """There is no customer with this id here: register him first."""


class CustomerExistsError(LargesseError):
    """A customer with this id is registered already: replace what is known of him with PUT."""


class PhoneTakenError(LargesseError):
    """Another customer has this phone: a phone belongs to one customer of a tenant."""


class WrongStatusError(LargesseError):
    """The life cycle does not allow this step from where it stands."""


class EditConflictError(LargesseError):
    """Somebody else changed it since it was read: read it again, then repeat the change."""


class KeyReusedError(LargesseError):
    """This Idempotency-Key was used for another request: choose a new key for a new request."""


class BusyError(LargesseError):
    """Too much waits already: try again in a moment with the same key."""


class UnavailableError(LargesseError):
    """The ledger cannot write at the moment: try again with the same key."""


class StartError(LargesseError):
    """The program cannot start; the message is one line that says what to do."""
