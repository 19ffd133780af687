"""What is remembered of a request while it is served: its id, its route, its tenant."""

from dataclasses import dataclass


@dataclass(slots=True)
class Trace:
    """A request, for its log line and its metrics; filled in as it becomes known.

    `route` is the path with its parameters' names, empty while no route is found; `hot` marks a
    claim, which is logged by its batch.
    """

    request_id: str
    route: str = ""
    tenant: str = ""
    hot: bool = False
