"""Receipts: what a customer keeps of his draw, alone and beside the proof, by both verifiers."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import sha256

import pytest
from bundles import (
    LOSSES,
    PSEUDONYMS,
    SECRET,
    SIGNER,
    WINS,
    Line,
    ask_node,
    in_python,
    lines_of,
    live,
    places,
    signed_again,
    terms_changed,
    written,
)
from memory_ledger import memory_world
from msgspec import Struct

from largesse.draws.commitment import commit
from largesse.draws.receipt import FORMAT, ReceiptWriter
from largesse.draws.signing import signer_of
from largesse.draws.verification.lines import BrokenProofError
from largesse.draws.verification.receipt import check_receipt
from largesse.draws.verification.report import Expected
from largesse.http.shapes.proofs import show_key
from largesse.testing.factories import draws_of

KEY = show_key(SIGNER.public_key).public_key
BROKEN = ["broken"]


class Kept(Struct, frozen=True):
    """A proof, and the receipts of all its draws in their order."""

    proof: bytes
    receipts: list[bytes]


@lru_cache
def kept() -> Kept:
    """A campaign that went through everything, in three versions."""

    async def make() -> Kept:
        world = memory_world()
        versions = await live(world, 1, customers=30)
        proof = await written(world, versions)
        writer = ReceiptWriter(SIGNER, PSEUDONYMS)
        rows = await draws_of(world).draws(versions[-1].number, 0, 1_000)
        made = {one.version: commit(one, SECRET, told=False) for one in versions}
        receipts = [writer.receipt(versions[-1], "Draw", made[row.version], row) for row in rows]
        return Kept(proof, receipts)

    return asyncio.run(make())


class Verifier(Struct, frozen=True):
    """One implementation: the findings about a receipt, and about a proof beside receipts."""

    receipt: Callable[..., Sequence[str]]
    proof: Callable[[bytes, Sequence[bytes]], Sequence[str]]


def receipt_in_python(content: bytes, **expected: object) -> Sequence[str]:
    """What `largesse draw verify` finds in a receipt."""
    wanted = Expected(**expected)  # type: ignore[arg-type]  # as the tests name them
    try:
        return check_receipt(content.splitlines(keepends=True), wanted).findings
    except BrokenProofError:
        return BROKEN


def proof_in_python(content: bytes, receipts: Sequence[bytes]) -> Sequence[str]:
    """What it finds in a proof."""
    read = [check_receipt(one.splitlines(keepends=True)) for one in receipts]
    return in_python(content, expected=Expected(receipts=read))[0].findings


def receipt_in_node(content: bytes, **expected: object) -> Sequence[str]:
    """What the page's script finds in a receipt."""
    names = {"public_key": "publicKey"}
    wanted = {names.get(name, name): value for name, value in expected.items()}
    return found_in_node(content, wanted)


def proof_in_node(content: bytes, receipts: Sequence[bytes]) -> Sequence[str]:
    """What it finds in a proof."""
    return found_in_node(content, {"receipts": [b64encode(one).decode() for one in receipts]})


def found_in_node(content: bytes, expected: Line) -> Sequence[str]:
    """Its findings."""
    file = {"content": b64encode(content).decode(), "expected": expected}
    [said] = ask_node({"files": [file]})["reports"]
    return BROKEN if "broken" in said else said["findings"]


@pytest.fixture(params=["python", "node"])
def verifier(request: pytest.FixtureRequest) -> Verifier:
    """One, then the other."""
    if request.param == "python":
        return Verifier(receipt_in_python, proof_in_python)
    return Verifier(receipt_in_node, proof_in_node)


def signed(head: Line, draw: Line) -> bytes:
    """A receipt as the server would sign it."""
    body = b"".join(json.dumps(one).encode() + b"\n" for one in (head, draw))
    digest = sha256(body).hexdigest()
    signature = b64encode(SIGNER.sign(f"{FORMAT}|{digest}".encode())).decode()
    return body + json.dumps({"sha256": digest, "signature": signature}).encode() + b"\n"


def test_receipts_hold(verifier: Verifier) -> None:
    """By themselves, and all of them against the proof: its lines are those of the receipts."""
    first, *_, last = kept().receipts
    for one in (first, last):
        [head, draw, _] = lines_of(one)
        noted = {"public_key": KEY, "commitments": [head["commitment"]]}
        assert list(verifier.receipt(one, **noted)) == []
        assert draw["customer"] not in head.values()
    assert list(verifier.proof(kept().proof, kept().receipts)) == []
    told = [line for line in kept().proof.splitlines() if b'"n":' in line]
    assert [one.splitlines()[1] for one in kept().receipts] == told


def test_a_changed_receipt_is_found(verifier: Verifier) -> None:
    """Whatever is changed of it, by whoever has not the key."""
    content = kept().receipts[4]
    for old, new in ((b'"n":5', b'"n":6'), (b'"seed":"s', b'"seed":"t'), (b"Draw", b"Drew")):
        changed = content.replace(old, new, 1)
        assert changed != content
        assert any("digest" in one for one in verifier.receipt(changed))
    head, draw, last = lines_of(content)
    other = show_key(signer_of(b"some other key of 32 bytes .....").public_key).public_key
    assert verifier.receipt(content, public_key=other)
    assert verifier.receipt(content, commitments=["ab" * 32])
    assert verifier.receipt(signed({**head, "customer_id": "eve"}, draw))
    last["signature"] = b64encode(bytes(64)).decode()
    unsigned = b"".join(content.splitlines(keepends=True)[:2]) + json.dumps(last).encode() + b"\n"
    assert any("signature" in one for one in verifier.receipt(unsigned))


@pytest.mark.parametrize("content", [b"", b"{}\n", b"PK\x03", b'{"format":"largesse-receipt/1"}\n'])
def test_what_is_no_receipt(verifier: Verifier, content: bytes) -> None:
    """It is said to be none, whatever it is."""
    assert verifier.receipt(content) == BROKEN
    whole = kept().receipts[0]
    assert verifier.receipt(whole[:-20]) == BROKEN
    assert verifier.receipt(whole + whole) == BROKEN


def lost_at_the_end(lines: list[Line]) -> None:
    """The last draws are not told: nothing else in the proof could show that."""
    for at in reversed(places(lines, lambda line: "n" in line)[-3:]):
        del lines[at]


def another_seed(lines: list[Line]) -> None:
    """A draw that lost is told with another seed that loses, too."""
    lines[places(lines, LOSSES)[-1]]["seed"] = "another"


def another_story(lines: list[Line]) -> None:
    """A draw that won is told as another customer's."""
    lines[places(lines, WINS)[-1]]["customer"] = "12" * 32


def other_terms(lines: list[Line]) -> None:
    """The terms were replaced, and committed to again."""
    terms_changed(lines[0], lambda terms: terms.update(ends_at="2099-01-01T00:00:00.000Z"))


LIES = [lost_at_the_end, another_seed, another_story, other_terms]


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
def test_a_proof_that_tells_another_story(
    verifier: Verifier, lie: Callable[[list[Line]], None]
) -> None:
    """Found by whoever kept his receipt, though the operator signed the proof."""
    lines = lines_of(kept().proof)
    lie(lines)
    findings = verifier.proof(signed_again(lines), kept().receipts)
    assert any("receipt" in one for one in findings)


def test_a_draw_left_out_at_the_end_is_found_by_nothing_else(verifier: Verifier) -> None:
    """Which is what receipts are for."""
    lines = lines_of(kept().proof)
    lost_at_the_end(lines)
    assert list(verifier.proof(signed_again(lines), [])) == []
    assert list(verifier.proof(signed_again(lines), kept().receipts[:3])) == []


def test_a_receipt_of_elsewhere(verifier: Verifier) -> None:
    """Of another campaign, or one that does not hold itself."""
    head, draw, _ = lines_of(kept().receipts[0])
    elsewhere = signed({**head, "campaign": "camp_other"}, draw)
    for beside in ([elsewhere], [elsewhere, kept().receipts[0]]):
        assert any("another campaign" in one for one in verifier.proof(kept().proof, beside))
    forged = kept().receipts[0].replace(b"Draw", b"Drew", 1)
    assert any("digest" in one for one in verifier.proof(kept().proof, [forged]))
