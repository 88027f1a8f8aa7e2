"""Times without a zone, in the zone of their source: none is guessed where clocks are changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.usage.domain.faults import Fault, RejectedRowError
from apps.usage.domain.zones import localise

ZONES = ("Europe/Stockholm", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")


def local(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("zone", "shown", "moment"),
    [
        ("Europe/Stockholm", "2024-01-15T12:00", "2024-01-15T11:00"),
        ("Europe/Stockholm", "2024-07-15T12:00", "2024-07-15T10:00"),
        ("Europe/Stockholm", "2024-03-31T01:59:59", "2024-03-31T00:59:59"),
        ("Europe/Stockholm", "2024-03-31T03:00", "2024-03-31T01:00"),
        ("Europe/Stockholm", "2024-10-27T01:59:59", "2024-10-26T23:59:59"),
        ("Europe/Stockholm", "2024-10-27T03:00", "2024-10-27T02:00"),
        ("America/New_York", "2024-03-10T01:59:59", "2024-03-10T06:59:59"),
        ("America/New_York", "2024-03-10T03:00", "2024-03-10T07:00"),
        ("America/New_York", "2024-11-03T02:00", "2024-11-03T07:00"),
        ("Asia/Kolkata", "2024-03-31T02:30", "2024-03-30T21:00"),
        ("Asia/Kolkata", "2024-10-27T02:30", "2024-10-26T21:00"),
        ("Australia/Lord_Howe", "2024-10-06T02:30", "2024-10-05T15:30"),
        ("Australia/Lord_Howe", "2024-04-07T02:00", "2024-04-06T15:30"),
        ("UTC", "2024-10-27T02:30", "2024-10-27T02:30"),
    ],
)
def test_a_time_is_that_of_its_zone(zone: str, shown: str, moment: str) -> None:
    found = localise(local(shown), ZoneInfo(zone))
    assert found == local(moment).replace(tzinfo=UTC)
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    ("zone", "first", "last"),
    [
        ("Europe/Stockholm", "2024-03-31T02:00", "2024-03-31T02:59:59.999999"),
        ("America/New_York", "2024-03-10T02:00", "2024-03-10T02:59:59.999999"),
        ("Australia/Lord_Howe", "2024-10-06T02:00", "2024-10-06T02:29:59.999999"),
    ],
)
def test_a_time_that_the_clocks_skip_does_not_exist_whatever_is_said(
    zone: str, first: str, last: str
) -> None:
    for shown in (first, last):
        for fold in (None, 0, 1):
            with pytest.raises(RejectedRowError) as rejected:
                localise(local(shown), ZoneInfo(zone), fold=fold)
            assert rejected.value.fault is Fault.SKIPPED_TIME


@pytest.mark.parametrize(
    ("zone", "shown", "first", "second"),
    [
        ("Europe/Stockholm", "2024-10-27T02:00", "2024-10-27T00:00", "2024-10-27T01:00"),
        ("Europe/Stockholm", "2024-10-27T02:59:59", "2024-10-27T00:59:59", "2024-10-27T01:59:59"),
        ("America/New_York", "2024-11-03T01:30", "2024-11-03T05:30", "2024-11-03T06:30"),
        ("Australia/Lord_Howe", "2024-04-07T01:30", "2024-04-06T14:30", "2024-04-06T15:00"),
    ],
)
def test_a_time_that_stands_twice_is_never_guessed(zone: str, shown: str, first: str, second: str) -> None:
    with pytest.raises(RejectedRowError) as rejected:
        localise(local(shown), ZoneInfo(zone))
    assert rejected.value.fault is Fault.AMBIGUOUS_TIME
    assert localise(local(shown), ZoneInfo(zone), fold=0) == local(first).replace(tzinfo=UTC)
    assert localise(local(shown), ZoneInfo(zone), fold=1) == local(second).replace(tzinfo=UTC)


@pytest.mark.parametrize("shown", ["0001-01-01T00:00", "9999-12-31T23:59"])
def test_a_time_at_the_end_of_all_times_is_none(shown: str) -> None:
    zone = ZoneInfo("Asia/Kolkata" if shown.startswith("0") else "America/New_York")
    with pytest.raises(RejectedRowError) as rejected:
        localise(local(shown), zone)
    assert rejected.value.fault is Fault.NOT_A_TIME


@given(
    st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2035, 1, 1)),  # noqa: DTZ001
    st.sampled_from(ZONES),
)
def test_what_the_clocks_showed_at_a_moment_leads_back_to_it(moment: datetime, zone: str) -> None:
    moment = moment.replace(tzinfo=UTC)
    shown = moment.astimezone(ZoneInfo(zone))
    naive = shown.replace(tzinfo=None, fold=0)
    assert localise(naive, ZoneInfo(zone), fold=shown.fold) == moment
    moments = {localise(naive, ZoneInfo(zone), fold=fold) for fold in (0, 1)}
    if len(moments) == 1:
        assert localise(naive, ZoneInfo(zone)) == moment
        return
    with pytest.raises(RejectedRowError) as rejected:
        localise(naive, ZoneInfo(zone))
    assert rejected.value.fault is Fault.AMBIGUOUS_TIME
    assert max(moments) - min(moments) <= timedelta(hours=1)
