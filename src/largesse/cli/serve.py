"""`largesse serve`: a server in one process, or in several that share its port."""

from typing import Annotated

from cyclopts import Parameter

from largesse.cli.chosen import Chosen
from largesse.cli.options import Settling
from largesse.cli.running import run_server

_UNCHOSEN = Chosen()


def serve(
    *, chosen: Settling = _UNCHOSEN, json: Annotated[bool, Parameter(parse=False)] = False
) -> None:
    """Run a server until SIGTERM or Ctrl-C; the first line that it prints is its address."""
    run_server(chosen, json=json)
