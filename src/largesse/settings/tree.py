"""The tree: each setting is declared here, with its type, default, range, unit and reason.

`config show`, the reference page and every complaint are made from these declarations.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from largesse.settings.secret import Secret

MIB = 1_048_576


def _whole(at_least: int, at_most: int, unit: str, reason: str) -> Meta:
    """A whole number within both bounds, in `unit`."""
    return Meta(ge=at_least, le=at_most, description=reason, extra={"unit": unit})


def _text(wanted: str, pattern: str, reason: str) -> Meta:
    """A text that matches `pattern`, which is called `wanted` when it does not."""
    return Meta(pattern=pattern, description=reason, extra={"range": wanted})


class Server(Struct, frozen=True):
    """The HTTP server and what it bears from one client."""

    host: Annotated[
        str,
        _text("an address", ".", "Where to listen; 127.0.0.1 is reached from this machine only."),
    ] = "127.0.0.1"
    port: Annotated[
        int,
        _whole(
            0,
            65_535,
            "",
            "Where to listen; 0 takes a free one, which the first line printed tells.",
        ),
    ] = 8_000
    workers: Annotated[
        int,
        _whole(
            1,
            64,
            "processes",
            "So many serve the port together, on one PostgreSQL database: as many as there are "
            "cores for them.",
        ),
    ] = 1
    header_s_max: Annotated[
        int,
        _whole(
            1, 300, "s", "A request's headers must be complete by then, or slow clients hold all."
        ),
    ] = 10
    body_s_max: Annotated[
        int,
        _whole(
            1,
            3_600,
            "s",
            "Its body must be complete so long after its headers, for the same reason.",
        ),
    ] = 10
    idle_s_max: Annotated[
        int, _whole(1, 3_600, "s", "A connection that asks nothing for so long is closed.")
    ] = 5
    body_bytes_max: Annotated[
        int, _whole(1_024, 64 * MIB, "bytes", "A larger body is answered 413 before it is read.")
    ] = MIB
    headers_bytes_max: Annotated[
        int, _whole(1_024, MIB, "bytes", "A larger head of a request is answered 431.")
    ] = 65_536
    in_flight_max: Annotated[
        int,
        _whole(
            1,
            10_000,
            "requests",
            "When so many of one connection wait for answers, the server stops reading from it.",
        ),
    ] = 128
    drain_s_max: Annotated[
        int, _whole(0, 600, "s", "A server told to stop answers what it accepted for so long.")
    ] = 30


Port = Annotated[int, Meta(ge=0, le=65_535)]


def _optional_port(reason: str) -> Meta:
    """A port of a listener that is off while none is given."""
    return Meta(description=reason, extra={"range": "a whole number from 0 to 65535, or nothing"})


class Rpc(Struct, frozen=True):
    """Listeners beside the main port, which answers Connect and gRPC-Web by itself."""

    grpc_port: Annotated[
        Port | None,
        _optional_port(
            "Native gRPC is answered there, on `server.host`; it needs `largesse[grpc]`."
        ),
    ] = None
    compat_port: Annotated[
        Port | None,
        _optional_port("Clients of the older coupon service are answered there, without a key."),
    ] = None
    compat_tenant: Annotated[
        str | None,
        Meta(
            description="The tenant whose campaigns they see, by its id or its name.",
            extra={"range": "an id or a name"},
        ),
    ] = None
    compat_host: Annotated[
        str,
        _text(
            "an address",
            ".",
            "Where to listen for them: whoever reaches it may claim and read all, without a key.",
        ),
    ] = "127.0.0.1"


class Database(Struct, frozen=True):
    """Where the ledger is."""

    url: Annotated[
        str,
        _text(
            "sqlite:///FILE or postgresql://…",
            "^(sqlite:///.|postgres(ql)?://)",
            "The file of the ledger, a relative path starting at the current folder; or a "
            "PostgreSQL database, for as many processes as you like.",
        ),
    ] = "sqlite:///largesse.db"
    cache_kib: Annotated[
        int, _whole(1_024, 16 * MIB, "KiB", "Pages that one connection to the file remembers.")
    ] = 16_384
    checkpoint_pages: Annotated[
        int,
        _whole(
            100,
            1_000_000,
            "pages",
            "The write-ahead log grows so far before it is copied into the file; small steps keep "
            "the slowest answers fast.",
        ),
    ] = 1_000
    listen_url: Annotated[
        str,
        _text(
            "postgresql://…, or nothing",
            "^(|postgres(ql)?://.*)$",
            "PostgreSQL: where its words about changes are heard, if `url` leads through a pooler, "
            "which carries none.",
        ),
    ] = ""
    pool_max: Annotated[
        int,
        _whole(
            1,
            200,
            "connections",
            "PostgreSQL: so many commands and readings are under way at once; claims have a "
            "connection of their own.",
        ),
    ] = 8
    connection_s_max: Annotated[
        float,
        Meta(
            ge=0.1,
            le=60,
            extra={"unit": "s"},
            description="PostgreSQL: who finds no connection free for so long is answered 503.",
        ),
    ] = 1.5
    lock_s_max: Annotated[
        float,
        Meta(
            ge=0.1,
            le=60,
            extra={"unit": "s"},
            description="PostgreSQL: who waits for a row for so long is answered 503. A server "
            "that says nothing for a quarter of a second longer is given up.",
        ),
    ] = 1.5
    statement_s_max: Annotated[
        float,
        Meta(
            ge=0.1,
            le=3_600,
            extra={"unit": "s"},
            description="PostgreSQL: a statement that takes longer is stopped, and so is a "
            "transaction that does nothing for so long.",
        ),
    ] = 60.0


class Issuance(Struct, frozen=True):
    """How wishes become a batch."""

    batch_max: Annotated[
        int,
        _whole(
            1,
            4_096,
            "wishes",
            "So many share one commit; more would wait longer and make it no cheaper.",
        ),
    ] = 512
    waiting_max: Annotated[
        int,
        _whole(
            1,
            1_000_000,
            "wishes",
            "When so many wait for a commit, the next is answered 503 with Retry-After.",
        ),
    ] = 20_000
    snapshot_s_max: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            extra={"unit": "s"},
            description="A wish is refused without the ledger only on a word of it that is no "
            "older; with 0 the ledger is always asked.",
        ),
    ] = 1.0


class Idempotency(Struct, frozen=True):
    """How long a retry gets its first answer."""

    kept_days: Annotated[
        int, _whole(30, 3_650, "days", "A key is remembered so long; callers may count on 30.")
    ] = 30


class Audit(Struct, frozen=True):
    """The check that counters and rows agree."""

    period_s: Annotated[
        int, _whole(1, 86_400, "s", "A drift of the counters is found within one period.")
    ] = 60


class Jobs(Struct, frozen=True):
    """Work that outlives a request, and the files that it leaves."""

    workers: Annotated[
        int,
        _whole(
            1, 16, "workers", "So many jobs are done side by side; each takes time from claims."
        ),
    ] = 2
    per_tenant_max: Annotated[
        int,
        _whole(
            1, 10_000, "jobs", "When so many of a tenant wait or run, the next is answered 429."
        ),
    ] = 20
    lease_s: Annotated[
        int,
        _whole(
            1, 3_600, "s", "A job whose worker said nothing for so long is gone on with by another."
        ),
    ] = 10
    results_folder: Annotated[
        str,
        Meta(
            description="Where files of results are kept; by default a folder beside the ledger, "
            "named as it is with `-results` at the end. They hold codes that nobody has yet.",
            extra={"range": "a folder"},
        ),
    ] = ""
    results_mib_max: Annotated[
        int,
        _whole(
            1,
            1_048_576,
            "MiB",
            "All results together take no more; a job that would need more fails.",
        ),
    ] = 4_096
    results_kept_hours: Annotated[
        int, _whole(1, 8_760, "hours", "A result is removed so long after its job has ended.")
    ] = 24


class Expiry(Struct, frozen=True):
    """Coupons that have run out."""

    sweep_s: Annotated[
        int,
        _whole(
            1,
            60,
            "s",
            "The facts of expiry are written so often; an expired coupon is refused at once.",
        ),
    ] = 60


class Relay(Struct, frozen=True):
    """How facts leave the ledger."""

    rows_max: Annotated[
        int,
        _whole(1, 10_000, "rows", "So many are looked at in one round, some milliseconds' work."),
    ] = 500
    poll_s: Annotated[
        float,
        Meta(
            ge=0.02,
            le=60,
            extra={"unit": "s"},
            description="The longest wait for news where the ledger's own sign of them got lost.",
        ),
    ] = 1.0


class Webhooks(Struct, frozen=True):
    """Facts brought to addresses of the tenants'."""

    networks_allowed: Annotated[
        tuple[str, ...],
        Meta(
            max_length=100,
            description="Private networks that webhooks may lead to, like `10.1.0.0/16`; else "
            "only public addresses, over https. Commas part them in the environment.",
        ),
    ] = ()
    per_tenant_max: Annotated[
        int, _whole(1, 1_000, "webhooks", "A tenant has no more: each fact goes to all of them.")
    ] = 20
    waiting_max: Annotated[
        int,
        _whole(
            10,
            1_000_000,
            "messages",
            "So many wait for one receiver; what follows stays in the ledger until there is room.",
        ),
    ] = 10_000
    attempt_s_max: Annotated[
        int, _whole(1, 60, "s", "A receiver that has not answered by then has failed.")
    ] = 15
    per_webhook_max: Annotated[
        int, _whole(1, 100, "attempts", "So many are under way to one receiver at once.")
    ] = 8
    in_flight_max: Annotated[
        int, _whole(1, 1_000, "attempts", "So many are under way to all receivers at once.")
    ] = 128
    kept_days: Annotated[
        int, _whole(1, 365, "days", "What was delivered or given up can be looked at so long.")
    ] = 7


class Notifications(Struct, frozen=True):
    """Winners of draws and raffles are told, one by one."""

    channel: Annotated[
        Literal["none", "log", "webhook"],
        Meta(
            description="By which way: a line of the log, to try it out, or an address of yours, "
            "such as what sends your SMS."
        ),
    ] = "none"
    url: Annotated[
        str | None,
        Meta(
            description="The address of the channel `webhook`, over http or https.",
            extra={"range": "an address"},
        ),
    ] = None
    secret: Annotated[
        Secret | None,
        Meta(
            description="What its notices are signed with, as Standard Webhooks says.",
            extra={"range": "whsec_ and base64", "secret": True},
        ),
    ] = None
    in_flight_max: Annotated[
        int, _whole(1, 1_000, "notices", "So many are under way to the channel at once.")
    ] = 16
    attempt_s_max: Annotated[
        int, _whole(1, 60, "s", "A channel that has not answered by then has failed.")
    ] = 10
    late_s_max: Annotated[
        int,
        _whole(
            60,
            2_592_000,
            "s",
            "Whoever won longer ago is not told any more: when a channel is named for the first "
            "time, and after a long failure of it.",
        ),
    ] = 86_400
    raffle_late_s_max: Annotated[
        int,
        _whole(
            60,
            31_536_000,
            "s",
            "The same for winners of raffles, counted from the raffle's end: they may be picked "
            "long after it.",
        ),
    ] = 2_592_000


class Log(Struct, frozen=True):
    """What is told on standard error."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="The least important line that is written."),
    ] = "info"
    format: Annotated[
        Literal["auto", "json", "console"],
        Meta(description="With auto, colours on a terminal and JSON elsewhere."),
    ] = "auto"


class Cors(Struct, frozen=True):
    """Web pages of other origins."""

    origins: Annotated[
        tuple[str, ...],
        Meta(
            max_length=100,
            description="Pages from there may call the API; commas part them in the environment.",
        ),
    ] = ()


class Access(Struct, frozen=True):
    """What an impatient or dishonest caller may do."""

    code_guesses_per_minute_max: Annotated[
        int,
        _whole(
            1,
            1_000_000,
            "guesses",
            "A principal or address with so many wrong codes in a minute is answered 429.",
        ),
    ] = 60
    customer_token_s_max: Annotated[
        int,
        _whole(
            60,
            86_400,
            "s",
            "No customer token lasts longer: it cannot be taken back alone before its end.",
        ),
    ] = 3_600
    proxies: Annotated[
        tuple[str, ...],
        Meta(
            max_length=100,
            description="Addresses of proxies in front of this server, the only ones whose "
            "X-Forwarded-For is believed; commas part them in the environment.",
        ),
    ] = ()


class Settings(Struct, frozen=True):
    """All settings; `load` makes them, `wiring` hands each part its own section."""

    admin_key: Annotated[
        Secret | None,
        Meta(
            description="The first admin key of the tenant `default`, the same on every start; "
            "without it the first start makes one and prints it once.",
            extra={"range": "32 to 255 visible characters", "secret": True},
        ),
    ] = None
    server: Server = Server()
    rpc: Rpc = Rpc()
    database: Database = Database()
    issuance: Issuance = Issuance()
    idempotency: Idempotency = Idempotency()
    audit: Audit = Audit()
    expiry: Expiry = Expiry()
    jobs: Jobs = Jobs()
    relay: Relay = Relay()
    webhooks: Webhooks = Webhooks()
    notifications: Notifications = Notifications()
    log: Log = Log()
    cors: Cors = Cors()
    access: Access = Access()
