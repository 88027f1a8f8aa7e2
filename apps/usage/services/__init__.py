"""The doors for usage: importing it, and deciding what contradicts it."""

from apps.usage.services.calls import Taken, take_records
from apps.usage.services.conflicts import (
    AlreadyDecided,
    ProviderDecides,
    ReasonMissing,
    as_if_taken,
    decide_conflict,
    decide_conflicts,
)
from apps.usage.services.deliveries import read_delivery, receive_file
from apps.usage.services.importing import UsageImported, import_usage
from apps.usage.services.opening import DEFAULT_SOURCE, UsageRefused

__all__ = [
    "DEFAULT_SOURCE",
    "AlreadyDecided",
    "ProviderDecides",
    "ReasonMissing",
    "Taken",
    "UsageImported",
    "UsageRefused",
    "as_if_taken",
    "decide_conflict",
    "decide_conflicts",
    "import_usage",
    "read_delivery",
    "receive_file",
    "take_records",
]
