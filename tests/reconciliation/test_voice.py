"""R9: the simultaneous calls of each day against what was accepted, on the page, in files and in the API."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from apps.accounts.models import User
from apps.catalogue.domain.kinds import Service
from apps.core.domain.periods import Period
from apps.core.tenancy import PROVIDER, scope
from apps.organisations.models import Customer
from apps.reconciliation.domain.voice import judge_calls
from apps.reconciliation.models import CycleProfile, CycleResult
from apps.reconciliation.selectors import cycle_starting
from apps.reconciliation.services import reconcile_customer
from apps.reconciliation.voice import VoiceCycle, get_voice
from apps.subscriptions.domain.surge import basis_points_by_day
from apps.subscriptions.models import SurgeChange
from apps.subscriptions.selectors import surge_by_day
from tests.factories.counts import contacts_by_instant
from tests.factories.pages import Browser, get, text_of
from tests.factories.portfolios import (
    IVR,
    PREMIUM,
    STANDARD,
    enter,
    entered,
    line,
    portfolio_of,
    subscription,
)
from tests.factories.usage import DAY, UsageFiles, at, intervals, session
from tests.oracle.usage import Interval
from tests.oracle.voice import voice_peak

TODAY = date(2024, 8, 20)
JUNE = date(2024, 6, 1)
PAGE = "/customers/C-1/voice/"


@pytest.fixture
def owner(db: None) -> Customer:
    """C-1: one Standard agent (3 paths), a Premium one from 12 June (6), one port (7) from 13 June; 50 %."""
    return entered(
        subscription(
            "Sub-1",
            line(STANDARD, 1),
            line(PREMIUM, 1, first="2024-06-12"),
            line(IVR, 1, first="2024-06-13"),
        ),
        surge_pct="50",
    )


def calls(
    number: int, start: str, end: str, day: date = DAY
) -> list[tuple[str, datetime, datetime | None, bool]]:
    return [session(f"{day}-{start}-{each}", start, end, day=day) for each in range(number)]


def voice_of(owner: Customer, first: date = JUNE, *, today: date = TODAY) -> VoiceCycle:
    with scope(PROVIDER):
        cycle = cycle_starting(owner, first, today=today, service=Service.CONTACT_CENTRE)
        return get_voice(owner, cycle, today=today)


def changed(owner: Customer, on: date, before: int, after: int) -> None:
    """A change that was made on a day of the past."""
    with scope(PROVIDER):
        SurgeChange.objects.create(
            partner=owner.partner,
            customer=owner,
            at=datetime(on.year, on.month, on.day, 15, tzinfo=UTC),
            by="Dana",
            before_basis_points=before * 100,
            after_basis_points=after * 100,
            reason="peak",
        )


# The rule


def test_R9_a_day_is_judged_by_its_highest_minute_and_by_all_minutes_above() -> None:
    counts = np.zeros((3, 1440), np.int64)
    counts[0, 600:603] = 58
    counts[0, 700] = 57
    counts[1, 30] = 4
    judged = judge_calls(counts, np.array([57, 4, 0], np.int64))
    assert judged.peak.tolist() == [58, 4, 0]
    assert judged.peak_at.tolist() == [600, 30, 0]
    assert judged.most_above.tolist() == [1, 0, 0]
    assert judged.minutes_above.tolist() == [3, 0, 0]


def test_R9_without_an_entitlement_every_call_is_above() -> None:
    counts = np.zeros((1, 1440), np.int64)
    counts[0, 0] = 2
    judged = judge_calls(counts, np.zeros(1, np.int64))
    assert (judged.most_above.tolist(), judged.minutes_above.tolist()) == ([2], [1])


MOMENTS = st.integers(-3, 26 * 6).map(lambda tens: at("00:00") + timedelta(minutes=10 * tens))
LENGTHS = st.sampled_from([0, 1, 59, 60, 600, 601, 3600, 90_000]).map(
    lambda seconds: timedelta(seconds=seconds)
)


@examples(max_examples=150)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), MOMENTS, LENGTHS), max_size=14))
def test_R9_the_peak_is_the_oracles(made: list[tuple[str, datetime, timedelta]]) -> None:
    days = Period(DAY, DAY + timedelta(days=1))
    counted = contacts_by_instant(
        intervals((actor, start, start + length, False) for actor, start, length in made), days
    )
    judged = judge_calls(counted, np.zeros(days.days, np.int64))
    oracle = [Interval(actor, "", start, start + length) for actor, start, length in made]
    assert judged.peak.tolist() == [voice_peak(oracle, day) for day in days]


def test_R9_the_percentage_of_a_day_is_the_one_in_force_at_its_end() -> None:
    days = Period(date(2024, 6, 9), date(2024, 6, 13))
    changes = [(date(2024, 6, 10), 1000), (date(2024, 6, 12), 2000), (date(2024, 6, 12), 500)]
    assert basis_points_by_day(changes, days, before=3000) == [3000, 1000, 1000, 500, 500]
    assert basis_points_by_day([], days, before=0) == [0] * 5


# Stored


def test_R9_each_day_stands_against_its_own_commitments(owner: Customer, files: UsageFiles) -> None:
    for day in (11, 12, 13):
        files.use(*calls(9, "10:00", "10:02", date(2024, 6, day)), kind="voice-calls")
    voice = voice_of(owner)
    days = {each.day.day: each for each in voice.days}
    assert [days[day].accepted for day in (11, 12, 13)] == [4, 9, 10]  # floors of 3, 6 and 7 × 1.5
    assert [days[day].most_above for day in (11, 12, 13)] == [5, 0, 0]
    assert [days[day].minutes_above for day in (11, 12, 13)] == [2, 0, 0]
    assert (voice.peak.day.day, voice.peak.peak, voice.peak.peak_at) == (11, 9, 600)
    assert days[1].peak_at is None


def test_R9_each_day_stands_against_the_percentage_of_its_end(owner: Customer, files: UsageFiles) -> None:
    with scope(PROVIDER):
        entered_on = SurgeChange.objects.get().at.date()
    assert entered_on > JUNE
    days = Period(JUNE, date(2024, 6, 30))
    with scope(PROVIDER):
        assert surge_by_day(owner, days) == [5000] * 30  # what the portfolio said first held all the time
    changed(owner, date(2024, 6, 20), before=50, after=100)
    with scope(PROVIDER):
        assert surge_by_day(owner, days) == [5000] * 19 + [10_000] * 11


def test_R9_before_the_first_change_of_an_administrator_it_was_0(db: None) -> None:
    owner = entered(subscription("Sub-1", line(STANDARD, 1)))
    changed(owner, date(2024, 6, 20), before=0, after=100)
    with scope(PROVIDER):
        assert surge_by_day(owner, Period(date(2024, 6, 19), date(2024, 6, 20))) == [0, 10_000]
        assert surge_by_day(owner, Period(JUNE, JUNE)) == [0]


def test_what_is_stored_and_what_is_counted_on_the_spot_are_the_same(
    owner: Customer, files: UsageFiles
) -> None:
    files.use(*calls(9, "23:58", "23:59", DAY), session("x", "23:00", None, day=DAY), kind="voice-calls")
    counted = voice_of(owner)
    with scope(PROVIDER):
        reconcile_customer(customer=owner, today=TODAY)
        assert CycleProfile.objects.filter(measure="voice").count() == 1
    assert voice_of(owner) == counted
    files.use(*calls(12, "09:00", "09:01", DAY), kind="voice-calls")  # stale now
    assert voice_of(owner).peak.peak == 12


def test_calls_alone_make_a_cycle_that_is_stored(owner: Customer, files: UsageFiles) -> None:
    files.use(*calls(2, "10:00", "10:02"), kind="voice-calls")
    with scope(PROVIDER):
        reconcile_customer(customer=owner, today=TODAY)
        assert CycleResult.objects.get().first_day == JUNE
    assert voice_of(owner).peak.peak == 2


def test_an_open_cycle_has_days_up_to_yesterday(owner: Customer, files: UsageFiles) -> None:
    files.use(*calls(3, "10:00", "10:02", date(2024, 6, 11)), kind="voice-calls")
    voice = voice_of(owner, today=date(2024, 6, 11))
    assert (len(voice.days), voice.peak.peak, voice.until) == (10, 0, date(2024, 6, 10))


def test_a_change_of_commitments_changes_what_was_accepted(owner: Customer, files: UsageFiles) -> None:
    files.use(*calls(9, "10:00", "10:02"), kind="voice-calls")
    with scope(PROVIDER):
        reconcile_customer(customer=owner, today=TODAY)
    enter(portfolio_of(subscription("Sub-1", line(STANDARD, 4))))
    with scope(PROVIDER):
        reconcile_customer(customer=owner, today=TODAY)
    assert next(each.accepted for each in voice_of(owner).days if each.day == DAY) == 18


# The page


def test_the_page_shows_the_calls_of_the_cycle(
    client_of: Browser, dana: User, owner: Customer, files: UsageFiles
) -> None:
    files.use(*calls(6, "10:00", "10:03"), kind="voice-calls")
    html = get(client_of(dana), f"{PAGE}?cycle=2024-06-01")
    page = text_of(html)
    assert "Most calls at once 6 10 Jun 2024 at 10:00 UTC" in page
    assert "Accepted on that day 4 3 voice paths and 50 %" in page
    assert "Most above 2 10 Jun 2024 Minutes above 3 On 1 day" in page
    assert "Above what was accepted on 1 of 30 days; the most, 2, on Monday 10 June 2024." in page
    assert 'id="day-2024-06-10"' in html
    assert "10 Jun 2024 6 10:00 UTC 3 50 % 4 2 3" in page
    assert "Provisional Data until 30 Jun 2024" in page


def test_without_a_call_the_page_says_so(client_of: Browser, dana: User, owner: Customer) -> None:
    assert "No voice call in this cycle" in get(client_of(dana), PAGE)


def test_a_cycle_that_is_none_is_missing(client_of: Browser, dana: User, owner: Customer) -> None:
    client = client_of(dana)
    for query in ("cycle=2024-06-02", "subscription=Sub-9", "cycle=x"):
        for address in (PAGE, "/customers/C-1/voice.csv"):
            assert client.get(f"{address}?{query}").status_code == 404


def test_the_file_and_the_api_say_the_same(
    client_of: Browser, dana: User, owner: Customer, files: UsageFiles
) -> None:
    files.use(*calls(6, "10:00", "10:03"), kind="voice-calls")
    client = client_of(dana)
    response = client.get("/customers/C-1/voice.csv?cycle=2024-06-01")
    assert 'filename="voice-C-1-2024-06-01.csv"' in response["Content-Disposition"]
    header, *rows = csv.reader(io.StringIO(response.content.decode()))
    assert header[:2] == ["Day", "Most simultaneous calls"]
    assert rows[9] == ["2024-06-10", "6", "10:00", "3", "50", "4", "2", "3"]
    assert rows[0] == ["2024-06-01", "0", "", "3", "50", "4", "0", "0"]
    answer = client.get("/api/v1/customers/C-1/voice/?cycle=2024-06-01&until=2024-06-10").json()
    assert answer["cycle"] == {"first_day": "2024-06-01", "last_day": "2024-06-30", "subscription": "Sub-1"}
    assert (answer["until"], answer["is_provisional"], len(answer["results"])) == ("2024-06-10", True, 10)
    assert list(map(str, answer["results"][9].values())) == rows[9]


def test_a_stranger_finds_no_call(
    client_of: Browser, charlie: User, owner: Customer, files: UsageFiles
) -> None:
    client = client_of(charlie)
    for ref in ("C-1", "C-404"):
        for address in (
            f"/customers/{ref}/voice/",
            f"/customers/{ref}/voice.csv",
            f"/api/v1/customers/{ref}/voice/",
        ):
            assert client.get(address).status_code == 404


def test_the_page_costs_the_same_however_many_calls(
    client_of: Browser, dana: User, owner: Customer, files: UsageFiles
) -> None:
    client = client_of(dana)
    addresses = [f"{PAGE}?cycle=2024-06-01", "/customers/C-1/voice.csv", "/api/v1/customers/C-1/voice/"]

    def queries() -> list[int]:
        counted = []
        for address in addresses:
            with CaptureQueriesContext(connection) as context:
                get(client, address)
            counted.append(len(context))
        return counted

    get(client, PAGE)
    few = queries()
    assert max(few) <= 22
    for day in range(1, 20):
        files.use(*calls(5, "10:00", "10:03", date(2024, 6, day)), kind="voice-calls")
    changed(owner, date(2024, 6, 20), before=50, after=100)
    assert queries() == few


def test_a_surge_percentage_has_two_decimals_in_files(
    owner: Customer, client_of: Browser, dana: User
) -> None:
    changed(owner, date(2024, 5, 1), before=50, after=0)
    with scope(PROVIDER):
        SurgeChange.objects.create(
            partner=owner.partner,
            customer=owner,
            at=datetime(2024, 5, 2, tzinfo=UTC),
            by="Dana",
            before_basis_points=0,
            after_basis_points=int(Decimal("12.34") * 100),
            reason="x",
        )
    rows = client_of(dana).get("/customers/C-1/voice.csv?cycle=2024-06-01").content.decode().splitlines()
    assert rows[1].split(",")[3:6] == ["3", "12.34", "3"]
