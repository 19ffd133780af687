"""Proofs to test with: made by the ledger's own stores, changed by hand, re-checked by both."""

import asyncio
import atexit
import json
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import replace as with_
from functools import lru_cache, partial
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import IO, Any

import pytest
from memory_ledger import memory_world
from msgspec import Struct

from largesse.campaigns.model import Campaign, DrawPeriod, DrawsPer, OnExhausted
from largesse.draws.bundle import FORMAT, BundleWriter, Pseudonyms
from largesse.draws.commitment import commit, digest_of
from largesse.draws.dice import Dice
from largesse.draws.signing import signer_of
from largesse.draws.verification.lines import BrokenProofError
from largesse.draws.verification.proof import verify
from largesse.draws.verification.report import Expected
from largesse.issuance.model import Settled
from largesse.kernel.outcome import Outcome
from largesse.storage.memory.draws import MemoryDrawStore
from largesse.storage.memory.state import MemoryState
from largesse.testing.factories import (
    DAY_MS,
    HOUR_MS,
    NOW_MS,
    RANDOM,
    World,
    a_chance,
    a_draw,
    draw,
    draws_of,
    edited,
    keep_campaign,
    open_draw,
    revoke,
)

STATIC = Path(__file__).parents[2] / "src/largesse/http/static/draws"
SECRET = b"the secret of the tests"
SIGNER = signer_of(b"a key of thirty-two bytes ......")
SALT = "00ff"
PSEUDONYMS = Pseudonyms(lambda _campaign, _customer: SALT)

Line = dict[str, Any]

_NOTHING = Expected()


class Verdict(Struct, frozen=True):
    """What both verifiers say: `broken` where it could not be read on."""

    holds: bool
    findings: Sequence[str] = ()
    draws: int = 0
    won: dict[str, int] | None = None
    mine: int = 0
    without_code: int = 0
    broken: bool = False


Recheck = Callable[..., list[Verdict]]
"""Re-checks some files, with what is expected of each."""


def in_python(*files: bytes, expected: Expected = _NOTHING) -> list[Verdict]:
    """By the verifier of `largesse draw verify`."""
    verdicts = []
    for content in files:
        try:
            found = verify(content.splitlines(keepends=True), expected)
        except BrokenProofError as error:
            verdicts.append(Verdict(holds=False, findings=(str(error),), broken=True))
            continue
        won = dict(found.won)
        verdicts.append(
            Verdict(
                found.holds, found.findings, found.draws, won, len(found.mine), found.without_code
            )
        )
    return verdicts


def in_node(*files: bytes, expected: Expected = _NOTHING) -> list[Verdict]:
    """By the verifier of the page, in Node.js."""
    wanted: Line = {"commitments": list(expected.commitments), "publicKey": expected.public_key}
    if expected.customer is not None:
        wanted["customer"] = dict(zip(("salt", "id"), expected.customer, strict=True))
    asked = [{"content": b64encode(one).decode(), "expected": wanted} for one in files]
    return [_verdict(one) for one in ask_node({"files": asked})["reports"]]


def ask_node(asked: Line) -> Line:
    """What the page's script says in Node.js; skips where there is none."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is missing: apt-get install nodejs")
    asking, answering = _node(node)
    asking.write(json.dumps(asked) + "\n")
    asking.flush()
    answer = answering.readline()
    assert answer, "the script has failed: see what it wrote to standard error"
    found: Line = json.loads(answer)
    return found


@lru_cache(maxsize=1)
def _node(program: str) -> tuple[IO[str], IO[str]]:
    """The script, started once and waiting for questions until the tests are over."""
    script = Path(__file__).with_name("verify_in_node.cjs")
    process = subprocess.Popen(
        [program, "--no-warnings", script, STATIC / "verify.js"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(process.communicate)
    assert process.stdin is not None
    assert process.stdout is not None
    return process.stdin, process.stdout


def _verdict(said: Line) -> Verdict:
    if "broken" in said:
        return Verdict(holds=False, findings=(said["broken"],), broken=True)
    assert said["unchecked"] == []
    return Verdict(
        said["holds"],
        said["findings"],
        said["draws"],
        said["won"],
        len(said["mine"]),
        said["withoutCode"],
    )


# --- histories --------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def history(seed: int, customers: int = 30) -> bytes:
    """The proof of an honest campaign; the same for the same seed."""
    return asyncio.run(a_history(seed, customers=customers))


async def a_history(seed: int, dice: Dice | None = None, customers: int = 30) -> bytes:
    """The proof of a campaign that went through everything."""
    state = MemoryState()
    world: World = memory_world(state)
    if dice is not None:
        store = MemoryDrawStore(state, world.incentives, dice)  # type: ignore[arg-type]  # it is
        world = with_(world, draws=store)
    return await written(world, await live(world, seed, customers))


async def live(world: World, seed: int, customers: int) -> list[Campaign]:
    """Shortages, revokes, days, edits: a campaign's whole life, in all its versions."""
    random = Random(seed)
    on_exhausted = list(OnExhausted)[seed % 3]
    campaign = await open_draw(
        world,
        a_chance("BIG", 150_000, quota_total=3 * customers // 10, quota_daily=2 * customers // 15),
        a_chance("SMALL", 400_000, quota_total=4 * customers // 3, per_customer_max=2),
        a_chance("REST", 0 if seed % 2 else 100_000),
        on_exhausted=on_exhausted,
        fallback_reward="REST" if on_exhausted is OnExhausted.FALLBACK else None,
        draws_per=DrawsPer(DrawPeriod.DAY, 2),
        per_customer_max=5,
        revoke_keeps_cap=bool(seed & 4),
        time_zone=("UTC", "Asia/Seoul", "America/St_Johns")[seed % 3],
        starts_at_ms=NOW_MS - HOUR_MS,
        ends_at_ms=NOW_MS + 9 * DAY_MS,
    )
    versions = [campaign]
    given: list[Settled] = []
    for turn in range(6):
        now_ms = NOW_MS + turn * 10 * HOUR_MS
        names = [f"u{random.randrange(customers)}" for _ in range(customers)]
        wishes = [
            a_draw(campaign, name, key=f"{turn} {at}", seed=f"s{random.random()}", now_ms=now_ms)
            for at, name in enumerate(names)
        ]
        settled = await draw(world, *wishes)
        given += [Settled(Outcome.ISSUED, one.issued) for one in settled if one.issued]
        random.shuffle(given)
        for _ in range(min(3, len(given))):
            await revoke(world, given.pop(), now_ms)
        if turn in (2, 4):
            big, *others = campaign.definition.rewards
            more = [_weighing(big, 250_000 if turn == 2 else 50_000), *others]
            campaign = await keep_campaign(world, edited(campaign, rewards=tuple(more)))
            versions.append(campaign)
    return versions


async def a_history_without_codes() -> bytes:
    """The proof of a campaign whose first reward has one code only; the other takes its place."""
    world: World = memory_world()
    campaign = await open_draw(
        world,
        a_chance("A", 900_000, code=RANDOM),
        a_chance("B", 100_000),
        on_exhausted=OnExhausted.REDISTRIBUTE,
    )
    world.codes.repeats = 10**6
    names = [f"u{number}" for number in range(20)]
    await draw(world, *(a_draw(campaign, name, seed=f"s {name}") for name in names))
    return await written(world, [campaign])


def _weighing(reward: Any, weight_ppm: int) -> Any:  # noqa: ANN401 — a reward, changed
    return type(reward)(
        **{
            **{name: getattr(reward, name) for name in reward.__struct_fields__},
            "weight_ppm": weight_ppm,
        }
    )


async def written(world: World, versions: Sequence[Campaign]) -> bytes:
    """The proof of what a world's ledger holds of a campaign."""
    commitments = [commit(one, SECRET, told=True) for one in versions]
    writer = BundleWriter(draws_of(world), SIGNER, PSEUDONYMS)
    return b"".join([piece async for piece in writer.pieces(versions[-1], commitments)])


# --- changed by hand --------------------------------------------------------------------------


def lines_of(content: bytes) -> list[Line]:
    """The lines of a proof."""
    return [json.loads(line) for line in content.splitlines()]


def signed_again(lines: Sequence[Line], draws: int | None = None) -> bytes:
    """A proof as an operator would sign it who has lied in these lines."""
    body = b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines[:-1])
    count = sum("n" in line for line in lines) if draws is None else draws
    digest = sha256(body).hexdigest()
    signature = b64encode(SIGNER.sign(f"{FORMAT}|{count}|{digest}".encode())).decode()
    last = {"draws": count, "sha256": digest, "signature": signature}
    return body + json.dumps(last).encode() + b"\n"


def terms_changed(line: Line, change: Callable[[Line], object]) -> None:
    """Change the terms of the first version and commit to them again."""
    version = line["versions"][0]
    terms = json.loads(version["terms"])
    change(terms)
    version["terms"] = json.dumps(terms)
    version["commitment"] = digest_of(version["secret"], version["terms"])


def places(lines: Sequence[Line], wanted: Callable[[Line], object]) -> list[int]:
    """Where lines of a kind stand."""
    return [at for at, line in enumerate(lines) if wanted(line)]


WINS = partial(lambda line: line.get("won"))
LOSSES = partial(lambda line: "n" in line and line["won"] is None)
RETURNS = partial(lambda line: "returned" in line)
