"""The pages of draws in a real browser: the wheel that customers turn, and the re-check."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from browsers import browser
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect
from running import ADMIN_KEY, Running, served

from largesse.client import campaigns, customers, draws, raffles, tenants, test_clock
from largesse.client.blocking import Client

SURE = 1_000_000
STARTS_AT = "2026-01-01T00:00:00Z"
SPIN_MS_MAX = 30_000
"""It turns for four seconds; a busy machine takes its time."""

expect.set_options(timeout=SPIN_MS_MAX)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for all of them; each test has a profile of its own."""
    with browser() as launched:
        yield launched


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server of its own process."""
    with served(tmp_path_factory.mktemp("pages")) as running:
        yield running


@pytest.fixture
def url(server: Running) -> str:
    """Where it listens."""
    return f"http://127.0.0.1:{server.port}"


@pytest.fixture
def acme(url: str) -> Iterator[Client]:
    """A tenant who moves his own clock."""
    with Client(url, ADMIN_KEY) as operator:
        made = operator.ask(tenants.create("Acme", test_mode=True))
    assert made.admin_key is not None
    with Client(url, made.admin_key) as client:
        yield client


@pytest.fixture
def still(chromium: Browser) -> Iterator[BrowserContext]:
    """A visitor who does not want things to move."""
    context = chromium.new_context(reduced_motion="reduce", locale="en-GB")
    yield context
    context.close()


def a_draw(acme: Client, weight_ppm: int = SURE, **changes: object) -> str:
    """The id of an open draw of one coupon."""
    value = {"amount": 5000, "currency": "KRW"}
    reward = {"key": "BIG", "kind": "COUPON", "value": value, "weight_ppm": weight_ppm}
    wanted = {"name": "Winter wheel", "type": "DRAW", "starts_at": STARTS_AT, "rewards": [reward]}
    return acme.ask(campaigns.create({**wanted, **changes}, activate=True)).id


def visit(context: BrowserContext, url: str, acme: Client, campaign: str) -> Page:
    """The page of a draw, as Ann comes to it."""
    token = acme.ask(customers.token("ann")).token
    page = context.new_page()
    page.goto(f"{url}/play/{campaign}#token={token}")
    return page


def headline(page: Page) -> Locator:
    """What is said at the moment."""
    return page.locator("#headline")


def spin(page: Page) -> Locator:
    """The button, as a screen reader knows it."""
    return page.get_by_role("button", name="Spin the wheel")


def made(acme: Client, campaign: str) -> list[Any]:
    """Ann's draws."""
    return acme.ask(draws.list_all(campaign, "ann")).items


def test_a_win(chromium: Browser, url: str, acme: Client) -> None:
    """The wheel turns to what the server decided; the code is there once it stands."""
    campaign = a_draw(acme)
    context = chromium.new_context(locale="en-GB")
    page = visit(context, url, acme, campaign)
    expect(page.get_by_role("heading")).to_have_text("Winter wheel")
    assert "token" not in page.url

    spin(page).click()

    expect(page.locator("#wheel")).to_have_attribute("data-decided", "BIG")
    expect(headline(page)).to_have_text("You have won ₩5,000!")
    expect(page.locator("#wheel")).to_have_attribute("data-stands", "BIG")
    [shown] = made(acme, campaign)
    expect(page.locator("#code")).to_have_text(shown.incentive.code)
    expect(spin(page)).to_be_hidden()
    page.get_by_text("How to re-check this").click()
    expect(page.locator("#facts")).to_contain_text(shown.draw.client_seed)
    expect(page.locator("#facts")).to_contain_text(
        acme.ask(draws.commitments(campaign)).items[0].commitment
    )
    context.close()


def test_no_win_by_keyboard(still: BrowserContext, url: str, acme: Client) -> None:
    """Tab, Enter; what came of it has the focus and is read aloud as a status."""
    campaign = a_draw(acme, weight_ppm=0)
    page = visit(still, url, acme, campaign)
    expect(spin(page)).to_be_enabled()

    page.keyboard.press("Tab")
    expect(spin(page)).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_role("status")).to_contain_text("No win this time.")
    expect(page.get_by_role("status")).to_be_focused()
    assert page.locator("#wheel").get_attribute("data-stands") == ""
    moving = page.locator("#wheel").evaluate("wheel => getComputedStyle(wheel).transitionDuration")
    assert moving == "0s"


def test_already_drawn(still: BrowserContext, url: str, acme: Client) -> None:
    """Whoever comes again sees what he drew, in another tab too."""
    campaign = a_draw(acme)
    page = visit(still, url, acme, campaign)
    spin(page).click()
    expect(headline(page)).to_have_text("You have won ₩5,000!")
    code = page.locator("#code").inner_text()

    again = visit(still, url, acme, campaign)

    expect(again.locator("#code")).to_have_text(code)
    expect(again.locator("#detail")).to_contain_text("You have drawn already.")
    expect(spin(again)).to_be_hidden()
    assert len(made(acme, campaign)) == 1


def test_drawn_meanwhile_in_another_tab(still: BrowserContext, url: str, acme: Client) -> None:
    """The other tab's draw is shown, and no second one is made."""
    campaign = a_draw(acme)
    first, second = (visit(still, url, acme, campaign) for _ in range(2))
    expect(spin(second)).to_be_enabled()
    spin(first).click()
    expect(headline(first)).to_have_text("You have won ₩5,000!")

    spin(second).click()

    expect(second.locator("#detail")).to_contain_text("You have drawn already.")
    assert len(made(acme, campaign)) == 1


def test_not_open_then_open(still: BrowserContext, url: str, acme: Client) -> None:
    """It says when, and opens by itself."""
    campaign = a_draw(acme, starts_at=in_a_second(acme))
    page = visit(still, url, acme, campaign)
    expect(headline(page)).to_have_text("Not open yet.")
    expect(page.locator("#detail")).to_contain_text("It opens on")
    expect(spin(page)).to_be_hidden()

    acme.ask(test_clock.advance_by(1000))

    expect(spin(page)).to_be_visible()


def test_ended(still: BrowserContext, url: str, acme: Client) -> None:
    """There is nothing to turn."""
    campaign = a_draw(acme)
    acme.ask(campaigns.end(campaign))
    page = visit(still, url, acme, campaign)
    expect(headline(page)).to_have_text("This draw is over.")
    expect(spin(page)).to_be_hidden()


def test_paused_and_unknown_and_nobody(still: BrowserContext, url: str, acme: Client) -> None:
    """Each is told what is the matter; without a token nobody draws."""
    campaign = a_draw(acme)
    acme.ask(campaigns.pause(campaign))
    expect(headline(visit(still, url, acme, campaign))).to_have_text("This draw takes a break.")
    expect(headline(visit(still, url, acme, "camp_x"))).to_have_text("There is no such draw here.")
    stranger = still.new_page()
    stranger.goto(f"{url}/play/{a_draw(acme)}")
    expect(headline(stranger)).to_have_text("Please come by the link that you were given.")
    forged = still.new_page()
    forged.goto(f"{url}/play/{a_draw(acme)}#token=forged")
    expect(headline(forged)).to_have_text("Your visit has run out.")


def lose_answer(times: list[str], route: Route) -> None:
    """The first wish reaches the server, and its answer does not come back."""
    if route.request.method != "POST":
        route.continue_()
        return
    times.append(route.request.headers["idempotency-key"])
    if len(times) > 1:
        route.continue_()
        return
    route.fetch()
    route.abort()


def lose_wish(times: list[str], route: Route) -> None:
    """The first wish does not even arrive."""
    if route.request.method == "POST":
        times.append(route.request.headers["idempotency-key"])
        if len(times) == 1:
            route.abort()
            return
    route.continue_()


@pytest.mark.parametrize("lose", [lose_answer, lose_wish])
def test_a_lost_connection(
    still: BrowserContext, url: str, acme: Client, lose: Callable[[list[str], Route], None]
) -> None:
    """It asks again with the same key by itself, and it stays one draw."""
    campaign = a_draw(acme)
    page = visit(still, url, acme, campaign)
    keys: list[str] = []
    page.route("**/draws", partial(lose, keys))

    spin(page).click()

    expect(headline(page)).to_have_text("You have won ₩5,000!")
    assert len(keys) == 2
    assert len(set(keys)) == 1
    [shown] = made(acme, campaign)
    expect(page.locator("#code")).to_have_text(shown.incentive.code)


def test_left_before_the_answer(still: BrowserContext, url: str, acme: Client) -> None:
    """Reloaded amid it: the same key brings the draw that was made."""
    campaign = a_draw(acme)
    page = visit(still, url, acme, campaign)
    keys: list[str] = []

    def swallow(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) == 1:
            route.fetch()  # and the browser never hears of it
        else:
            route.continue_()

    page.route("**/draws", swallow)
    with page.expect_request("**/draws"):
        spin(page).click()
    page.wait_for_function("sessionStorage.length === 2")
    while not made(acme, campaign):
        pass
    page.reload()

    expect(headline(page)).to_have_text("You have won ₩5,000!")
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert len(made(acme, campaign)) == 1


def test_the_page_is_quiet(still: BrowserContext, url: str, acme: Client) -> None:
    """No errors in the console, nothing asked of anybody else."""
    said: list[str] = []
    asked: list[str] = []
    page = still.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    token = acme.ask(customers.token("ann")).token
    page.goto(f"{url}/play/{a_draw(acme)}#token={token}")
    spin(page).click()
    expect(headline(page)).to_have_text("You have won ₩5,000!")
    page.goto(f"{url}/verify")
    assert said == []
    assert [one for one in asked if not one.startswith(url)] == []


def test_the_proof_is_checked_offline(
    still: BrowserContext, url: str, acme: Client, tmp_path: Path
) -> None:
    """In the browser alone: what holds, what was changed, and what is no proof."""
    campaign = a_draw(acme, weight_ppm=SURE // 2)
    for number in range(25):
        acme.ask(draws.draw(campaign, f"u{number}"))
    listed = acme.ask(draws.list_all(campaign, "u7"))
    salt = listed.proof_salt
    [noted] = acme.ask(draws.commitments(campaign)).items
    acme.ask(campaigns.end(campaign))
    proof = acme.ask(draws.proof(campaign))
    receipt, file, changed, other = (
        tmp_path / name for name in ("u7.receipt", "draw.proof", "changed", "other")
    )
    receipt.write_bytes(acme.ask(draws.receipt(listed.items[0].draw.id)))
    file.write_bytes(proof)
    changed.write_bytes(proof.replace(b'"n":7', b'"n":8', 1))
    other.write_bytes(b"PK")
    page = still.new_page()
    page.goto(f"{url}/verify")
    still.set_offline(True)

    chosen = page.get_by_label("The proof, or a receipt")
    chosen.set_input_files(receipt)
    page.get_by_role("button", name="Check it").click()
    expect(page.locator("#verdict")).to_have_text("It holds.")
    expect(page.locator("#facts")).to_contain_text("Given tou7")

    chosen.set_input_files(file)
    page.get_by_text("What you noted before").click()
    page.get_by_label("Receipts that the proof must agree with").set_input_files(receipt)
    page.get_by_label("Commitments").fill(noted.commitment)
    page.get_by_label("Your customer id").fill("u7")
    page.get_by_label("Your salt").fill(salt)
    check = page.get_by_role("button", name="Check it")
    check.click()
    expect(page.locator("#verdict")).to_have_text("It holds.")
    expect(page.locator("#facts")).to_contain_text("Winter wheel")
    expect(page.locator("#facts")).to_contain_text("Your drawsdraw")
    expect(page.locator("#facts")).not_to_contain_text("Unchecked")

    chosen.set_input_files(changed)
    check.click()
    expect(page.locator("#verdict")).to_have_text("It does not hold.")
    expect(page.locator("#findings li").first).to_contain_text("a gap, or one too many")

    chosen.set_input_files(other)
    check.click()
    expect(page.locator("#verdict")).to_have_text("This is nothing that can be checked.")


def a_raffle(acme: Client, starts_at: str = STARTS_AT, **changes: object) -> str:
    """The id of a raffle of one bicycle that ends in an hour by the tenant's clock."""
    bicycle = {"key": "BIKE", "kind": "COUPON", "value": {"item": "A bicycle"}, "quota_total": 1}
    wanted = {
        "name": "Bicycle",
        "type": "RAFFLE",
        "starts_at": starts_at,
        "ends_at": soon(acme, timedelta(hours=1)),
        "draws_per": {"period": "CAMPAIGN", "n": 1},
        "rewards": [bicycle],
    }
    return acme.ask(campaigns.create({**wanted, **changes}, activate=True)).id


def take_part(page: Page) -> Locator:
    """The button, as a screen reader knows it."""
    return page.get_by_role("button", name="Take part")


def close(acme: Client) -> None:
    """Let the raffle's end pass."""
    acme.ask(test_clock.advance_by(3_600_000 + 10_000))


def test_a_raffle_from_the_entry_to_the_prize(
    still: BrowserContext, url: str, acme: Client, tmp_path: Path
) -> None:
    """Entered by keyboard, shown again, still to be picked, won; with a receipt that is kept."""
    raffle = a_raffle(acme)
    page = visit(still, url, acme, raffle)
    expect(page.get_by_role("list", name="Prizes")).to_contain_text("A bicycle")
    expect(headline(page)).to_have_text("Take part!")
    expect(page.locator("#detail")).to_contain_text("Winners are picked after")
    expect(page.locator("#wheel")).to_be_hidden()

    page.keyboard.press("Tab")
    expect(take_part(page)).to_be_focused()
    page.keyboard.press("Enter")

    expect(headline(page)).to_have_text("You take part.")
    expect(page.get_by_role("status")).to_be_focused()
    expect(page.locator("#detail")).to_contain_text("Your entry has the number 1.")
    expect(take_part(page)).to_be_hidden()
    page.reload()
    expect(headline(page)).to_have_text("You take part.")

    close(acme)
    page.reload()
    expect(page.locator("#detail")).to_contain_text("the winners are still to be picked")
    acme.ask(raffles.pick(raffle))
    page.reload()
    expect(headline(page)).to_have_text("You have won A bicycle!")
    [shown] = made(acme, raffle)
    assert (shown.draw.won, shown.incentive.reward) == (True, "BIKE")
    expect(page.locator("#code")).to_have_text(shown.incentive.code)

    page.get_by_text("How to re-check this").click()
    with page.expect_download() as kept:
        page.get_by_role("button", name="Keep the receipt").click()
    receipt = tmp_path / kept.value.suggested_filename
    kept.value.save_as(receipt)
    assert receipt.read_bytes() == acme.ask(draws.receipt(shown.draw.id))


def test_a_raffle_that_was_called_off(still: BrowserContext, url: str, acme: Client) -> None:
    """Ended by hand before its end: nobody waits for winners."""
    raffle = a_raffle(acme)
    acme.ask(raffles.enter(raffle, "ann"))
    page = visit(still, url, acme, raffle)
    expect(headline(page)).to_have_text("You take part.")
    acme.ask(campaigns.end(raffle))
    page.reload()
    expect(headline(page)).to_have_text("This raffle was called off.")
    assert acme.ask(raffles.show(raffle)).cancelled


def test_a_raffle_that_somebody_else_won(still: BrowserContext, url: str, acme: Client) -> None:
    """Who took part is told so; who did not, that it is over."""
    raffle, never = a_raffle(acme, draws_per={"period": "CAMPAIGN", "n": 3}), a_raffle(acme)
    for name in ("bob", "cat"):
        acme.ask(raffles.enter(raffle, name))
    page = visit(still, url, acme, raffle)
    take_part(page).click()
    expect(page.get_by_role("button", name="Take part once more")).to_be_visible()
    page.get_by_role("button", name="Take part once more").click()
    expect(page.locator("#detail")).to_contain_text("Your entries have the numbers 3, 4.")
    close(acme)
    won = acme.ask(raffles.pick(raffle)).winners
    assert won is not None
    page.reload()
    mine = won[0].entry in (3, 4)
    told = "You have won A bicycle!" if mine else "No win this time."
    expect(headline(page)).to_have_text(told)
    expect(headline(visit(still, url, acme, never))).to_have_text("This raffle is over.")


@pytest.mark.parametrize("lose", [lose_answer, lose_wish])
def test_an_entry_over_a_lost_connection(
    still: BrowserContext, url: str, acme: Client, lose: Callable[[list[str], Route], None]
) -> None:
    """It stays one entry."""
    raffle = a_raffle(acme, draws_per={"period": "CAMPAIGN", "n": 9})
    page = visit(still, url, acme, raffle)
    keys: list[str] = []
    page.route("**/entries", partial(lose, keys))

    take_part(page).click()

    expect(headline(page)).to_have_text("You take part.")
    assert (len(keys), len(set(keys))) == (2, 1)
    assert len(made(acme, raffle)) == 1


def test_a_raffle_that_is_not_open(still: BrowserContext, url: str, acme: Client) -> None:
    """It says when it opens, and opens by itself; paused, that it takes a break."""
    raffle = a_raffle(acme, starts_at=in_a_second(acme))
    page = visit(still, url, acme, raffle)
    expect(page.locator("#detail")).to_contain_text("It opens on")
    acme.ask(test_clock.advance_by(1000))
    expect(take_part(page)).to_be_visible()
    acme.ask(campaigns.pause(raffle))
    take_part(page).click()
    expect(headline(page)).to_have_text("This raffle takes a break.")


def test_a_draw_that_waits_for_public_randomness(
    still: BrowserContext, url: str, acme: Client
) -> None:
    """It says what for, and no date that has passed."""
    campaign = a_draw(acme, beacon={"source": "drand quicknet", "round": 4919})
    page = visit(still, url, acme, campaign)
    expect(headline(page)).to_have_text("Not open yet.")
    detail = page.locator("#detail")
    expect(detail).to_contain_text("round 4919 of drand quicknet")
    expect(detail).not_to_contain_text("2026")
    expect(spin(page)).to_be_hidden()


def soon(acme: Client, wait: timedelta) -> str:
    """By the tenant's clock, which stands still."""
    return (datetime.fromisoformat(acme.ask(test_clock.show()).now) + wait).isoformat()


def in_a_second(acme: Client) -> str:
    """A second from now."""
    return soon(acme, timedelta(seconds=1))
