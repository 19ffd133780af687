"""The body of the answer that a draw campaign gives most: a draw that was made.

All draws of a day differ in few places only: the rest is written once.
"""

import msgspec
from msgspec.structs import replace

from largesse.draws.model import DrawAnswer
from largesse.http.issued import TEMPLATES_MAX, IssuedBodies, moment, template_of
from largesse.http.shapes.draws import show_drawn

# In the order of the view. What was won is put in as it is written for itself.
_OF_EACH = {
    "id": "%b",
    "customer_id": "%b",
    "number": "%d",
    "client_seed": "%b",
    "drawn_at": "%b",
    "incentive": "%b",
}
_MARKS = {field: f"\0{field}" for field in _OF_EACH}


class DrawnBodies:
    """Writes what `msgspec.json.encode(show_drawn(answer))` would, in less time."""

    def __init__(self) -> None:
        self._templates: dict[tuple[str, int, int, bool], bytes] = {}
        self._incentives = IssuedBodies(lambda view: view)

    def body(self, answer: DrawAnswer) -> bytes:
        """The body of one answer, as JSON."""
        draw, incentive = answer.draw, answer.incentive
        assert draw is not None
        about = draw.campaign_id, draw.version, draw.day, draw.won
        template = self._templates.get(about)
        if template is None:
            if len(self._templates) >= TEMPLATES_MAX:
                self._templates.clear()
            template = self._templates[about] = _of_day(answer)
        encode = msgspec.json.encode
        return template % (
            encode(draw.id),
            encode(draw.customer_id),
            draw.number,
            encode(draw.seed),
            moment(draw.drawn_at_ms),
            b"null" if incentive is None else self._incentives.body(incentive),
        )


def _of_day(answer: DrawAnswer) -> bytes:
    marks = dict(_MARKS)
    incentive = marks.pop("incentive")
    view = show_drawn(answer)
    return template_of(
        replace(view, draw=replace(view.draw, **marks), incentive=incentive), _MARKS, _OF_EACH
    )
