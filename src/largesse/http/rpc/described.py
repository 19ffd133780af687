"""The services that RPC serves, and what is remembered of each call."""

from contextvars import ContextVar

from msgspec import Struct

from largesse.http.tracing import Trace

TRACE: ContextVar[Trace] = ContextVar("trace")
"""What is remembered of the call that is being served; set for each by its door."""


class Described(Struct, frozen=True):
    """A service by its name and its methods. Methods in `hot` are logged by their batches."""

    name: str
    methods: frozenset[str]
    hot: frozenset[str] = frozenset()

    @property
    def prefix(self) -> str:
        """What the paths of its methods begin with."""
        return f"/{self.name}"


V1 = Described(
    "largesse.v1.CouponService",
    frozenset(("CreateCampaign", "GetCampaign", "IssueCoupon", "DeleteCampaign")),
    frozenset(("IssueCoupon",)),
)
COMPAT = Described(
    "couponpb.CouponService",
    frozenset(("CreateCampaign", "GetCampaign", "IssueCoupon")),
    frozenset(("IssueCoupon",)),
)
