"""Hashes of what makes a row someone's: seeded per installation, so that nobody can foresee them.

A campaign with a cap counts what a customer was given in it, and each of these rows is found by
(campaign, customer, nth). Without a cap there may be any number, and each is found by its key
instead, (campaign, customer, key); a reward's own cap is then counted by (reward, customer, nth).
Whether there is a cap never changes once a campaign was activated.

A draw is found by (campaign, customer, key), too, and by (campaign, period, customer, nth).
"""

import hashlib
from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

import xxhash

from largesse.issuance.model import Offer, Wish

PERIOD_BITS = 24
"""A period is a day since 1970: there are 45,000 years of them."""


class Scope(IntEnum):
    """What a hash is of."""

    CAMPAIGN = 1
    REWARD = 2
    KEY = 3
    DRAW_KEY = 4
    PERIOD = 5


class Fingerprints:
    """Makes hashes of 64 bits with the secret of the installation."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._seeds: dict[tuple[int, int, int], int] = {}

    def seed(self, scope: Scope, number: int, nth: int = 1) -> int:
        """The seed of one family of hashes: a campaign's or reward's number, and an ordinal."""
        family = (scope, number, nth)
        seed = self._seeds.get(family)
        if seed is None:
            name = b"largesse-holder/1|%d|%d|%d" % family
            digest = hashlib.blake2b(name, key=self._secret[:64], digest_size=8).digest()
            seed = self._seeds[family] = int.from_bytes(digest, "big")
        return seed

    def nth(self, scope: Scope, number: int, customer: str, nth: int) -> int:
        """The hash of what a customer was given nth in a campaign, or of a reward."""
        return of_customer(self.seed(scope, number, nth), customer)

    def draw_key(self, campaign: int, customer: str, key: str) -> int:
        """The hash of the draw that a customer's key brought about."""
        return keyed(self.seed(Scope.DRAW_KEY, campaign), customer, key)

    def of_period(self, campaign: int, period: int, customer: str, nth: int) -> int:
        """The hash of a customer's nth draw of a period."""
        return of_customer(self.seed_of_period(campaign, period, nth), customer)

    def seed_of_period(self, campaign: int, period: int, nth: int) -> int:
        """The seed of all customers' nth draws of a period."""
        return self.seed(Scope.PERIOD, campaign << PERIOD_BITS | period, nth)

    def ways(self, offer: Offer) -> "Ways":
        """How the incentives of an offer's customers are found."""
        campaign, reward, _ = offer
        if campaign.definition.per_customer_max is not None:
            return Ways(self.seed(Scope.CAMPAIGN, campaign.number), by_key=False)
        capped = reward.definition.per_customer_max is not None
        return Ways(
            self.seed(Scope.KEY, campaign.number),
            by_key=True,
            reward_seed=self.seed(Scope.REWARD, reward.number) if capped else None,
        )


def of_customer(seed: int, customer: str) -> int:
    """The hash of a customer."""
    return xxhash.xxh3_64_intdigest(customer.encode(), seed)


def keyed(seed: int, customer: str, key: str) -> int:
    """The hash of a customer and a key; neither contains a control character."""
    return xxhash.xxh3_64_intdigest(f"{customer}\0{key}".encode(), seed)


class Ways(NamedTuple):
    """The seeds by which a wish's earlier incentives are found.

    By the customer alone, or `by_key` too; then `reward_seed` leads to the first one of the reward
    where that has a cap of its own.
    """

    seed: int
    by_key: bool
    reward_seed: int | None = None

    def main(self, customer: str, key: str) -> int:
        """The hash that every row of the campaign has, or the customer's first one has."""
        if self.by_key:
            return keyed(self.seed, customer, key)
        return of_customer(self.seed, customer)

    def of_wishes(self, wishes: Iterable[Wish]) -> list[int]:
        """`main` for each of many wishes."""
        seed, digest = self.seed, xxhash.xxh3_64_intdigest
        if self.by_key:
            return [keyed(seed, wish.customer, wish.key) for wish in wishes]
        return [digest(wish.customer.encode(), seed) for wish in wishes]

    def of_reward(self, customer: str) -> int | None:
        """The hash of the customer's first one of the reward, where it is counted apart."""
        if self.reward_seed is None:
            return None
        return of_customer(self.reward_seed, customer)
