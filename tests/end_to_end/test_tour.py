"""The README says what is so: its commands are run as printed, its answers compared."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent.parent
README = ROOT / "README.md"

ADDRESS, KEY = "LARGESSE_URL", "LARGESSE_KEY"
"""What the tour's first block sets by hand. The test sets them to a server of its own instead."""

END_OF_BLOCK = "--- end of block ---"
SECONDS_MAX = 30
"""For all of the tour; a person needs five minutes, curl one second."""

FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
VARIES = "…"


class Step(NamedTuple):
    """What the reader types, and what he should see then; None where nothing is printed."""

    commands: str
    answer: str | None


class Running(NamedTuple):
    """A server of this test."""

    url: str
    key: str


def read_tour(text: str) -> list[Step]:
    """The steps of a page: each block of `sh`, with the block of another kind that follows it."""
    steps: list[Step] = []
    for _, language, content in FENCE.findall(text):
        if language == "sh":
            steps.append(Step(dedent(content), None))
        else:
            assert steps, "an answer stands before any command"
            assert steps[-1].answer is None, f"two answers after {steps[-1].commands}"
            steps[-1] = steps[-1]._replace(answer=content)
    return steps


def as_pattern(answer: str) -> re.Pattern[str]:
    """What an answer as printed matches: a line break and its indent may be nothing, … anything."""
    lines = [line.strip() for line in answer.strip().splitlines()]
    patterns = [".*?".join(re.escape(part) for part in line.split(VARIES)) for line in lines]
    return re.compile(r"\s*".join(patterns), re.DOTALL)


def run_all(steps: list[Step], running: Running) -> list[str]:
    """What a shell prints for each step, one after the other in the same session."""
    script = "".join(f"{step.commands}\necho '{END_OF_BLOCK}'\n" for step in steps)
    done = subprocess.run(
        ["bash", "-eu"],
        input=script,
        cwd=ROOT,
        env={**os.environ, ADDRESS: running.url, KEY: running.key},
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, f"{done.stderr}\n{done.stdout}"
    assert not done.stderr, done.stderr
    *printed, rest = done.stdout.replace("\r\n", "\n").split(f"{END_OF_BLOCK}\n")
    assert not rest
    return printed


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A server as `make serve` starts it: a new file, and the key that the first start prints."""
    program = Path(sys.executable).with_name("largesse")
    with subprocess.Popen(
        [program, "serve", "--port", "0", "--log-level", "error"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            assert url.startswith("http://"), "the server did not start"
            yield Running(url, _key(server.stdout))
        finally:
            server.terminate()
    assert server.returncode == 0


def _key(greeting: Iterable[str]) -> str:
    """The admin key, which stands in a line of its own."""
    return next(line.strip() for line in greeting if line.strip().startswith("lgs_"))


def test_the_first_screen_is_two_commands() -> None:
    """Whoever opens the page sees exactly how to run it and how to prove it."""
    first_block = re.search(r"(?:^    \S.*\n)+", README.read_text(), re.MULTILINE)
    assert first_block
    commands = [line.split("#")[0].strip() for line in first_block[0].splitlines()]
    assert commands == ["make serve", "make test"]
    targets = re.findall(r"^(\w+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"serve", "test"} <= set(targets)


def test_the_tour_is_as_printed(running: Running) -> None:
    """Every block of the tour runs, and prints what the page says it prints."""
    if shutil.which("curl") is None:
        pytest.skip("curl is missing: apt-get install curl")
    by_hand, *steps = read_tour(README.read_text())
    assert re.fullmatch(rf"export {ADDRESS}=\S+\nexport {KEY}=lgs_…\n", by_hand.commands)
    assert len(steps) > 10
    for step in steps:
        assert not re.search(r"\$\w+:", step.commands), "zsh takes $NAME:a for a modifier"
    for step, printed in zip(steps, run_all(steps, running), strict=True):
        if step.answer is not None:
            assert as_pattern(step.answer).fullmatch(printed.strip()), (
                f"{step.commands}\nprinted\n{printed}\ninstead of\n{step.answer}"
            )


@pytest.mark.parametrize(
    ("printed", "answer"),
    [
        ('{"a":1,"b":2}', '{"a":1,\n "b":2}'),
        ('{"a":1,"b":2}', '{"a":…,"b":2}'),
        ('{"a":1}\n{"b":2}', '{"a":1}\n{"b":2}'),
    ],
)
def test_answers_may_be_wrapped_and_shortened(printed: str, answer: str) -> None:
    """What a page may leave out of an answer."""
    assert as_pattern(answer).fullmatch(printed)


@pytest.mark.parametrize(
    "answer", ['{"a":2,"b":2}', '{"a":…,"b":3}', '{"a":1', '{"a":1,"b":2}}', '{"a":1,"c":…}']
)
def test_a_wrong_answer_is_noticed(answer: str) -> None:
    """Negative control: another value, something missing, something more."""
    assert not as_pattern(answer).fullmatch('{"a":1,"b":2}')


def test_the_page_is_read_in_steps() -> None:
    """Negative control for the reader: commands without an answer, and an indented block."""
    text = (
        "```sh\none\n```\n\n```sh\ntwo\n```\n\n```json\n{}\n```\n\n- x\n\n  ```sh\n  three\n  ```\n"
    )
    assert read_tour(text) == [Step("one\n", None), Step("two\n", "{}\n"), Step("three\n", None)]
