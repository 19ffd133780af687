"""The pages say what is so: every block of code is run as printed, every answer compared."""

import re
from contextlib import ExitStack
from pathlib import Path

import pytest
from blocks import README, ROOT, USAGE, Block, Page, pages
from reader import Reader

from largesse.cli.main import make_app

PAGES = pages()
PLAYED = [
    page
    for page in PAGES
    if any(block.language != USAGE and not block.exempt for block in page.blocks)
]
USAGES = [block for page in PAGES for block in page.usages()]
EXEMPT = [block for page in PAGES for block in page.blocks if block.exempt]


def _as_case(page: Page) -> object:
    marks = [pytest.mark.slow] if page.needs else []
    return pytest.param(page, id=str(page.path.relative_to(ROOT)), marks=marks)


@pytest.mark.parametrize("page", [_as_case(page) for page in PLAYED])
def test_the_page_runs(page: Page, tmp_path: Path) -> None:
    """Every block of it, in order, by a reader in a folder of his own."""
    with ExitStack() as stack:
        Reader(page, tmp_path, stack).read_all()


@pytest.mark.parametrize("block", USAGES, ids=lambda block: block.place)
def test_a_usage_is_the_commands_own(block: Block, capsys: pytest.CaptureFixture[str]) -> None:
    """`largesse … --help` begins with the same line."""
    words = re.findall(r"^largesse ((?:[a-z-]+ ?)+)", block.content)[0].split()
    make_app()([*words, "--help"])
    assert f"Usage: {block.content.strip()}" in capsys.readouterr().out


@pytest.mark.parametrize("block", EXEMPT, ids=lambda block: block.place)
def test_what_is_not_run_is_said_aloud(block: Block) -> None:
    """An exemption has a reason, and each run of the tests repeats it."""
    assert block.exempt
    pytest.skip(f"by design: {block.place}: {block.exempt}")


def test_the_first_screen_is_two_commands() -> None:
    """Whoever opens the project sees exactly how to run it and how to prove it."""
    first, *_ = next(page for page in PAGES if page.path == README).blocks
    commands = [line.split("#")[0].strip() for line in first.content.splitlines()]
    assert commands == ["make serve", "make test"]
    targets = re.findall(r"^(\w+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"serve", "test"} <= set(targets)


def test_shells_read_the_commands_alike() -> None:
    """In zsh `$NAME:a` has a modifier, in bash it has none: a page says `${NAME}:a`."""
    for page in PAGES:
        for block in page.blocks:
            assert block.language != "sh" or not re.search(r"\$\w+:", block.content), block.place
