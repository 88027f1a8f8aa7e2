"""R9: voice entitlement and surge protection."""

from collections.abc import Sequence
from datetime import date

from tests.oracle.cycles import CONTACT_CENTRE, committed
from tests.oracle.portfolio import AGENT_SKUS, IVR_SKU, Customer
from tests.oracle.usage import Interval, most_at_an_instant


def voice_paths(premium: int, standard: int, additional: int) -> int:
    """R9: E = 3 x (Premium + Standard committed) + additional IVR ports."""
    return 3 * (premium + standard) + additional


def accepted_calls(paths: int, basis_points: int) -> int:
    """R9: floor(E x (100 + surge %) / 100), in integers. 30 % are 3000 basis points."""
    return paths * (10000 + basis_points) // 10000


def voice_paths_of(customer: Customer, day: date) -> int:
    """The customer's voice paths by the quantities in force on a day. Independent of overage."""
    # Subscriptions active together have one licence model, so one of the two models adds nothing.
    premium = sum(committed(customer, CONTACT_CENTRE, sku["premium"], day) for sku in AGENT_SKUS.values())
    standard = sum(committed(customer, CONTACT_CENTRE, sku["standard"], day) for sku in AGENT_SKUS.values())
    return voice_paths(premium, standard, committed(customer, CONTACT_CENTRE, IVR_SKU, day))


def accepted_calls_of(customer: Customer, day: date) -> int:
    return accepted_calls(voice_paths_of(customer, day), int(customer.surge_pct * 100))


def voice_peak(calls: Sequence[Interval], day: date) -> int:
    """The most simultaneous voice contacts of a day."""
    return most_at_an_instant(calls, day)
