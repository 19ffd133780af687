"""Write the pages of docs/reference/ that are made from the code.

    python scripts/reference.py

Each page is the answer of one function in `PAGES`; `tests/test_docs.py` fails while a page that is
kept differs from the one that the code would make.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial, reduce
from inspect import cleandoc
from pathlib import Path
from types import MappingProxyType
from typing import get_type_hints

import msgspec
from rpc_reference import V1, described

from largesse.cli.main import COMMANDS, FAILED, GROUPS, MISUSED, make_app
from largesse.http import app, errors, metrics, openapi, problems, wire
from largesse.http.operation import KeyUse
from largesse.issuance.facts import PAYLOADS
from largesse.settings.declared import SHORT_VARIABLES
from largesse.settings.describe import describe
from largesse.settings.load import CONFIG_FILE, CONFIG_VARIABLE, load

FOLDER = Path(__file__).parent.parent / "docs" / "reference"
_KEY_SHOWN = {KeyUse.NONE: "—", KeyUse.OPTIONAL: "welcome", KeyUse.REQUIRED: "required"}

NOTICE = "<!-- Made by `make docs`; change the code that it describes. -->"


def page(title: str, *blocks: str) -> str:
    """A Markdown page: its title, then its paragraphs and tables."""
    return "\n\n".join([f"# {title}", NOTICE, *blocks]) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; bars within cells are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def settings_page() -> str:
    """Every setting with its variable, default, range and reason."""
    short = {name: variable for variable, name in SHORT_VARIABLES.items()}
    rows = [
        [
            f"`{row.name}`",
            " or ".join(
                f"`{variable}`" for variable in (short.get(row.name), row.variable) if variable
            ),
            f"`{row.default}`" if row.default else "—",
            f"{row.range} {row.unit}".rstrip(),
            row.help,
        ]
        for row in describe(load({}))
    ]
    return page(
        "Settings",
        "A value comes from the command line, else from the environment, else from a file, else\n"
        f"it is the default. The file is the one that `--config` or `{CONFIG_VARIABLE}` names,\n"
        f"else `{CONFIG_FILE}` in the current folder when it is there. In it, the part of a name\n"
        "before the dot is a table: `server.port` is `port` under `[server]`. Unknown names are\n"
        "refused, and the complaint names the nearest known one.",
        "`largesse config show` tells which values are in force and where each came from.",
        table(["setting", "environment", "default", "range", "what it does"], rows),
    )


def commands_page() -> str:
    """Every command with its arguments and options."""
    app = make_app()
    paths: list[tuple[str, ...]] = [(name,) for name in COMMANDS]
    paths += [(group, name) for group, (_, commands) in GROUPS.items() for name in commands]
    sections = []
    for path in paths:
        words = " ".join(path)
        text = reduce(lambda parent, name: parent[name], path, app).generate_docs(
            heading_level=2, usage_name=f"largesse {words}"
        )
        sections.append(f"## {words}\n" + text.partition("\n")[2].rstrip())
    return page(
        "Commands",
        "`largesse serve` runs a server. The commands that speak to one find it by `--url` and\n"
        "open it with `--key`, or with the variables that are named beside these options. Where a\n"
        "connection breaks they ask once more, under the same Idempotency-Key.",
        "Every command takes `--json` and then prints one JSON document on standard output, a\n"
        "refusal included. What went wrong is one line on standard error. Exit status: 0 it was\n"
        f"done, {FAILED} it was refused or failed, {MISUSED} it was not understood.",
        *sections,
    )


def outcomes_page() -> str:
    """Every way a request can end, by its code."""
    head = ["code", "HTTP", "RPC", "transient", "what it means"]
    outcomes = [
        [
            _code(outcome),
            str(meaning.status.value),
            meaning.connect,
            _yes(outcome.transient),
            meaning.detail,
        ]
        for outcome, meaning in errors.OUTCOMES.items()
    ]
    known = [
        [
            _code(meaning.code),
            str(meaning.status.value),
            meaning.connect,
            _yes(meaning.transient),
            _message(error),
        ]
        for error, meaning in errors.ERRORS.items()
        if meaning.code not in {*errors.OUTCOMES, wire.INTERNAL_ERROR.code}
    ]
    mistakes = [
        [_code(code), "422", "invalid_argument", _yes(fact=False), mistake.detail]
        for code, mistake in problems.MISTAKES.items()
    ]
    of_server = [
        [_code(one.code), str(one.status), one.connect, _yes(one.transient), one.detail]
        for one in wire.PROBLEMS
    ]
    return page(
        "Outcomes and errors",
        "Every refusal is `application/problem+json` (RFC 9457). Its `code` is one of these and\n"
        "never changes its meaning; `detail` is for people and may. `transient` says whether the\n"
        "same request may end otherwise later without anybody changing the campaign. `pointer`\n"
        "is a JSON pointer into the body, or the name of a parameter. `type` is the address of a\n"
        "page on the server that says what to do; each code below leads to the same page here.\n"
        "[Over RPC](rpc.md) the same problem comes as a detail of an error, whose code is in the\n"
        "column RPC.",
        "## Outcomes",
        "In the order of precedence: the first that applies is the answer.",
        table(head, outcomes),
        "## Errors",
        "What is wrong with a request. A body that makes no sense is `INVALID`, or has a code of\n"
        "its own, as below, that names the mistake.",
        table(head, known + mistakes),
        "## Of the server itself",
        "What it answers by itself, whatever was asked.",
        table(head, of_server),
    )


def routes_page() -> str:
    """Every route of the REST interface, by what it is about."""
    tags = dict.fromkeys(operation.tag for operation in app.OPERATIONS)
    sections = []
    for tag in tags:
        rows = [
            [
                f"`{one.method} {one.path}`",
                one.summary,
                " or ".join(f"`{scope}`" for scope in one.scopes) + ", customers" * one.customers
                or "—",
                _KEY_SHOWN[one.key],
            ]
            for one in app.OPERATIONS
            if one.tag == tag
        ]
        head = ["route", "what it does", "scope", "Idempotency-Key"]
        sections.append(f"## {tag}\n\n{table(head, rows)}")
    return page(
        "Routes",
        "Every route of the REST interface. A key with one of the scopes may call it; where there\n"
        "is none, everybody may; `customers` may by a [token](../how-to/customer-tokens.md), for\n"
        "what is their own. The shapes of bodies and answers are in [OpenAPI](openapi.json);\n"
        "a running server shows them to people at `/swagger-ui`, `/redoc` and `/rapidoc`. How a\n"
        "call may end: [outcomes and errors](outcomes.md).",
        *sections,
    )


def problem_page(problem: problems.Explained) -> str:
    """What a code means and what to do about it; a running server shows the same."""
    told = [
        ("If you sent the request", problem.advice.caller),
        ("If you run the campaign or the server", problem.advice.operator),
        ("Does asking again help?", problem.again),
    ]
    status = f"{problem.status.value} {problem.status.phrase}"
    return page(
        problem.title,
        problem.detail,
        f"Code `{problem.code}`, status {status}, type `{problem.path}`.",
        *(f"## {head}\n\n{text}" for head, text in told if text),
        "[All outcomes and errors](../outcomes.md)",
    )


def metrics_page() -> str:
    """Every metric of our own."""
    rows = [
        [f"`{name}`", one.kind, ", ".join(f"`{label}`" for label in one.labels) or "—", one.help]
        for name, one in metrics.METRICS.items()
    ]
    return page(
        "Metrics",
        "`GET /metrics`, in the text format of Prometheus. Beside these are the usual ones of the\n"
        "process and of Python.",
        table(["metric", "kind", "labels", "what it says"], rows),
    )


def facts_page() -> str:
    """Every fact with its payload."""
    sections = []
    for payload in dict.fromkeys(PAYLOADS.values()):
        topics = [kind.topic for kind, brought in PAYLOADS.items() if brought is payload]
        about = cleandoc(payload.__doc__ or "")
        rows = [list(row) for row in _fields(payload)]
        sections.append(f"## {', '.join(topics)}\n\n{about}")
        sections.append(table(["field", "type", "what it is"], rows))
    return page(
        "Facts",
        "What largesse did, told to others: each change of an incentive, of a campaign, and each\n"
        "time that a reward's stock is used up. A fact is written in the transaction that makes\n"
        "it so; it is told at least once, and those about one incentive in their order. Its `id`\n"
        "is the same whenever it is told.",
        table(
            ["column", "what it is"],
            [
                ["`id`", "`fact_…`: forget what you have seen already by it"],
                ["`aggregatetype`", "`incentive` or `campaign`: what it is about"],
                ["`aggregateid`", "the id of that"],
                ["`type`", "one of those below"],
                ["`payload`", "what the tables below show"],
            ],
        ),
        *sections,
    )


def _fields(payload: type[msgspec.Struct], before: str = "") -> Iterator[tuple[str, str, str]]:
    """The fields of a payload, those within others by their path."""
    schema = msgspec.json.schema(payload)["$defs"]
    for name, one in schema[payload.__name__]["properties"].items():
        kinds = [kind.get("type") for kind in one.get("anyOf", [one])]
        inner = one.get("$ref", "").rpartition("/")[2]
        yield (
            f"`{before}{name}`",
            " or ".join(kinds) if kinds[0] else "object",
            one.get("description", ""),
        )
        if inner:
            yield from _fields(get_type_hints(payload)[name], f"{before}{name}.")


def rpc_page() -> str:
    """Every method and message of the coupon service."""
    about = described(V1)
    methods = [
        f"### {method['name']}\n\n{comment}\n\n"
        f"Takes `{_last(method['inputType'])}`, answers `{_last(method['outputType'])}`."
        for method, comment in about.methods()
    ]
    messages = [
        "\n\n".join(
            part
            for part in (
                f"### {message['name']}",
                comment,
                table(["field", "number", "type", "what it is"], rows) if rows else "No fields.",
            )
            if part
        )
        for message, comment, rows in about.messages()
    ]
    enums = [
        f"### {enum['name']}\n\n{comment}\n\n" + table(["value", "number", "what it is"], rows)
        for enum, comment, rows in about.enums()
    ]
    return page(
        "RPC",
        "`largesse.v1.CouponService`, described in `proto/largesse/v1/coupons.proto`. The main\n"
        "port answers it as [Connect](https://connectrpc.com), in JSON and binary, and as\n"
        "gRPC-Web; `--grpc-port` opens another one for native gRPC.\n"
        "[How to call it](../how-to/rpc.md), and\n"
        "[what clients of the older service need](../how-to/older-clients.md).",
        about.introduction,
        "## Methods",
        *methods,
        "## Messages",
        *messages,
        *enums,
    )


def _last(name: str) -> str:
    """A message's own name."""
    return name.rpartition(".")[2]


def openapi_document() -> str:
    """The OpenAPI document, as it is served."""
    return openapi.encoded(app.OPERATIONS).decode()


def _code(code: str) -> str:
    """A code, which leads to its page where it has one."""
    problem = problems.CATALOGUE.get(code)
    return f"[`{code}`]({problem.path.removeprefix('/')}.md)" if problem else f"`{code}`"


def _message(error: type[Exception]) -> str:
    """What an error says where nothing more exact was said."""
    return (error.__doc__ or "").partition("\n")[0]


def _yes(fact: bool) -> str:  # noqa: FBT001 - what it shows
    return "yes" if fact else "—"


PAGES: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "cli.md": commands_page,
        "facts.md": facts_page,
        "metrics.md": metrics_page,
        "openapi.json": openapi_document,
        "outcomes.md": outcomes_page,
        "rpc.md": rpc_page,
        "routes.md": routes_page,
        "settings.md": settings_page,
    }
    | {
        f"{one.path.removeprefix('/')}.md": partial(problem_page, one)
        for one in problems.CATALOGUE.values()
    }
)
"""The pages by their file names below docs/reference/."""


def main() -> None:
    """Write the pages that have changed, and name them."""
    for name, make in PAGES.items():
        path, text = FOLDER / name, make()
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            print(path.relative_to(FOLDER.parent.parent))


if __name__ == "__main__":
    main()
