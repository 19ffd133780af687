"""Whether this process may be trusted with traffic, and if not, why."""


class Health:
    """Reasons not to be ready, each under the name of the check that found it."""

    def __init__(self) -> None:
        self._problems: dict[str, str] = {}

    @property
    def problems(self) -> dict[str, str]:
        """What is wrong at the moment: empty when ready."""
        return dict(self._problems)

    def report(self, check: str, problem: str | None) -> None:
        """Say what a check found; None when all is well (again)."""
        if problem is None:
            self._problems.pop(check, None)
        else:
            self._problems[check] = problem
