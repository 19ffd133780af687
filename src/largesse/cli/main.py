"""All commands: finds the one, runs it, shows its answer or one line of complaint."""

import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from types import MappingProxyType
from typing import Annotated, NamedTuple, Protocol

from cyclopts import App, CycloptsError, Parameter

from largesse.cli.documents import to_json
from largesse.client.errors import RefusedError
from largesse.kernel.errors import LargesseError

FAILED = 1
MISUSED = 2
INTERRUPTED = 130
"""Exit statuses: it could not be done, it could not be understood, somebody pressed Ctrl-C."""


EXTRAS: Mapping[str, str] = MappingProxyType({"psycopg": "postgres", "psycopg_pool": "postgres"})
"""Modules that a whole command needs and the default installation lacks, by what brings them."""


class Entry(NamedTuple):
    """A command: what it does, and the place below largesse of the function that does it.

    The function is imported when the command is called: `bench` is no part of the command line.
    """

    place: str
    summary: str


COMMANDS: Mapping[str, Entry] = MappingProxyType(
    {
        "serve": Entry(
            "cli.serve:serve",
            "Run a server until SIGTERM or Ctrl-C; the first line that it prints is its address.",
        ),
        "claim": Entry("cli.claims:claim", "Claim one unit of a campaign's reward for a customer."),
        "redeem": Entry("cli.redemptions:redeem", "Use a customer's coupon, once."),
        "backup": Entry(
            "cli.backups:backup",
            "Take a backup of a running server's ledger, or of one at rest, and check it in full.",
        ),
        "restore": Entry(
            "cli.backups:restore",
            "Make a ledger of a backup, where there is none; it is checked in full before.",
        ),
        "export": Entry(
            "cli.moving:export",
            "Write a tenant with all that is his to an archive; the ledger stays as it is.",
        ),
        "import": Entry(
            "cli.moving:bring",
            "Bring a tenant from an archive into a ledger, as he was: whole, or not at all.",
        ),
        "loadtest": Entry(
            "cli.loadtest:loadtest",
            "Claim like a crowd from a running server, then hold its answers against its ledger.",
        ),
        "doctor": Entry(
            "cli.doctor:doctor", "Check the machine, the ledger's disk and file, and the port."
        ),
        "bench": Entry(
            "bench.command:bench",
            "Measure servers of its own, each beside what bounds it, and check what they issued.",
        ),
        "bench-compare": Entry(
            "bench.compare:bench_compare",
            "Tell what changed between two results of the bench; 1 where something got worse.",
        ),
    }
)
"""Commands of one word."""

GROUPS: Mapping[str, tuple[str, Mapping[str, Entry]]] = MappingProxyType(
    {
        "tenant": (
            "Organisations that run campaigns.",
            {
                "create": Entry(
                    "cli.tenants:create",
                    "Make a tenant and its first admin key, which is shown this once.",
                ),
                "show": Entry("cli.tenants:show", "Show a tenant."),
            },
        ),
        "key": (
            "API keys of a tenant.",
            {
                "create": Entry("cli.keys:create", "Make a key, whose secret is shown this once."),
                "list": Entry(
                    "cli.keys:list_all",
                    "List the tenant's keys, revoked ones included; no secret is shown.",
                ),
                "revoke": Entry("cli.keys:revoke", "Make a key useless at once and for ever."),
            },
        ),
        "campaign": (
            "Campaigns and the stock of their rewards.",
            {
                "create": Entry(
                    "cli.campaigns:create",
                    "Make a campaign, from a JSON file or from a few options.",
                ),
                "list": Entry("cli.campaigns:list_all", "List campaigns, newest first."),
                "show": Entry("cli.campaigns:show", "Show a campaign with its stock."),
                "activate": Entry(
                    "cli.campaigns:activate", "Activate a campaign; it opens and closes by itself."
                ),
                "pause": Entry(
                    "cli.campaigns:pause", "Pause a campaign, until it is activated again."
                ),
                "end": Entry(
                    "cli.campaigns:end", "End a campaign for ever; what was issued stays valid."
                ),
                "beacon": Entry(
                    "cli.campaigns:beacon",
                    "Bring the value of the public round that a draw or a raffle is bound to.",
                ),
                "delete": Entry(
                    "cli.campaigns:delete",
                    "Delete a draft that issued nothing; end any other campaign.",
                ),
            },
        ),
        "codes": (
            "Codes by the thousand, for somebody else to hand out.",
            {
                "generate": Entry(
                    "cli.codes:generate",
                    "Set units of a reward aside, with a code each, for somebody else to hand out.",
                ),
                "export": Entry(
                    "cli.codes:export",
                    "Write the codes of a pool to a file, numbered from 1 on; a file that is there "
                    "stays.",
                ),
                "check": Entry(
                    "cli.checks:check",
                    "Tell of each code how it stands; exit 1 unless all were issued or are in a "
                    "pool.",
                ),
                "list": Entry("cli.codes:list_all", "List code pools, newest first."),
                "delete": Entry(
                    "cli.codes:delete",
                    "Take a code pool back: its units return to the stock, its codes are good for "
                    "nothing.",
                ),
            },
        ),
        "customer": (
            "Customers of a tenant.",
            {
                "register": Entry("cli.customers:register", "Register a customer."),
                "list": Entry("cli.customers:list_all", "List registered customers by their ids."),
                "show": Entry("cli.customers:show", "Show a registered customer."),
                "replace": Entry(
                    "cli.customers:replace",
                    "Replace all that is known of a registered customer, attributes included.",
                ),
                "remove": Entry(
                    "cli.customers:remove",
                    "Forget a customer; what he was given stays in the ledger under his id.",
                ),
                "token": Entry(
                    "cli.customers:token",
                    "Make a token by which a customer's browser speaks for him; it is shown this "
                    "once.",
                ),
            },
        ),
        "draw": (
            "Draws, what they promised, and the proof that they kept it.",
            {
                "make": Entry(
                    "cli.drawing:make",
                    "Draw for a customer; a draw that wins nothing is a success, too.",
                ),
                "list": Entry(
                    "cli.drawing:list_all",
                    "List a customer's draws, newest first, and tell whether he may draw now.",
                ),
                "show": Entry(
                    "cli.drawing:show", "Show a draw, and what it won as that stands now."
                ),
                "commitments": Entry(
                    "cli.draws:commitments",
                    "Show what a draw promises; once it is over, with the secrets behind it.",
                ),
                "proof": Entry(
                    "cli.draws:proof",
                    "Take the proof of a draw that is over, and re-check it.",
                ),
                "receipt": Entry(
                    "cli.draws:receipt",
                    "Take the receipt of a draw for its customer to keep, and re-check it.",
                ),
                "verify": Entry(
                    "cli.draws:verify",
                    "Re-check a proof or a receipt, offline; exit status 1 where it does not hold.",
                ),
            },
        ),
        "raffle": (
            "Raffles and their winners.",
            {
                "enter": Entry("cli.raffles:enter", "Have a customer take part in a raffle."),
                "show": Entry(
                    "cli.raffles:show",
                    "Show how many entries a raffle closed with, the root over them, and who won.",
                ),
                "pick": Entry(
                    "cli.raffles:pick",
                    "Pick a raffle's winners and give them their prizes; once more it gives "
                    "nothing twice.",
                ),
            },
        ),
        "job": (
            "Work that goes on in the server.",
            {
                "list": Entry("cli.jobs:list_all", "List jobs, newest first."),
                "show": Entry("cli.jobs:show", "Show how far a job has come."),
                "cancel": Entry("cli.jobs:cancel", "Stop a job, and have what it did undone."),
            },
        ),
        "db": (
            "The schema of a PostgreSQL database.",
            {
                "upgrade": Entry(
                    "cli.databases:upgrade",
                    "Bring the database up to date for this release; the one before it goes on.",
                ),
                "status": Entry(
                    "cli.databases:status",
                    "Show which migrations the database has; exit status 1 where one is lacking.",
                ),
            },
        ),
        "webhook": (
            "Facts sent to addresses of the tenant's.",
            {
                "create": Entry(
                    "cli.webhooks:create",
                    "Have facts sent to an address from now on; the secret is shown this once.",
                ),
                "list": Entry(
                    "cli.webhooks:list_all", "List the tenant's webhooks, the oldest first."
                ),
                "show": Entry("cli.webhooks:show", "Show a webhook and how it is doing."),
                "change": Entry("cli.webhooks:change", "Change what is named and leave the rest."),
                "enable": Entry(
                    "cli.webhooks:enable", "Send to a webhook again; it gets what it missed."
                ),
                "disable": Entry(
                    "cli.webhooks:disable", "Send nothing to a webhook until it is enabled."
                ),
                "delete": Entry(
                    "cli.webhooks:delete", "Take a webhook away, with all that waits for it."
                ),
                "rotate": Entry(
                    "cli.webhooks:rotate",
                    "Give a webhook a new secret, which is shown this once.",
                ),
                "test": Entry("cli.webhooks:ping", "Send a message about nothing."),
                "deliveries": Entry(
                    "cli.webhooks:deliveries",
                    "List what was sent to a webhook or is to be, the newest first.",
                ),
                "delivery": Entry("cli.webhooks:delivery", "Show a delivery with its attempts."),
                "resend": Entry(
                    "cli.webhooks:resend", "Send a message again, under the id that it had."
                ),
            },
        ),
        "config": (
            "The settings in force.",
            {
                "show": Entry(
                    "cli.config:show",
                    "Show every setting with its value, secrets masked, and where it came from.",
                )
            },
        ),
    }
)
"""Commands of two words, below what the first is about."""

_DESCRIPTION = """Give out exactly N of something of value to very many people at the same instant.

`largesse serve` runs a server; the other commands speak to one that runs."""


class Answer(Protocol):
    """What a command returns when it has something to show."""

    def write(self, *, json: bool) -> int:
        """Print it; returns the exit status."""


def run(arguments: Sequence[str]) -> int:
    """Run a command; returns the exit status."""
    app = make_app()
    try:
        status = app.meta(arguments)
    except CycloptsError as error:
        complain(app, f"{error} (`largesse --help` tells more)")
        return MISUSED
    except (ImportError, KeyboardInterrupt) as error:
        return fail(app, error, json=False)
    return status if isinstance(status, int) else 0


def make_app() -> App:
    """The tree of commands, below it the options of all of them."""
    app = App(
        name="largesse",
        help=_DESCRIPTION,
        version=lambda: version("largesse"),
        help_format="markdown",
        print_error=False,
        exit_on_error=False,
        suppress_keyboard_interrupt=False,
        result_action="return_value",
    )
    _add(app, COMMANDS)
    for group, (about, commands) in GROUPS.items():
        below = App(name=group, help=about)
        _add(below, commands)
        app.command(below)

    def launch(
        *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
        json: Annotated[bool, Parameter(negative=(), help="Print one JSON document.")] = False,
    ) -> int:
        return _launch(app, tokens, json=json)

    app.meta.default(launch)
    return app


def _add(app: App, commands: Mapping[str, Entry]) -> None:
    for name, (place, summary) in commands.items():
        app.command(f"largesse.{place}", name=name, help=summary)


def fail(app: App, error: LargesseError | ImportError | KeyboardInterrupt, *, json: bool) -> int:
    """Tell what ended a command; returns the exit status. Raises what is a fault of the program."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, LargesseError):
        complain(app, str(error))
        if json:
            sys.stdout.write(to_json(_document(error)))
        return FAILED
    missing = error.__cause__ or error  # cyclopts tells which command it was for
    extra = EXTRAS.get(str(getattr(missing, "name", "")))
    if extra is None:
        raise error
    complain(app, f"this needs more: pip install 'largesse[{extra}]'")
    return FAILED


def complain(app: App, message: str) -> None:
    """One line on standard error."""
    app.error_console.print("largesse:", style="bold red", end=" ")
    line = " ".join(message.split())
    app.error_console.print(line, markup=False, highlight=False, soft_wrap=True)


def _launch(app: App, tokens: Sequence[str], *, json: bool) -> int:
    command, bound, ignored = app.parse_args(tokens)
    try:
        # `serve` prints its document itself, long before it returns: it asks for `json`.
        answer: Answer | None = command(*bound.args, **bound.kwargs, **dict.fromkeys(ignored, json))
        return 0 if answer is None else answer.write(json=json)
    except LargesseError as error:
        return fail(app, error, json=json)


def _document(error: LargesseError) -> object:
    """What went wrong, for programs: the server's problem, or one of the same shape."""
    if isinstance(error, RefusedError):
        return error.refusal
    return {"code": type(error).__name__, "detail": str(error)}
