"""The doors for usage: importing it, and deciding what contradicts it."""

from apps.usage.services.conflicts import AlreadyDecided, ReasonMissing, decide_conflict
from apps.usage.services.importing import DEFAULT_SOURCE, UsageImported, UsageRefused, import_usage

__all__ = [
    "DEFAULT_SOURCE",
    "AlreadyDecided",
    "ReasonMissing",
    "UsageImported",
    "UsageRefused",
    "decide_conflict",
    "import_usage",
]
