"""Does the jobs that wait, one after the other, whichever process asked for them."""

import asyncio
from collections.abc import Mapping

import structlog

from largesse.jobs.errors import JobFailedError
from largesse.jobs.model import Job, JobStatus
from largesse.jobs.ports import Work
from largesse.jobs.service import Jobs
from largesse.kernel.errors import BusyError, InvalidInputError, UnavailableError
from largesse.kernel.lease import LeaseLostError
from largesse.kernel.threads import OneThread
from largesse.workers.timers import set_or_over

LOOK_S = 1.0
"""How often an idle worker looks for a job whose worker fell silent; a new one wakes it at once."""

AGAIN_MS = 2_000
"""A job that the machinery failed is begun again after so long."""

_log = structlog.get_logger(__name__)


class Worker:
    """Takes jobs and does them; `works` says how, by kind.

    What takes the processor is done in the worker's own thread.
    """

    def __init__(self, jobs: Jobs, works: Mapping[str, Work]) -> None:
        self._jobs = jobs
        self._works = works
        self._woken = asyncio.Event()
        self._thread = OneThread("jobs")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look for jobs."""
        assert self._task is None, "started twice"
        self._task = asyncio.create_task(self._work(), name="jobs")

    async def stop(self) -> None:
        """Stop amid a job if need be: whoever takes it next goes on with it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._thread.close()

    def wake(self) -> None:
        """Look at once: there is a new job."""
        self._woken.set()

    async def _work(self) -> None:
        while True:
            self._woken.clear()
            if not await self._round():
                await set_or_over(self._woken, asyncio.sleep, LOOK_S)

    async def _round(self) -> bool:
        """Do one job; whether there was one."""
        try:
            job = await self._jobs.take()
            if job is None:
                return False
            await self._attend(job)
        except (BusyError, UnavailableError, LeaseLostError) as error:
            # The job's lease lapses by itself; a ledger that cannot write is told elsewhere.
            _log.info("job put off", reason=str(error))
            return False
        except Exception:  # noqa: BLE001 - the next round may do better
            _log.exception("the worker of jobs met a fault")
            return False
        return True

    async def _attend(self, job: Job) -> None:
        """Bring a job to its end, or leave it so that it can be gone on with."""
        about = {"job": job.id, "kind": job.kind, "subject": job.subject}
        work = self._works[job.kind]
        try:
            if job.status is JobStatus.CANCELLING:
                await work.undo(job)
                _log.info("job undone", **about, errors=job.errors)
                return
            await work.do(job, self._thread)
            _log.info("job done", **about, total=job.total)
        except LeaseLostError:
            _log.info("job taken away", **about)
        except (JobFailedError, InvalidInputError) as error:
            _log.warning("job failed", **about, reason=str(error))
            await self._jobs.fail(job, str(error))
        except (BusyError, UnavailableError) as error:
            _log.warning("job interrupted", **about, reason=str(error))
            await self._jobs.put_back(job, str(error), AGAIN_MS)
        except Exception as error:  # noqa: BLE001 - one job's fault must not stop the others
            _log.exception("job met a fault", **about)
            await self._jobs.put_back(job, f"internal error: {type(error).__name__}", AGAIN_MS)
