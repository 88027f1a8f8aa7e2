"""Why a row is kept aside."""

from __future__ import annotations

from enum import StrEnum


class Fault(StrEnum):
    """Why a row is kept aside. The value is the reason as told, in English; pages translate it."""

    ENDED_BEFORE_START = "ended before it started"
    TOO_LONG = "lasts more than 31 days"
    IN_FUTURE = "starts in the future"
    NO_TIME_ZONE = "no time zone"
    NOT_A_TIME = "not a time"
    AMBIGUOUS_TIME = "this time stands twice in its zone"
    SKIPPED_TIME = "this time does not exist in its zone"
    UNKNOWN_CUSTOMER = "unknown customer"
    NO_CUSTOMER = "no customer"
    NO_RECORD_ID = "no record id"
    NO_ACTOR = "no agent or contact"
    UNKNOWN_LICENCE = "unknown licence"
    NO_LICENCE = "no licence known for this agent on that day"
    NO_SIGN_IN = "signed out without having signed in"
    UNKNOWN_SKU = "unknown SKU, or none of digital usage"
    NOT_A_QUANTITY = "quantity is no whole number of units"
    TOO_LONG_TEXT = "a value is longer than 200 characters"
    FORBIDDEN_CHARACTER = "a value has a forbidden character"
    NOT_A_ROW = "not a row of this file"


class RejectedRowError(ValueError):
    """A row that cannot be a record; ``fault`` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault
