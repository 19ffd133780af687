"""Both verifiers: what happened holds, and each planted mistake is found by either of them.

The changed proofs are signed again by the operator, so that the rules find it, not the signature.
"""

import json
from base64 import b64decode
from collections.abc import Callable
from random import Random

import pytest
from bundles import (
    LOSSES,
    RETURNS,
    SALT,
    SECRET,
    SIGNER,
    WINS,
    Line,
    Recheck,
    Verdict,
    a_history,
    a_history_without_codes,
    ask_node,
    history,
    in_node,
    in_python,
    lines_of,
    places,
    signed_again,
    terms_changed,
)

from largesse.campaigns.model import Campaign
from largesse.draws.dice import Rolls, roll_of
from largesse.draws.model import Roll
from largesse.draws.signing import signer_of
from largesse.draws.verification.reckoning import roll
from largesse.draws.verification.report import Expected
from largesse.http.shapes.proofs import show_key


@pytest.fixture(params=[in_python, in_node])
def recheck(request: pytest.FixtureRequest) -> Recheck:
    """One verifier, then the other."""
    chosen: Recheck = request.param
    return chosen


def test_histories_hold(recheck: Recheck) -> None:
    """With all shortages and each way to meet them; both read the same in them."""
    files = [history(seed) for seed in range(12)]
    verdicts = recheck(*files)

    assert [one.findings for one in verdicts] == [[]] * len(files)
    assert verdicts == in_python(*files)
    told = [line for content in files for line in lines_of(content)]
    assert len(places(told, RETURNS)) > 80
    assert min(one.draws for one in verdicts) > 100
    assert all(one.won and min(one.won["BIG"], one.won[""]) > 0 for one in verdicts)


async def test_a_draw_without_a_code_is_believed_and_told(recheck: Recheck) -> None:
    """Nobody can check it, so the verifiers count it; untold, it is a draw that wins too little."""
    content = await a_history_without_codes()
    [verdict] = recheck(content)
    assert verdict.holds
    assert 10 < verdict.without_code < 20
    lines = lines_of(content)
    del lines[places(lines, lambda line: "without_code" in line)[0]]["without_code"]
    assert not recheck(signed_again(lines))[0].holds


def gap(lines: list[Line]) -> None:
    """A draw number is passed over."""
    for at in places(lines, lambda line: line.get("n", 0) > 20):
        lines[at]["n"] += 1


def removed(lines: list[Line]) -> None:
    """A draw that lost is not told."""
    del lines[places(lines, LOSSES)[5]]


def renumbered(lines: list[Line]) -> None:
    """A draw that lost is not told, and the numbers behind it move up."""
    removed(lines)
    for number, at in enumerate(places(lines, lambda line: "n" in line), start=1):
        lines[at]["n"] = number


def swapped(lines: list[Line]) -> None:
    """A draw that lost gets what another one won."""
    win, loss = places(lines, WINS)[3], places(lines, LOSSES)[3]
    lines[win]["won"], lines[loss]["won"] = None, lines[win]["won"]


def weight(lines: list[Line]) -> None:
    """The weights are told otherwise, with a commitment that fits them."""
    terms_changed(lines[0], lambda terms: terms["rewards"][1].update(weight_ppm=300_000))


def unbound(lines: list[Line]) -> None:
    """The weights are told otherwise, with the commitment as it was."""
    version = lines[0]["versions"][0]
    version["terms"] = version["terms"].replace('"weight_ppm":400000', '"weight_ppm":399999')


def secret(lines: list[Line]) -> None:
    """Another secret, with a commitment that fits it."""
    lines[0]["versions"][0]["secret"] = "00" * 32
    terms_changed(lines[0], lambda _: None)


def quota(lines: list[Line]) -> None:
    """More than there were are said to have been there."""
    terms_changed(lines[0], lambda terms: terms["rewards"][0].update(quota_daily=400))


def unseen_return(lines: list[Line]) -> None:
    """Units come back to the stock, and nobody is told."""
    for at in reversed(places(lines, RETURNS)):
        del lines[at]


def returned_twice(lines: list[Line]) -> None:
    """A unit comes back a second time."""
    at = places(lines, RETURNS)[0]
    lines.insert(at, lines[at])


def unseen_issue(lines: list[Line]) -> None:
    """A unit was given to somebody beside the draws: its serial is missing."""
    taken = lines[places(lines, WINS)[4]]["won"]["reward"]
    for at in places(lines, WINS)[4:]:
        if lines[at]["won"]["reward"] == taken:
            lines[at]["won"]["serial"] += 1


def too_often(lines: list[Line]) -> None:
    """A customer drew more often than he might."""
    wanted = places(lines, lambda line: "n" in line)[:3]
    for at in wanted:
        lines[at]["customer"] = "11" * 32


def too_late(lines: list[Line]) -> None:
    """The window was over."""
    terms_changed(lines[0], lambda terms: terms.update(ends_at=terms["starts_at"]))


def another_day(lines: list[Line]) -> None:
    """A draw is told under the day before, to whose quota it did not belong."""
    lines[places(lines, WINS)[7]]["date"] = "2026-11-30"


def older_version(lines: list[Line]) -> None:
    """A draw cites terms that had been replaced."""
    lines[places(lines, lambda line: line.get("version") == 3)[4]]["version"] = 1


def told_twice(lines: list[Line]) -> None:
    """Beside the version that was promised stands another one of its number, which counts."""
    other = json.loads(json.dumps(lines[0]["versions"][0]))
    lines[0]["versions"].append(other)


MISTAKES = [
    gap, removed, renumbered, swapped, weight, unbound, secret, quota, unseen_return,
    returned_twice, unseen_issue, too_often, too_late, another_day, older_version, told_twice,
]  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_a_lie_is_found(recheck: Recheck, mistake: Callable[[list[Line]], None]) -> None:
    """Though the operator signed it."""
    lines = lines_of(history(1))
    assert recheck(signed_again(lines))[0].holds
    mistake(lines)

    [verdict] = recheck(signed_again(lines))

    assert not verdict.holds
    assert not verdict.broken
    assert not any("signature" in one or "digest" in one for one in verdict.findings)


def test_a_changed_commitment_is_found(recheck: Recheck) -> None:
    """By whoever noted it when the campaign opened: even where all the rest was made to fit."""
    content = history(1)
    noted = [one["commitment"] for one in lines_of(content)[0]["versions"]]
    assert recheck(content, expected=Expected(commitments=noted))[0].holds

    [verdict] = recheck(content, expected=Expected(commitments=[noted[0], "ab" * 32]))

    assert [("ab" * 32) in one for one in verdict.findings] == [True]


def test_another_key_is_found(recheck: Recheck) -> None:
    """The proof names a key itself; who has noted the true one is not fooled."""
    content = history(1)
    true, other = (
        show_key(signer.public_key).public_key
        for signer in (SIGNER, signer_of(b"some other key of 32 bytes ....."))
    )
    assert recheck(content, expected=Expected(public_key=true))[0].holds
    assert not recheck(content, expected=Expected(public_key=other))[0].holds
    lines = lines_of(content)
    lines[0]["public_key"] = other
    assert any("signature" in one for one in recheck(signed_again(lines))[0].findings)


def test_a_signature_is_said_in_one_way(recheck: Recheck) -> None:
    """Four bits of the last character mean nothing: who changes them has changed the file."""
    content = history(1)
    at = content.rindex(b"==") - 1
    places = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    first = places.index(content[at]) & ~15
    said = [content[:at] + places[one : one + 1] + content[at + 1 :] for one in range(64)]
    assert len({b64decode(one[-91:-3]) for one in said[first : first + 16]}) == 1

    assert [one.holds for one in recheck(*said)] == [one == content for one in said]


def test_a_customer_finds_his_draws(recheck: Recheck) -> None:
    """By his salt; with another's there is nothing."""
    content = history(1)
    [mine] = recheck(content, expected=Expected(customer=(SALT, "u7")))
    [nobodys] = recheck(content, expected=Expected(customer=("00fe", "u7")))
    assert (mine.holds, mine.mine > 0, nobodys.mine) == (True, True, 0)
    assert b"u7" not in content


@pytest.mark.parametrize("bits", [20, 24, 32])
async def test_dice_with_modulo_bias_are_found(recheck: Recheck, bits: int) -> None:
    """Few bits, and the rest of the division: low numbers come more often."""

    def biased(campaign: Campaign) -> Rolls:
        def roll(number: int, seed: str) -> Roll:
            honest = roll_of(SECRET, f"{campaign.id}|{campaign.version}|{number}|{seed}")
            return lambda below: honest(1 << bits) % below

        return roll

    [verdict] = recheck(await a_history(1, biased))
    assert not verdict.holds


def test_numbers_agree_bit_for_bit() -> None:
    """10,000 of them in three implementations, many of which a first attempt does not give."""
    random = Random(6)
    asked = []
    for at in range(2_500):
        belows = [10**6, random.randrange(1, 2**20), 2**63 + random.randrange(1, 2**62), 3]
        secret_ = random.randbytes(32)
        asked.append((secret_, f"camp_{at}|1|{at}|씨앗 {random.random()}", belows))

    first = [
        [dice(below) for below in belows]
        for secret_, about, belows in asked
        for dice in [roll_of(secret_, about)]
    ]
    second = [
        [dice(below) for below in belows]
        for secret_, about, belows in asked
        for dice in [roll(secret_, about)]
    ]
    third = ask_node(
        {
            "rolls": [
                {"secret": secret_.hex(), "about": about, "belows": [str(one) for one in belows]}
                for secret_, about, belows in asked
            ]
        }
    )["numbers"]

    assert first == second
    assert first == [[int(number) for number in numbers] for numbers in third]


def test_broken_files(recheck: Recheck) -> None:
    """Each is told apart from a lie, and none is taken for true."""
    content = history(1)
    lines = content.splitlines(keepends=True)
    lacking = json.loads(lines[5])
    del lacking["seed"]
    files = [
        b"",
        b"\n",
        b"{}\n",
        b"[]\n",
        b"PK\x03\x04\xff\n",
        content[:-1],
        content[: len(content) // 2],
        b"".join(lines[:-1]),
        content + lines[3],
        b"".join([*lines[:5], json.dumps(lacking).encode() + b"\n", *lines[6:]]),
    ]
    assert recheck(*files) == [
        Verdict(holds=False, findings=one.findings, broken=True) for one in recheck(*files)
    ]
