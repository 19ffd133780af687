"""Pages as their readers take them: blocks of code, and what stands beside each for the test.

A note is an HTML comment right above a block, which no reader sees; notes are parted by `;`:

    <!-- name: ask -->                 other pages may need this block: see `needs`
    <!-- file: nginx.conf -->          it is saved under this name, where the next blocks find it
    <!-- exits: 1 -->                  the command fails, with this status, and the page says so
    <!-- starts: server -->            it runs in a terminal of its own, to the end of the page
    <!-- shape: NewCampaignInput -->   JSON of this schema of the OpenAPI document
    <!-- not run: a drawing -->        nobody runs it, for a reason that every test run says aloud

Anywhere above the first block a page may say what all of its blocks need:

    <!-- needs: server, curl, connect, ask -->
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parent.parent.parent
README = ROOT / "README.md"

COMMANDS = ("sh", "python")
ANSWERS = ("json", "http", "text")
FILES = ("toml", "nginx", "systemd")
USAGE = "console"

NOTES = ("name", "file", "exits", "starts", "shape", "not run")
NEEDS = "needs"

_COMMENT = re.compile(r"<!--(.*?)-->", re.DOTALL)
_MARKDOWN = MarkdownIt("commonmark").disable(
    "inline"
)  # words in a paragraph are no block.enable("table")


class PageError(AssertionError):
    """A page says something that nobody can run or check."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code. `language` is empty where the page names none."""

    page: Path
    line: int
    language: str
    content: str
    notes: Mapping[str, str]

    @property
    def place(self) -> str:
        """Where it stands, as editors open it."""
        page = self.page.relative_to(ROOT) if ROOT in self.page.parents else self.page
        return f"{page}:{self.line}"

    @property
    def name(self) -> str | None:
        """What other pages call it."""
        return self.notes.get("name")

    @property
    def exempt(self) -> str | None:
        """Why nobody runs it; None when somebody does."""
        return self.notes.get("not run")


@dataclass(frozen=True, slots=True)
class Command:
    """What a reader types or runs, and what he should see then: None where nothing is shown."""

    block: Block
    answer: Block | None

    @property
    def status(self) -> int:
        """How it ends."""
        return int(self.block.notes.get("exits", "0"))


@dataclass(frozen=True, slots=True)
class File:
    """What a reader saves, or sends."""

    block: Block


Step = Command | File


@dataclass(frozen=True, slots=True)
class Page:
    """A page: what it needs, and its blocks in order."""

    path: Path
    needs: tuple[str, ...]
    blocks: tuple[Block, ...]

    def steps(self) -> list[Step]:
        """What is to be done, in order; a `PageError` where a block is nobody's to check."""
        steps: list[Step] = []
        before: Block | None = None
        for block in self.blocks:
            if block.exempt is None:
                if block.language in ANSWERS and "shape" not in block.notes:
                    steps[-1:] = [_answered(steps, before, block)]
                elif block.language in COMMANDS:
                    steps.append(Command(block, None))
                elif block.language in FILES or "shape" in block.notes:
                    steps.append(File(block))
                elif block.language != USAGE:
                    known = ", ".join((*COMMANDS, *ANSWERS, *FILES))
                    language = block.language or "no language"
                    raise PageError(
                        f"{block.place}: nobody checks a block of {language}; known are {known}"
                    )
            before = block
        return steps

    def usages(self) -> list[Block]:
        """The lines that show how a command is called."""
        return [block for block in self.blocks if block.language == USAGE and not block.exempt]


def _answered(steps: Sequence[Step], before: Block | None, answer: Block) -> Command:
    """The last command, with its answer."""
    last = steps[-1] if steps else None
    if not isinstance(last, Command) or last.block is not before or last.answer is not None:
        raise PageError(
            f"{answer.place}: an answer stands right after its command; "
            "say `shape: …` of a body, `not run: …` of what is neither"
        )
    return Command(last.block, answer)


def read(path: Path) -> Page:
    """A page of ours."""
    tokens = _MARKDOWN.parse(path.read_text(encoding="utf-8"))
    needs: list[str] = []
    blocks: list[Block] = []
    notes: dict[str, str] = {}
    for token in tokens:
        if token.type == "html_block":
            notes = dict(_notes(path, token))
            needs += [need.strip() for need in notes.pop(NEEDS, "").split(",") if need.strip()]
        elif token.type in ("fence", "code_block"):
            assert token.map is not None
            language = token.info.split(" ")[0]
            blocks.append(Block(path, token.map[0] + 1, language, token.content, notes))
            notes = {}
        elif token.nesting >= 0 and notes:
            raise PageError(f"{path}: the note {notes} stands above no block")
    return Page(path, tuple(needs), tuple(blocks))


def _notes(path: Path, token: Token) -> Iterator[tuple[str, str]]:
    """What a comment says, as far as it is said to us: other comments have no colon-led word."""
    for comment in _COMMENT.findall(token.content):
        for part in comment.split(";"):
            word, colon, value = (piece.strip() for piece in part.partition(":"))
            if colon and word in (*NOTES, NEEDS):
                yield word, value
            elif colon and re.fullmatch(r"[a-z ]{2,10}", word):
                raise PageError(f"{path}: unknown note {word!r}; known are {', '.join(NOTES)}")


@cache
def pages() -> tuple[Page, ...]:
    """Every page that people read: those of docs/, and the ones beside it."""
    return tuple(
        read(path) for path in [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
    )
