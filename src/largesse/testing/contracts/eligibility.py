"""How an `IncentiveStore` treats campaigns that ask who a customer is.

For those whose world keeps customers.
"""

import pytest

from largesse.campaigns.model import Customers, Requirement
from largesse.customers.model import Customer
from largesse.issuance.model import Settled
from largesse.kernel.outcome import Outcome
from largesse.testing.factories import (
    NOW_MS,
    World,
    a_command,
    a_customer,
    a_reward,
    a_wish,
    customers_of,
    keep_customer,
    open_campaign,
    settle,
    settle_one,
)

PHONE = "+821012345678"

STRANGER = None
PLAIN = a_customer("ann")
PHONED = a_customer("ann", phone=PHONE)
VERIFIED = a_customer("ann", verified=True)

REGISTERED = {"customers": Customers.REGISTERED}
BOTH = {"requires": (Requirement.VERIFIED, Requirement.PHONE)}


class EligibilityContract:
    """Mix into a test class that has a `world` fixture."""

    @pytest.mark.parametrize(
        ("asked", "customer", "outcome"),
        [
            ({}, STRANGER, Outcome.ISSUED),
            (REGISTERED, STRANGER, Outcome.UNKNOWN_CUSTOMER),
            (REGISTERED, PLAIN, Outcome.ISSUED),
            ({"requires": (Requirement.PHONE,)}, STRANGER, Outcome.PHONE_REQUIRED),
            ({"requires": (Requirement.PHONE,)}, VERIFIED, Outcome.PHONE_REQUIRED),
            ({"requires": (Requirement.PHONE,)}, PHONED, Outcome.ISSUED),
            ({"requires": (Requirement.VERIFIED,)}, STRANGER, Outcome.NOT_ELIGIBLE),
            ({"requires": (Requirement.VERIFIED,)}, PHONED, Outcome.NOT_ELIGIBLE),
            ({"requires": (Requirement.VERIFIED,)}, VERIFIED, Outcome.ISSUED),
            ({**REGISTERED, **BOTH}, STRANGER, Outcome.UNKNOWN_CUSTOMER),
            (BOTH, STRANGER, Outcome.PHONE_REQUIRED),
            (BOTH, PHONED, Outcome.NOT_ELIGIBLE),
        ],
    )
    @pytest.mark.parametrize("dry_run", [False, True])
    async def test_what_is_required(
        self,
        world: World,
        asked: dict[str, object],
        customer: Customer | None,
        outcome: Outcome,
        dry_run: bool,  # noqa: FBT001 — a parameter of the test
    ) -> None:
        """In earnest and in a dry run alike; the first that is missing is told."""
        campaign = await open_campaign(world, **asked)
        if customer is not None:
            await keep_customer(world, customer)

        settled = await settle_one(world, a_wish(campaign, dry_run=dry_run))

        assert settled.outcome is outcome

    async def test_whoever_has_become_eligible(self, world: World) -> None:
        """The same key is decided afresh; another tenant's customer of that id does not count."""
        campaign = await open_campaign(world, **REGISTERED)
        await keep_customer(world, a_customer("bob"))
        wish = a_wish(campaign)
        refused = await settle(world, wish, a_wish(campaign, "bob"))
        await keep_customer(world, PLAIN)

        settled = await settle_one(world, wish)

        assert [one.outcome for one in refused] == [Outcome.UNKNOWN_CUSTOMER, Outcome.ISSUED]
        assert (settled.outcome, settled.replayed) == (Outcome.ISSUED, False)

    async def test_a_winner_s_retry(self, world: World) -> None:
        """Whoever was given something may have its answer again, though he is known no more."""
        campaign = await open_campaign(world, **REGISTERED)
        await keep_customer(world, PLAIN)
        first = await settle_one(world, a_wish(campaign))
        await customers_of(world).write(
            a_command(), lambda records: records.remove_customer(PLAIN), type(None)
        )

        again = await settle_one(world, a_wish(campaign))
        other = await settle_one(world, a_wish(campaign, key="another"))

        assert again == Settled(Outcome.ISSUED, first.issued, replayed=True)
        assert other.outcome is Outcome.UNKNOWN_CUSTOMER

    async def test_its_place_in_the_order(self, world: World) -> None:
        """After the window, before caps and stock; and so nobody is refused unasked."""
        window = {"starts_at_ms": NOW_MS, "ends_at_ms": NOW_MS + 9}
        reward = a_reward(quota_total=1, per_customer_max=1)
        campaign = await open_campaign(world, reward, **REGISTERED, **window)
        await keep_customer(world, PLAIN)
        late, stranger = a_wish(campaign, "eve", now_ms=NOW_MS + 9), a_wish(campaign, "eve")

        settled = await settle(world, a_wish(campaign), late, stranger, a_wish(campaign, key="2"))

        assert [one.outcome for one in settled] == [
            Outcome.ISSUED,
            Outcome.CLOSED,
            Outcome.UNKNOWN_CUSTOMER,
            Outcome.CUSTOMER_LIMIT_REACHED,
        ]
        assert world.incentives.at_once([stranger, late]) in (
            [None, Settled(Outcome.CLOSED)],
            [None, None],
        )
