"""Whether sources are on time: their rhythm, the alarm of their silence, gaps by day, and the pages that say so."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import AuditEntry, Role, User
from apps.core.domain.periods import ONE_DAY, Period
from apps.core.tenancy import PROVIDER, scope
from apps.organisations.models import Customer, Partner
from apps.usage.domain.freshness import DayState, calendar, gaps, rhythm, usual_interval
from apps.usage.freshness import list_rhythms
from apps.usage.models import Channel, Delivery, DeliveryState, Source, SourceDay
from apps.usage.services.sources import UnknownTimeZone, set_time_zone
from apps.usage.source_tables import interval_in_words
from tests.factories.pages import Browser
from tests.factories.people import made_user

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MONDAY = date(2026, 3, 2)


def ago(*hours: float) -> list[datetime]:
    return [NOW - each * HOUR for each in hours]


# The rhythm


@pytest.mark.parametrize(
    ("hours_ago", "interval", "is_silent"),
    [
        pytest.param([], None, False, id="never"),
        pytest.param([9000], None, False, id="once, long ago"),
        pytest.param([9000, 9024], None, False, id="twice say nothing of what is usual"),
        pytest.param([1, 25, 49], 24, False, id="every night, just came"),
        pytest.param([48, 72, 96], 24, False, id="twice the interval is patience"),
        pytest.param([48.1, 72.1, 96.1], 24, True, id="longer is an alarm"),
        pytest.param([5, 6, 7, 8], 1, False, id="hourly, silent five hours: never within a day"),
        pytest.param([24.1, 25.1, 26.1, 27.1], 1, True, id="hourly, silent for more than a day"),
        pytest.param([300, 1030, 1750], 725, False, id="monthly"),
        pytest.param([30, 54, 78, 102, 800], 24, False, id="one long holiday does not change what is usual"),
    ],
)
def test_a_source_is_silent_when_it_lacks_for_twice_its_usual_interval_and_a_day(
    hours_ago: list[float], interval: float | None, is_silent: bool
) -> None:
    found = rhythm(ago(*hours_ago), now=NOW)
    assert found.interval == (None if interval is None else interval * HOUR)
    assert found.is_silent is is_silent
    assert found.last == (NOW - min(hours_ago) * HOUR if hours_ago else None)


def test_files_that_come_together_are_one_delivery() -> None:
    """Five kinds every night, one after the other: the night counts, not the minute between two files."""
    nights = [
        NOW - night * 24 * HOUR + file * timedelta(minutes=2) for night in range(6) for file in range(5)
    ]
    assert usual_interval(sorted(nights)) == 24 * HOUR


def test_calls_every_minute_are_not_one_delivery_for_ever() -> None:
    minutes = [NOW + minute * timedelta(minutes=1) for minute in range(6 * 60)]
    assert usual_interval(minutes) == HOUR


def test_only_the_newest_deliveries_tell_what_is_usual() -> None:
    weekly = [NOW - (20 + week * 7) * ONE_DAY for week in range(30)]
    daily = [NOW - day * ONE_DAY for day in range(11)]
    assert usual_interval(sorted(weekly + daily)) == ONE_DAY


# The calendar


def states(records: dict[date, int], first_day: date, days: int, *, today: date) -> str:
    """One letter a day: r(ecords), g(ap), u(sual), b(efore), a(head)."""
    window = Period(first_day, first_day + (days - 1) * ONE_DAY)
    first = min(records) if records else None
    return "".join(each.state[0] for each in calendar(records, window, first=first, today=today))


def on(*numbers: int) -> dict[date, int]:
    """A record on so many days after the Monday."""
    return {MONDAY + number * ONE_DAY: 1 for number in numbers}


@pytest.mark.parametrize(
    ("records", "said"),
    [
        pytest.param({}, "bbbbbbbaaa", id="nothing ever: no gap, for it never began"),
        pytest.param(on(0, 1, 2, 3, 4, 5, 6), "rrrrrrraaa", id="every day; today and what comes are no gaps"),
        pytest.param(on(2, 3, 5), "bbrrgrgaaa", id="before the first record nothing is missing"),
        pytest.param(on(0), "rggggggaaa", id="one day, then nothing"),
        pytest.param(on(0, 6, 7), "rgggggrraa", id="records of today count"),
    ],
)
def test_a_day_without_records_is_a_gap(records: dict[date, int], said: str) -> None:
    assert states(records, MONDAY, 10, today=MONDAY + 7 * ONE_DAY) == said


def test_a_weekday_that_never_has_records_is_no_gap() -> None:
    """Nobody works on Saturday and Sunday; the missing Wednesday of the third week stands out."""
    worked = {day for day in range(28) if day % 7 < 5}
    said = states(on(*worked - {16}), MONDAY, 28, today=MONDAY + 28 * ONE_DAY)
    assert said == "rrrrruu" * 2 + "rrgrruu" + "rrrrruu"


def test_a_source_that_stops_has_gaps_from_then_on() -> None:
    worked = {day for day in range(28) if day % 7 < 5}
    said = states(on(*worked), MONDAY, 42, today=MONDAY + 42 * ONE_DAY)
    assert said[28:] == "ggggguu" * 2


def test_a_source_that_rarely_brings_anything_has_gaps_and_no_rest() -> None:
    """Records on Mondays alone: the other six days are no weekend."""
    said = states(on(0, 7, 14, 21), MONDAY, 22, today=MONDAY + 22 * ONE_DAY)
    assert said == "rgggggg" * 3 + "r"


def test_gaps_are_told_as_runs_of_days() -> None:
    window = Period(MONDAY, MONDAY + 9 * ONE_DAY)
    days = calendar(on(0, 3, 4, 6), window, first=MONDAY, today=MONDAY + 9 * ONE_DAY)
    assert gaps(days) == [
        Period(MONDAY + 1 * ONE_DAY, MONDAY + 2 * ONE_DAY),
        Period(MONDAY + 5 * ONE_DAY, MONDAY + 5 * ONE_DAY),
        Period(MONDAY + 7 * ONE_DAY, MONDAY + 8 * ONE_DAY),
    ]
    assert all(each.state is not DayState.GAP for each in days if each.records)


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        (None, ""),
        (HOUR, "every hour"),
        (3 * HOUR, "every 3 hours"),
        (23 * HOUR, "every day"),
        (30 * HOUR, "every 30 hours"),
        (48 * HOUR, "every 2 days"),
        (30 * ONE_DAY, "every 30 days"),
    ],
)
def test_an_interval_is_told_in_whole_hours_or_days(interval: timedelta | None, said: str) -> None:
    assert interval_in_words(interval) == said


# The pages


def deliveries(
    *moments: datetime,
    partner: Partner | None,
    source: str,
    customer: str = "",
    channel: Channel = Channel.UPLOAD,
) -> None:
    """Deliveries that came at these moments."""
    with scope(PROVIDER):
        Delivery.objects.bulk_create(
            Delivery(
                partner=partner,
                customer_ref=customer,
                kind=1,
                source_name=source,
                channel=channel,
                file_name="usage.csv",
                sha256=hashlib.sha256(f"{source}{partner}{customer}{channel}{moment}".encode()).hexdigest(),
                state=DeliveryState.DONE,
                arrived_at=moment,
            )
            for moment in moments
        )


def made_source(partner: Partner, name: str, days: Iterable[date] = (), *, kind: int = 1) -> Source:
    """A source with ten records on each of these days."""
    with scope(PROVIDER):
        source = Source.objects.get_or_create(partner=partner, name=name)[0]
        SourceDay.objects.bulk_create(
            SourceDay(
                source_id=source.pk,
                partner_id=partner.pk,
                kind=kind,
                day=day,
                records=10,
                until=datetime(day.year, day.month, day.day, 17, 30, tzinfo=UTC),
            )
            for day in days
        )
    return source


def nights(first: int, count: int = 5) -> list[datetime]:
    """So many nights in a row, the newest ``first`` days ago."""
    now = timezone.now()
    return [now - (first + each) * ONE_DAY for each in range(count)]


def test_sources_that_are_silent_stand_first(client_of: Browser, bob: User, guide_example: Customer) -> None:
    partner = guide_example.partner
    for name, newest in (("a-fresh", 0), ("b-silent", 3), ("c-silent-longest", 9)):
        made_source(partner, name)
        deliveries(*nights(newest), partner=partner, source=name)
    page = client_of(bob).get("/sources/").content.decode()
    order = [page.index(f">{name}</a>") for name in ("c-silent-longest", "b-silent", "a-fresh")]
    assert order == sorted(order)
    assert page.count(">Silent</span>") == 2
    assert "2 sources have been silent" in page


def test_a_partner_lands_on_the_alarm_of_its_own_sources(
    client_of: Browser, bob: User, charlie: User, dana: User, guide_example: Customer
) -> None:
    def landed(reader: User) -> tuple[str, int]:
        client = client_of(reader)
        with CaptureQueriesContext(connection) as captured:
            page = client.get("/customers/").content.decode()
        return page, len(captured)

    made_source(guide_example.partner, "a-fresh")
    deliveries(*nights(0), partner=guide_example.partner, source="a-fresh")
    calm, before = landed(bob)
    assert "silent" not in calm
    for number in range(3):
        made_source(guide_example.partner, f"silent-{number}")
        deliveries(*nights(3), partner=guide_example.partner, source=f"silent-{number}")
    page, after = landed(bob)
    assert "3 sources have been silent for more than twice their usual interval." in page
    assert '<a href="/sources/">Sources</a>' in page
    assert before == after
    for reader in (
        charlie,
        dana,
    ):  # somebody else's are none of charlie's business; the provider has a page of all
        assert "silent" not in landed(reader)[0]


def test_a_source_says_until_when_there_are_data_and_which_days_are_missing(
    client_of: Browser, bob: User, guide_example: Customer
) -> None:
    today = timezone.now().date()
    had = [today - back * ONE_DAY for back in range(1, 20) if back != 4]
    source = made_source(guide_example.partner, "acd", had)
    made_source(guide_example.partner, "acd", [today - 2 * ONE_DAY], kind=3)
    page = client_of(bob).get(f"/sources/{source.pk}/").content.decode()
    assert "1 day is missing" in page
    assert page.count("strip-day ") == 2 * 60
    assert page.count("strip-day is-gap") == 2  # of the sessions, and yesterday's legs
    assert "Agent sessions" in page
    assert "IVR legs" in page
    assert ": 10 records</span>" in page
    newest = f"{today - ONE_DAY:%Y-%m-%d}"
    assert datetime.fromisoformat(newest).strftime("%-d %b %Y, 17:30 UTC") in page


def test_what_the_provider_sends_for_a_partner_counts_as_that_sources_delivery(
    guide_example: Customer, strangers: Customer
) -> None:
    """As long as it names a customer of that partner, or none at all."""
    home = made_source(guide_example.partner, "acd")
    strange = made_source(strangers.partner, "acd")
    moments = nights(1)
    deliveries(*moments, partner=None, source="acd", customer=guide_example.ref)
    with scope(PROVIDER):
        found = list_rhythms([home, strange], now=timezone.now())
    assert found[home.pk].last == max(moments)
    assert found[strange.pk].last is None


def test_mended_rows_are_no_delivery(as_provider: None, guide_example: Customer) -> None:
    source = made_source(guide_example.partner, "acd")
    deliveries(*nights(0), partner=guide_example.partner, source="acd", channel=Channel.MENDED)
    assert list_rhythms([source], now=timezone.now())[source.pk].last is None


def test_a_partner_sees_its_own_sources_alone(
    client_of: Browser, bob: User, charlie: User, alice: User, guide_example: Customer
) -> None:
    source = made_source(guide_example.partner, "only-bobs")
    assert b"only-bobs" in client_of(bob).get("/sources/").content
    assert b"only-bobs" not in client_of(charlie).get("/sources/").content
    for somebody, address in (
        (charlie, f"/sources/{source.pk}/"),
        (alice, f"/sources/{source.pk}/"),
        (alice, "/sources/"),
        (bob, "/sources/99999999999999999999/"),
    ):
        assert client_of(somebody).get(address).status_code == 404
    assert client_of(charlie).post(f"/sources/{source.pk}/", {"time_zone": "UTC"}).status_code == 404
    assert client_of(alice).post(f"/sources/{source.pk}/", {"time_zone": "UTC"}).status_code == 404
    with scope(PROVIDER):
        assert Source.objects.get(pk=source.pk).time_zone == ""


def test_an_administrator_sets_the_time_zone_and_it_is_kept_who_did(
    client_of: Browser, bob: User, guide_example: Customer
) -> None:
    source = made_source(guide_example.partner, "acd")
    browser = client_of(bob)
    answer = browser.post(f"/sources/{source.pk}/", {"time_zone": "Europe/Stockholm"}, follow=True)
    assert "Times that say no zone are taken as Europe/Stockholm." in answer.content.decode()
    assert browser.post(f"/sources/{source.pk}/", {"time_zone": "Mars/Olympus"}).status_code == 400
    with scope(PROVIDER):
        assert Source.objects.get(pk=source.pk).time_zone == "Europe/Stockholm"
        entry = AuditEntry.objects.get(action="source.time_zone_changed")
    assert (entry.by, entry.partner_id, entry.subject) == (bob.email, bob.partner_id, "acd")
    assert (entry.before, entry.after) == ({"time_zone": ""}, {"time_zone": "Europe/Stockholm"})


def test_who_only_reads_sets_nothing(client_of: Browser, guide_example: Customer) -> None:
    source = made_source(guide_example.partner, "acd")
    rita = made_user("rita@example.com", Role.PARTNER_READER, guide_example)
    browser = client_of(rita)
    assert b'name="time_zone"' not in browser.get(f"/sources/{source.pk}/").content
    assert browser.post(f"/sources/{source.pk}/", {"time_zone": "UTC"}).status_code == 403


def test_a_zone_that_is_none_is_refused_and_the_same_one_is_no_change(
    bob: User, guide_example: Customer
) -> None:
    source = made_source(guide_example.partner, "acd")
    with scope(bob.scope):
        with pytest.raises(UnknownTimeZone):
            set_time_zone(source=source, time_zone="Mars/Olympus", by=bob)
        for _twice in range(2):
            set_time_zone(source=source, time_zone="Europe/Prague", by=bob)
        assert AuditEntry.objects.filter(action="source.time_zone_changed").count() == 1


@pytest.mark.parametrize(
    "until", ["", "x", "2026-02-30", "0001-01-01", "0001-03-01", "9999-12-31", "10000-01-01"]
)
def test_any_day_may_be_asked_for(client_of: Browser, bob: User, guide_example: Customer, until: str) -> None:
    source = made_source(guide_example.partner, "acd", [timezone.now().date() - 5 * ONE_DAY])
    page = client_of(bob).get(f"/sources/{source.pk}/", {"until": until})
    assert page.status_code == 200
    assert (b": 10 records</span>" in page.content) is not until.startswith("0001")


def test_a_source_that_ended_long_ago_shows_its_last_days_and_leads_to_today(
    client_of: Browser, bob: User, guide_example: Customer
) -> None:
    today = timezone.now().date()
    source = made_source(guide_example.partner, "acd", [today - 200 * ONE_DAY])
    browser = client_of(bob)
    page = browser.get(f"/sources/{source.pk}/").content.decode()
    assert ": 10 records</span>" in page
    assert f"?until={today - 130 * ONE_DAY}" in page
    assert (
        ": 10 records</span>"
        not in browser.get(f"/sources/{source.pk}/", {"until": str(today)}).content.decode()
    )
    assert "None in these days" in browser.get("/sources/").content.decode()


def test_the_list_costs_the_same_however_many_sources_there_are(
    client_of: Browser, bob: User, guide_example: Customer
) -> None:
    def counted() -> int:
        browser = client_of(bob)
        browser.get("/sources/")
        with CaptureQueriesContext(connection) as queries:
            assert browser.get("/sources/").status_code == 200
        return len(queries)

    made_source(guide_example.partner, "one", [date(2026, 3, 1)])
    few = counted()
    for number in range(12):
        made_source(guide_example.partner, f"source-{number}", [date(2026, 3, 1)])
        deliveries(*nights(1), partner=guide_example.partner, source=f"source-{number}")
    assert counted() == few


def test_the_api_says_the_same(
    client_of: Browser, bob: User, charlie: User, alice: User, guide_example: Customer
) -> None:
    today = timezone.now().date()
    made_source(guide_example.partner, "acd", [today - back * ONE_DAY for back in (1, 2, 5, 6)])
    deliveries(*nights(3), partner=guide_example.partner, source="acd")
    page = client_of(bob).get("/api/v1/sources/").json()
    [found] = [each for each in page["results"] if each["name"] == "acd"]
    assert found["partner"] == guide_example.partner.ref
    assert found["data_until"] == f"{today - ONE_DAY}T17:30:00Z"
    assert (found["usual_interval_seconds"], found["is_silent"]) == (86_400, True)
    assert found["gaps"] == [{"from": str(today - 4 * ONE_DAY), "to": str(today - 3 * ONE_DAY)}]
    assert client_of(charlie).get("/api/v1/sources/").json()["results"] == []
    assert client_of(alice).get("/api/v1/sources/").status_code == 404
