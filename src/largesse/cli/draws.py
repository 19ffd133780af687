"""`largesse draw …`: what draws promised, and the proof that they kept it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, BinaryIO

from cyclopts import Parameter
from rich.text import Text

from largesse.cli.errors import CommandError
from largesse.cli.options import CampaignId, Remote
from largesse.cli.shown import Shown, facts, table
from largesse.client import draws
from largesse.draws.verification.lines import LINE_BYTES_MAX, BrokenProofError
from largesse.draws.verification.proof import verify as re_check
from largesse.draws.verification.receipt import check_receipt, is_receipt
from largesse.draws.verification.report import Expected, Receipt, Report
from largesse.storage.sqlite.backup.appearing import appearing

SECONDS_MAX = 600
"""A server reads millions of draws while it sends; between two pieces it takes no time at all."""

PUBLIC = 0o644
"""A proof is for everybody."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """What was noted before the draw was over, elsewhere than in the proof."""

    public_key: str | None = None
    """The server's key, as `/api/v1/proof-key` told it."""

    commitment: tuple[str, ...] = ()
    """A commitment that was published; give it again for each of them."""

    customer: str | None = None
    """Show this customer's draws; needs the salt."""

    salt: str | None = None
    """The customer's `proof_salt`."""

    receipt: tuple[Path, ...] = ()
    """A receipt that the proof must agree with; give it again for each of them."""


_LOCAL = Remote()
_NOTHING = Noted()

_PROOF = "The proof to write; nothing may have this name yet."
_FILE = "A proof, or a receipt."
_RECEIPT = "The receipt to write; nothing may have this name yet."


def commitments(campaign: CampaignId, /, *, remote: Remote = _LOCAL) -> Shown:
    """Show what a draw promises; once it is over, with the secrets behind it."""
    found = remote.ask(draws.commitments(campaign))
    rows = ((one.version, one.commitment, one.secret) for one in found.items)
    key = remote.ask(draws.proof_key())
    document = {**_fields(found), "public_key": key.public_key}
    return Shown(
        document,
        [
            table(("version", "commitment", "secret"), rows),
            Text(f"Proofs are signed by the {key.algorithm} key {key.public_key}", style="dim"),
        ],
    )


def proof(
    campaign: CampaignId,
    file: Annotated[Path, Parameter(help=_PROOF)],
    /,
    *,
    remote: Remote = _LOCAL,
) -> Shown:
    """Take the proof of a draw that is over, and re-check it."""
    key = remote.ask(draws.proof_key()).public_key
    with appearing(file) as unfinished:
        with (
            remote.client(SECONDS_MAX) as client,
            client.download(draws.proof(campaign)) as (
                _,
                pieces,
            ),
        ):
            for piece in pieces:
                unfinished.write(piece)
        unfinished.flush()
        report = _checked(Path(unfinished.name), Expected(public_key=key))
    file.chmod(PUBLIC)
    return _shown(file, report)


def receipt(
    draw: Annotated[str, Parameter(help="The id of a draw, or of an entry in a raffle.")],
    file: Annotated[Path, Parameter(help=_RECEIPT)],
    /,
    *,
    remote: Remote = _LOCAL,
) -> Shown:
    """Take the receipt of a draw for its customer to keep, and re-check it."""
    key = remote.ask(draws.proof_key()).public_key
    with appearing(file) as unfinished:
        unfinished.write(remote.ask(draws.receipt(draw)))
        unfinished.flush()
        found = _kept(Path(unfinished.name), Expected(public_key=key))
    return _shown_receipt(file, found)


def verify(file: Annotated[Path, Parameter(help=_FILE)], /, *, noted: Noted = _NOTHING) -> Shown:
    """Re-check a proof or a receipt, offline; exit status 1 where it does not hold."""
    if (noted.customer is None) is not (noted.salt is None):
        raise CommandError("a customer is found by --customer and --salt together")
    mine = None
    if noted.customer is not None and noted.salt is not None:
        mine = noted.salt, noted.customer
    with _opened(file) as lines:
        may_be_receipt = is_receipt(lines.readline(LINE_BYTES_MAX))
    if may_be_receipt:
        if noted.receipt:
            raise CommandError(f"{file} is a receipt: name the proof first, then --receipt {file}")
        found = _kept(file, Expected(noted.public_key, noted.commitment, mine))
        return _shown_receipt(file, found)
    receipts = [_kept(one, Expected()) for one in noted.receipt]
    return _shown(
        file, _checked(file, Expected(noted.public_key, noted.commitment, mine, receipts))
    )


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    """A file to be checked; whatever is wrong with it is one error."""
    try:
        with file.open("rb") as lines:
            yield lines
    except OSError as error:
        raise CommandError(f"cannot read {file}: {error.strerror}") from error
    except BrokenProofError as error:
        raise CommandError(f"{file}: {error}") from error


def _checked(file: Path, expected: Expected) -> Report:
    with _opened(file) as lines:
        return re_check(lines, expected)


def _kept(file: Path, expected: Expected) -> Receipt:
    with _opened(file) as lines:
        return check_receipt(lines, expected)


def _shown_receipt(file: Path, found: Receipt) -> Shown:
    holds = not found.findings
    document = {"file": str(file), "holds": holds, **vars(found)}
    names = ("campaign", "name", "customer_id", "commitment", "public_key")
    columns = ("n", "at", "seed", "won")
    people: list[Any] = [
        Text(_VERDICTS[holds], style=_STYLES[holds]),
        facts((name, getattr(found, name)) for name in names),
        *(Text(finding, style="red") for finding in found.findings),
    ]
    if found.draw.keys() >= set(columns):
        people.append(table(columns, _rows([found.draw], columns)))
    return Shown(document, people, int(not holds))


def _shown(file: Path, report: Report) -> Shown:
    told = {**vars(report), "won": dict(report.won)}
    document = {"file": str(file), "holds": report.holds, **told}
    names = ("campaign", "name", "draws", "receipts", "public_key", "commitments")
    people: list[Any] = [
        Text(_VERDICTS[report.holds], style=_STYLES[report.holds]),
        facts((name, told[name]) for name in names),
        table(
            ("won", "times"), ((name or "nothing", count) for name, count in told["won"].items())
        ),
        *(Text(finding, style="red") for finding in report.findings),
    ]
    if report.without_code:
        note = f"{report.without_code} draws passed over a reward without codes: unchecked"
        people.append(Text(note, style="yellow"))
    if report.mine:
        columns = ("n", "at", "seed", "won")
        people.append(table(columns, _rows(report.mine, columns)))
    return Shown(document, people, int(not report.holds))


_VERDICTS = {True: "ok", False: "It does not hold."}
_STYLES = {True: "green", False: "bold red"}


def _rows(lines: Iterable[Any], columns: Iterable[str]) -> Iterable[list[object]]:
    for line in lines:
        won = line["won"]
        yield [
            f"{won['reward']} {won['serial']}" if name == "won" and won else line[name]
            for name in columns
        ]


def _fields(found: Any) -> dict[str, Any]:  # noqa: ANN401 — a struct of the client's
    return {name: getattr(found, name) for name in found.__struct_fields__}
