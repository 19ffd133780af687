"""Redemption: the use of a coupon, once."""
