"""What can be wrong with a job, for its owner and for its workers."""

from largesse.kernel.errors import LargesseError


class TooManyJobsError(LargesseError):
    """Too many jobs of this tenant wait or run: wait for one to end, or cancel one."""


class JobExistsError(LargesseError):
    """The same work is under way already: wait for that job to end, or cancel it."""


class JobFailedError(LargesseError):
    """The job cannot be done, and trying again would not help."""
