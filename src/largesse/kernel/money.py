"""Money as whole minor units of a currency: no rounding anywhere."""

from msgspec import Struct

from largesse.kernel.errors import InvalidInputError

AMOUNT_MAX = 10**15
"""Minor units; far above any incentive, far below what a 64-bit sum of them could overflow."""

# ISO 4217, list one: the currencies and funds in use.
_CODES = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP
    BYN BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB
    EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD
    JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP
    MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR
    RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND
    TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XAG XAU XBA XBB
    XBC XBD XCD XDR XOF XPD XPF XPT XSU XTS XUA YER ZAR ZMW ZWG
"""
CURRENCIES = frozenset(_CODES.split())


class Money(Struct, frozen=True):
    """An amount of minor units (cents, won) in an ISO 4217 currency."""

    amount: int
    currency: str


def check_money(money: Money, pointer: str) -> None:
    """Raise `InvalidInputError` unless the amount is 1 to 10^15 and the currency exists."""
    if not 0 < money.amount <= AMOUNT_MAX:
        raise InvalidInputError(
            f"amount is in minor units, from 1 to {AMOUNT_MAX}, not {money.amount}",
            f"{pointer}/amount",
        )
    if money.currency not in CURRENCIES:
        raise InvalidInputError(
            f"{money.currency!r} is no ISO 4217 currency; write KRW, EUR or USD, for example",
            f"{pointer}/currency",
        )
