"""The words of the catalogue: services, licence models, usage types and what a SKU is for."""

from enum import StrEnum


class Service(StrEnum):
    """What an offer belongs to; each has subscriptions, bill days, cycles and a primary of its own (R10)."""

    CONTACT_CENTRE = "contact-centre"
    DIGITAL = "digital"


class LicenceModel(StrEnum):
    """How agents are counted: everybody who logged in, or those present at once."""

    NAMED = "named"
    CONCURRENT = "concurrent"


class UsageType(StrEnum):
    """What is counted, and so what can be committed."""

    PREMIUM_NAMED = "premium-named"
    STANDARD_NAMED = "standard-named"
    PREMIUM_CONCURRENT = "premium-concurrent"
    STANDARD_CONCURRENT = "standard-concurrent"
    WORKFORCE_OPTIMIZATION = "workforce-optimization"
    IVR_PORT = "ivr-port"
    DIGITAL = "digital"


PREMIUM = {LicenceModel.NAMED: UsageType.PREMIUM_NAMED, LicenceModel.CONCURRENT: UsageType.PREMIUM_CONCURRENT}
STANDARD = {
    LicenceModel.NAMED: UsageType.STANDARD_NAMED,
    LicenceModel.CONCURRENT: UsageType.STANDARD_CONCURRENT,
}


class SkuKind(StrEnum):
    """How a SKU comes onto an invoice."""

    COMMITTED = "committed"
    OVERAGE = "overage"
    RECURRING = "recurring"
    DIGITAL_USAGE = "digital-usage"
