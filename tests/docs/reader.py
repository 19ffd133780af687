"""Does what a page says: starts what it needs, then runs and checks block after block.

Where a page names the usual address or shows a key as `lgs_…`, its reader has a server and a key of
his own, and so has the test: the two are put in before a block is used.
"""

import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack, closing
from itertools import groupby
from pathlib import Path

import pytest
from answers import shows, unshown
from blocks import ROOT, Block, Command, File, Page, PageError, Step, pages
from saved import CHECKS, Saved, body_has_shape
from served import Served, served
from session import Ended, Session

USUAL_HOST, USUAL_PORT = "127.0.0.1", 8000
USUAL_ADDRESS = f"{USUAL_HOST}:{USUAL_PORT}"
SHOWN_KEY = "lgs_…"
CHECKOUT = ("Makefile", "pyproject.toml", "uv.lock", "scripts", "src", "proto", ".venv")
"""What a reader who stands in the project's folder finds there, beside what the page makes."""

SERVER = "server"
SERVE = "largesse serve --log-level error"

PROGRAMS = {"curl": "curl", "nginx": "nginx-light", "systemd-analyze": "systemd"}
"""Programs that a page may need, with the Debian packages that bring them."""

_END = "--- end of block ---"


class Reader:
    """Somebody who reads one page, in a folder of his own."""

    def __init__(self, page: Page, folder: Path, stack: ExitStack) -> None:
        self.page = page
        self.folder = folder
        self._stack = stack
        self._served: Served | None = None
        for name in CHECKOUT:
            if (ROOT / name).exists():
                (folder / name).symlink_to(ROOT / name)
        path = f"{Path(sys.executable).parent}:/usr/sbin:{os.environ['PATH']}"
        self._environment = {
            **os.environ,
            "PATH": path,
            "HOME": str(folder),
            "COLUMNS": "100",
        }
        self._session = stack.enter_context(closing(Session(folder, self._environment)))

    def read_all(self) -> None:
        """Do every step of the page."""
        self._prepare()
        for is_python, steps in groupby(self.page.steps(), _is_python):
            if is_python:
                self._run_program([step for step in steps if isinstance(step, Command)])
            else:
                for step in steps:
                    self._do(step)

    def _prepare(self) -> None:
        """See to all that the page needs; skip it where the machine lacks a program."""
        for name in self.page.needs:
            if name in PROGRAMS and shutil.which(name, path=self._environment["PATH"]) is None:
                pytest.skip(f"{name} is missing: apt-get install {PROGRAMS[name]}")
        named = {block.name: block for page in pages() for block in page.blocks if block.name}
        for name in self.page.needs:
            if name == SERVER:
                self._serve(SERVE, str(self.page.path))
            elif name in named:
                self._expect(self._session.run(self._put_in(named[name].content)), named[name], 0)
            elif name not in PROGRAMS:
                raise PageError(f"{self.page.path}: no block and no program is called {name!r}")

    def _serve(self, command: str, place: str) -> None:
        serving = served(command, self.folder, self._environment, place)
        self._served = self._stack.enter_context(serving)

    def _do(self, step: Step) -> None:
        if isinstance(step, File):
            self._save(step.block)
        elif step.block.notes.get("starts") == SERVER:
            self._serve(step.block.content, step.block.place)
        else:
            run = self._session.run_failing if step.status else self._session.run
            commands = self._put_in(step.block.content)
            self._compare(step, self._expect(run(commands), step.block, step.status))

    def _save(self, block: Block) -> None:
        """Save a file under its name, and let its language's check look at it."""
        text = self._put_in(block.content)
        shape = block.notes.get("shape")
        if shape is not None:
            body_has_shape(text, shape, block.place)
        name = block.notes.get("file")
        if name is not None:
            path = self.folder / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            if block.language in CHECKS:
                saved = Saved(block, path, self.folder)
                self._served = CHECKS[block.language](saved, self._stack) or self._served
        elif shape is None:
            raise PageError(f"{block.place}: say under which name it is saved: `file: …`")

    def _run_program(self, steps: Sequence[Command]) -> None:
        """Run blocks of Python that stand in a row as one program."""
        program = ""
        for step in steps:
            # Each line stands where it stands on the page, so that a traceback leads there.
            program += "\n" * (step.block.line - program.count("\n"))
            program += f"{self._put_in(step.block.content)}print({_END!r}, flush=True)"
        path = self.folder / f"{self.page.path.name}.py"
        path.write_text(program, encoding="utf-8")
        ended = self._expect(self._session.run(f"python '{path}'"), steps[0].block, 0)
        *printed, rest = ended.printed.split(f"{_END}\n")
        assert not rest
        for step, text in zip(steps, printed, strict=True):
            self._compare(step, text)

    def _put_in(self, text: str) -> str:
        """A block as it is meant for this reader."""
        key = self._served.key if self._served else SHOWN_KEY
        return self._at_address(text).replace(SHOWN_KEY, key)

    def _at_address(self, text: str) -> str:
        port = self._served.port if self._served else USUAL_PORT
        return text.replace(USUAL_ADDRESS, f"{USUAL_HOST}:{port}")

    def _expect(self, ended: Ended, block: Block, status: int) -> Ended:
        if ended.status != status:
            told = "was cut off" if ended.status is None else f"ended with {ended.status}"
            raise PageError(f"{block.place}: {told} instead of {status}:\n{ended.printed}")
        return ended

    def _compare(self, step: Command, ended: Ended | str) -> None:
        printed = ended if isinstance(ended, str) else ended.printed
        if step.answer is not None:
            answer = self._at_address(step.answer.content)
            assert shows(answer, printed), unshown(answer, printed, step.answer.place)


def _is_python(step: Step) -> bool:
    return isinstance(step, Command) and step.block.language == "python"
