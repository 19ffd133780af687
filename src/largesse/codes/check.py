"""Check symbols: five bits each of a keyed word over everything else in the code.

They turn away a wrong guess before any store is asked. Each lets one wrong guess in 32 pass.
"""

from largesse.codes.keyed import KeyedFunction, Number, derive_key
from largesse.codes.model import CHECK_SYMBOL_BITS, Pattern


class Check:
    """Tells the check symbols of a tenant's codes in a pattern."""

    def __init__(self, pattern: Pattern, tenant_secret: bytes) -> None:
        key = derive_key(tenant_secret, "check", pattern.canonical_text)
        self._function = KeyedFunction(key)
        self._modulus = 1 << pattern.check_symbols * CHECK_SYMBOL_BITS

    def number(self, left: Number, right: Number) -> Number:
        """The check symbols as one number, for codes given as the two halves of their symbols."""
        return self._function.word(left, right) % self._modulus
