"""Why a row is kept aside."""

from __future__ import annotations

from enum import StrEnum

from apps.usage.domain.refusals import marked as _


class Fault(StrEnum):
    """Why a row is kept aside. The value is the reason as told, in English; pages translate it."""

    ENDED_BEFORE_START = _("ended before it started")
    TOO_LONG = _("lasts more than 31 days")
    IN_FUTURE = _("starts in the future")
    NO_TIME_ZONE = _("no time zone")
    NOT_A_TIME = _("not a time")
    AMBIGUOUS_TIME = _("this time stands twice in its zone")
    SKIPPED_TIME = _("this time does not exist in its zone")
    UNKNOWN_CUSTOMER = _("unknown customer")
    NO_CUSTOMER = _("no customer")
    NO_RECORD_ID = _("no record id")
    NO_ACTOR = _("no agent or contact")
    UNKNOWN_LICENCE = _("unknown licence")
    NO_LICENCE = _("no licence known for this agent on that day")
    NO_SIGN_IN = _("signed out without having signed in")
    UNKNOWN_SKU = _("unknown SKU, or none of digital usage")
    NOT_A_QUANTITY = _("quantity is no whole number of units")
    TOO_LONG_TEXT = _("a value is longer than 200 characters")
    FORBIDDEN_CHARACTER = _("a value has a forbidden character")
    NOT_A_ROW = _("not a row of this file")


class RejectedRowError(ValueError):
    """A row that cannot be a record; ``fault`` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault
