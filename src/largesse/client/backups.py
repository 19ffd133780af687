"""The call for a backup; the key needs the scope `operator`."""

from http import HTTPStatus

from largesse.client.call import Answer, Call, get, path_of, refusal_of
from largesse.client.errors import RefusedError


def take() -> Call[bytes]:
    """The archive of the ledger as it is now; `Client.download` takes one too large to be held."""
    return get(path_of("backup"), _read)


def _read(answer: Answer) -> bytes:
    if answer.status == HTTPStatus.OK:
        return answer.body
    raise RefusedError(refusal_of(answer))
