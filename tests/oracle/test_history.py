"""R13 by the second implementation itself: late and corrected records, and what becomes of papers that were issued."""

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.oracle import CONTACT_CENTRE, DIGITAL, Cycle
from tests.oracle.cycles import days
from tests.oracle.history import History, StillOpen
from tests.oracle.small import (
    EVERYTHING_COSTS_TEN,
    Json,
    Row,
    Rows,
    charged,
    line,
    portfolio,
    price,
    subscription,
)
from tests.oracle.strategies import OFFERS, Decide, Deliver, Enter, Issue, Pass, Story, histories

MAY, JUNE, JULY = date(2024, 5, 1), date(2024, 6, 1), date(2024, 7, 1)
LONG_AFTER = date(2024, 12, 1)
NAMED = subscription(model="named", lines=[line("A-FLEX-WCC-S-N", 1)])


def session(
    number: int, agent: str, day: str = "06-10", licence: str = "standard", end: str = "09:00"
) -> Row:
    """A session of a day of 2024; `number` is its record id."""
    start, end = f"2024-{day}T08:00Z", f"2024-{day}T{end}Z" if end else ""
    row = Rows().session(agent, start, end, licence)
    return {**row, "record_id": f"r{number}"}


def history(*subscriptions: Json, today: date = LONG_AFTER, **more: Any) -> History:
    return History(portfolio(list(subscriptions) or [NAMED], **more), today)


def adjustments(invoice: Json) -> list[tuple[Any, ...]]:
    """SKU, first day, quantity, unit price, amount of the adjustments on a paper."""
    return [
        (each["sku"], each["original_period"][0], each["quantity"], each["unit_price"], each["amount"])
        for each in invoice["lines"]
        if each["kind"] == "other"
    ]


# What is issued stays -----------------------------------------------------------------------------------


def test_R13_a_record_that_arrives_while_its_cycle_is_open_changes_it() -> None:
    of = history()
    of.deliver([session(1, "a"), session(2, "b")])
    [draft] = of.invoice("C-1", JUNE)
    of.deliver([session(3, "c")])
    [other] = of.invoice("C-1", JUNE)
    assert [draft["lines"][0]["quantity"], other["lines"][0]["quantity"]] == [1, 2]


def test_R13_after_the_invoice_is_issued_nothing_that_is_issued_changes() -> None:
    of = history()
    of.deliver([session(1, "a"), session(2, "b")])
    [paper] = of.issue("C-1", JUNE)
    detail, billed = of.daily_detail("C-1", JUNE), of.billed("C-1", JUNE)
    of.deliver([session(3, "c"), session(4, "d")])
    assert (of.daily_detail("C-1", JUNE), of.billed("C-1", JUNE)) == (detail, billed)
    assert (of.issued("C-1"), of.invoice("C-1", JUNE)) == ([paper.printed], [])


def test_R13_the_difference_becomes_an_adjustment_on_the_next_invoice() -> None:
    of = history()
    of.deliver([session(1, "a"), session(2, "b")])
    of.issue("C-1", JUNE)
    of.deliver([session(3, "c"), session(4, "d")])
    [july] = of.invoice("C-1", JULY)
    [adjustment] = [each for each in july["lines"] if each["kind"] == "other"]
    assert adjustment == {
        "kind": "other",
        "sku": "A-FLEX-WCC-S-N-O",
        "subscription": "Sub-1",
        "period_from": "2024-06-01",
        "period_to": "2024-06-30",
        "quantity": 2,
        "unit_price": "10.00",
        "discount_pct": "0",
        "amount": "20.00",
        "original_period": ["2024-06-01", "2024-06-30"],
    }
    assert [each["kind"] for each in july["lines"]] == ["recurring", "other"]  # kind other last
    assert july["subtotal"] == "30.00"
    assert adjustments(of.invoice("C-1", MAY)[0]) == []  # that is no later one


def test_R13_an_adjustment_is_made_once_and_corrected_again() -> None:
    of = history()
    of.deliver([session(1, "a")])
    of.issue("C-1", JUNE)
    of.deliver([session(2, "b")])
    of.issue("C-1", JULY)
    assert adjustments(of.invoice("C-1", date(2024, 8, 1))[0]) == []
    of.deliver([session(3, "c")])
    [august] = of.invoice("C-1", date(2024, 8, 1))
    assert adjustments(august) == [("A-FLEX-WCC-S-N-O", "2024-06-01", 1, "10.00", "10.00")]


def test_R13_agents_restated_as_premium_are_taken_back_as_standard() -> None:
    """R3: Premium for the whole cycle; R4 changes with it."""
    of = history(subscription(model="named", lines=[line("A-FLEX-WCC-P-N", 1), line("A-FLEX-WCC-S-N", 0)]))
    of.deliver([session(1, "a"), session(2, "b")])
    assert of.billed("C-1", JUNE)["standard-named"] == 1
    of.issue("C-1", JUNE)
    of.deliver([session(3, "a", "06-20", "premium"), session(4, "b", "06-21", "premium")])
    assert adjustments(of.invoice("C-1", JULY)[0]) == [
        ("A-FLEX-WCC-P-N-O", "2024-06-01", 1, "10.00", "10.00"),
        ("A-FLEX-WCC-S-N-O", "2024-06-01", -1, "10.00", "-10.00"),
    ]


def test_R13_a_changed_price_gives_two_lines() -> None:
    of = history()
    of.issue("C-1", JUNE)
    dearer = [price("A-FLEX-WCC-S-N", "12.50", "10", "2024-07-01")]
    of.enter(portfolio([NAMED], prices=EVERYTHING_COSTS_TEN + dearer))
    assert adjustments(of.invoice("C-1", JULY)[0]) == [
        ("A-FLEX-WCC-S-N", "2024-07-01", -1, "10.00", "-10.00"),
        ("A-FLEX-WCC-S-N", "2024-07-01", 1, "12.50", "11.25"),
    ]


def test_R13_quantities_entered_late_are_settled_where_they_were_charged() -> None:
    of = history()
    of.issue("C-1", MAY)
    of.issue("C-1", JUNE)
    more = line("A-FLEX-WCC-S-N", 3, "2024-06-16")
    of.enter(portfolio([{**NAMED, "lines": [*NAMED["lines"], more]}]))
    assert charged(of.invoice("C-1", JULY)[0]) == [
        ("recurring", "A-FLEX-WCC-S-N", "Sub-1", "2024-08-01", "2024-08-31", 4, "40.00"),
        ("other", "A-FLEX-WCC-S-N", "Sub-1", "2024-06-16", "2024-06-30", 3, "15.00"),
        ("other", "A-FLEX-WCC-S-N", "Sub-1", "2024-07-01", "2024-07-31", 3, "30.00"),
    ]


def test_R13_each_amount_is_rounded_once() -> None:
    """2 x 0.005 is 0.01, 1 x 0.005 too: a unit more may come to nothing, and is said all the same."""
    prices = [price("A-FLEX-WCC-S-N-O", "0.005"), price("A-FLEX-WCC-S-N", "1.00")]
    of = history(prices=prices)
    of.deliver([session(1, "a"), session(2, "b")])
    of.issue("C-1", JUNE)
    of.deliver([session(3, "c")])
    assert adjustments(of.invoice("C-1", JULY)[0]) == [("A-FLEX-WCC-S-N-O", "2024-06-01", 1, "0.005", "0.00")]


def test_R13_each_seller_corrects_its_own_papers() -> None:
    of = history(retail_prices=[price(sku["sku"], "15.00") for sku in EVERYTHING_COSTS_TEN])
    of.issue("C-1", JUNE)
    of.deliver([session(1, "a"), session(2, "b")])
    wholesale, retail = of.invoice("C-1", JULY)
    assert (adjustments(wholesale)[0][3:], adjustments(retail)[0][3:]) == (
        ("10.00", "10.00"),
        ("15.00", "15.00"),
    )


def test_R14_a_cycle_still_open_cannot_be_issued_and_is_used_until_yesterday() -> None:
    of = history(today=date(2024, 6, 11))
    of.deliver([session(1, "a", "06-09"), session(2, "b", "06-10"), session(3, "c", "06-11")])
    assert of.invoice("C-1", JUNE)[0]["lines"][0]["quantity"] == 1
    with pytest.raises(StillOpen):
        of.issue("C-1", JUNE)
    of.pass_days(20)
    of.deliver([session(3, "c", "06-11")])  # started in the future when it came first
    assert [paper.printed["lines"][0]["quantity"] for paper in of.issue("C-1", JUNE)] == [2]


# Cycles that are closed -----------------------------------------------------------------------------------


def test_R10_a_subscription_entered_later_even_an_older_one_never_changes_a_cycle_that_is_closed() -> None:
    of = history()
    of.issue("C-1", JUNE)
    older = subscription("Sub-0", "2023-12-20", bill_day=20, model="named", lines=[line("A-FLEX-WCC-P-N", 2)])
    of.enter(portfolio([NAMED, older]))
    assert [(cycle.first, cycle.primary_subscription) for cycle in of.cycles("C-1", until=JULY)][-4:] == [
        (date(2024, 4, 20), "Sub-0"),
        (date(2024, 5, 20), "Sub-0"),  # to the day before the closed one
        (JUNE, "Sub-1"),
        (JULY, "Sub-0"),
    ]
    [july] = of.invoice("C-1", JULY)
    # June's invoice looked at 2 June to 1 July: the period of the older one that starts on 20 June was due on it.
    assert adjustments(july) == [("A-FLEX-WCC-P-N", "2024-06-20", 2, "10.00", "20.00")]


def test_R10_days_that_an_issued_invoice_looked_at_are_looked_at_by_no_other() -> None:
    of = history(subscription("Sub-1", "2024-06-01", model="named", lines=[line("A-FLEX-WCC-S-N", 1)]))
    of.issue("C-1", JUNE)
    older = subscription("Sub-0", "2024-05-01", bill_day=1, model="named", lines=[line("A-FLEX-WCC-P-N", 2)])
    of.enter(portfolio([subscription("Sub-1", "2024-06-01", model="named", lines=NAMED["lines"]), older]))
    assert charged(of.invoice("C-1", MAY)[0]) == [
        ("recurring", "A-FLEX-WCC-P-N", "Sub-0", "2024-05-01", "2024-05-31", 2, "20.00"),
    ]
    assert adjustments(of.invoice("C-1", JULY)[0])[:2] == [
        ("A-FLEX-WCC-P-N", "2024-06-01", 2, "10.00", "20.00"),
        ("A-FLEX-WCC-P-N", "2024-07-01", 2, "10.00", "20.00"),
    ]


def test_R10_a_digital_cycle_is_closed_with_the_invoice_that_carries_it() -> None:
    digital = subscription("Con-1", "2024-05-03", bill_day=3, model=None)
    of = history(NAMED, digital)
    sms = Rows().digital("A-CHAN-U-SMS-INTL", 5, "2024-05-20T00:00:00Z")
    of.deliver([sms])
    of.issue("C-1", JUNE)
    older = subscription("Con-0", "2024-04-10", bill_day=10, model=None)
    of.enter(portfolio([NAMED, digital, older]))
    assert [cycle.first for cycle in of.cycles("C-1", DIGITAL, until=JULY)] == [
        date(2024, 4, 10),
        date(2024, 5, 3),
        date(2024, 6, 3),  # the older one's, from where the closed one ends to its bill day
        date(2024, 6, 10),
    ]
    of.deliver([{**sms, "record_id": "late"}])
    assert adjustments(of.invoice("C-1", JULY)[0]) == [
        ("A-CHAN-U-SMS-INTL", "2024-05-03", 5, "10.00", "50.00")
    ]


def test_R10_a_digital_cycle_invoiced_by_itself_stays_so() -> None:
    digital = subscription(
        "Con-1", "2024-05-03", bill_day=3, model=None, lines=[line("A-WXCN-PRM-CON-ENT", 1)]
    )
    of = history(digital)
    of.issue("C-1", date(2024, 5, 3))
    of.enter(portfolio([digital, NAMED]))
    assert (DIGITAL, Cycle(date(2024, 5, 3), date(2024, 6, 2), "Con-1")) not in of.invoiceable("C-1")
    assert (CONTACT_CENTRE, JUNE) in [(service, cycle.first) for service, cycle in of.invoiceable("C-1")]
    # It looked at 3 May to 3 June, so what was due on 1 June is corrected, and 3 June is looked at by no other.
    [june] = of.invoice("C-1", JUNE)
    assert charged(june) == [
        ("recurring", "A-FLEX-WCC-S-N", "Sub-1", "2024-07-01", "2024-07-31", 1, "10.00"),
        ("other", "A-FLEX-WCC-S-N", "Sub-1", "2024-06-01", "2024-06-30", 1, "10.00"),
    ]


# Conflicts ------------------------------------------------------------------------------------------------


def test_R13_a_conflict_that_is_taken_counts_and_what_was_decided_against_is_a_duplicate() -> None:
    of = history()
    stored, other = session(1, "a"), session(1, "a", licence="premium")
    assert of.deliver([stored, other]) == ["accepted", "conflict"]
    [conflict] = of.conflicts("C-1")
    of.decide(conflict, take=True)
    assert [fact.licence for fact in of.facts("C-1")] == ["premium"]
    assert (of.conflicts("C-1"), of.deliver([stored, other])) == ([], ["duplicate", "duplicate"])
    assert of.deliver([session(1, "b")]) == ["conflict"]


def test_R13_a_conflict_that_is_not_taken_changes_nothing() -> None:
    of = history()
    of.deliver([session(1, "a"), session(1, "a", licence="premium")])
    of.decide(of.conflicts("C-1")[0], take=False)
    assert [fact.licence for fact in of.facts("C-1")] == ["standard"]
    assert of.deliver([session(1, "a", licence="premium")]) == ["duplicate"]


def test_R13_a_decision_for_a_closed_cycle_is_an_adjustment() -> None:
    of = history(subscription(model="named"))
    of.deliver([session(1, "a"), session(1, "b", "07-02")])
    of.issue("C-1", JUNE)
    of.decide(of.conflicts("C-1")[0], take=True)
    [july] = of.invoice("C-1", JULY)
    assert charged(july) == [
        ("overage", "A-FLEX-WCC-S-N-O", "Sub-1", "2024-07-01", "2024-07-31", 1, "10.00"),
        ("other", "A-FLEX-WCC-S-N-O", "Sub-1", "2024-06-01", "2024-06-30", -1, "-10.00"),
    ]


# Random histories -----------------------------------------------------------------------------------------

FEW = settings(max_examples=20, suppress_health_check=list(HealthCheck))


def lived(story: Story) -> History:
    """Every step taken. Papers issued on the way are in `papers`."""
    of = History(story.portfolio, story.today, OFFERS)
    for step in story.steps:
        if isinstance(step, Deliver):
            of.deliver(step.rows)
        elif isinstance(step, Enter):
            of.enter(step.portfolio)
        elif isinstance(step, Pass):
            of.pass_days(step.days)
        elif isinstance(step, Decide):
            waiting = of.conflicts(story.customer)
            if waiting:
                of.decide(waiting[step.place % len(waiting)], take=step.take)
        elif isinstance(step, Issue):
            over = of.invoiceable(story.customer, since=story.since)
            if over:
                of.issue(story.customer, over[min(step.place, len(over) - 1)][1].first)
    return of


@FEW
@given(histories())
def test_R13_what_was_invoiced_for_a_cycle_comes_to_what_is_right(story: Story) -> None:
    """Once the next paper is issued: its own lines and all adjustments of them together, for each seller."""
    of = lived(story)
    customer = story.customer
    of.pass_days(60)
    over = of.invoiceable(customer)
    if not over:
        return
    _, last = over[-1]
    issued = of.issue(customer, last.first)
    for paper in issued:
        book = next(book for book, retail in of.price_books(customer) if retail == paper.retail)
        again = of.adjustments(customer, Cycle(LONG_AFTER, date(2099, 1, 1), ""), book, retail=paper.retail)
        assert [each for each in again if of_cycle_before(each[0], last, of, customer)] == []
    for printed in of.issued(customer):
        amounts = [Decimal(each["amount"]) for each in printed["lines"]]
        assert Decimal(printed["subtotal"]) == sum(amounts)
        for each in printed["lines"]:
            assert ("original_period" in each) == (each["kind"] == "other")


def of_cycle_before(key: tuple[str, date], last: Cycle, of: History, customer: str) -> bool:
    [found] = [each for each in of.closed[customer] if (each.service, each.first) == key]
    return found.last < last.last


@FEW
@given(histories(("agent-sessions",)))
def test_R13_closed_cycles_stay_and_each_day_is_looked_at_once(story: Story) -> None:
    of = lived(story)
    customer = story.customer
    closed = of.closed.get(customer, [])
    for service in (CONTACT_CENTRE, DIGITAL):
        found = of.cycles(customer, service, until=of.today + timedelta(days=60))
        stand = [(cycle.first, cycle.last, cycle.primary_subscription) for cycle in found]
        for each in closed:
            if each.service == service:
                assert (each.first, each.last, each.primary_subscription) in stand
        all_days = [day for cycle in found for day in days(cycle.first, cycle.last)]
        assert len(all_days) == len(set(all_days))
    looked_at = Counter(day for each in closed for day in each.looked_at)
    assert set(looked_at.values()) <= {1}


def test_random_histories_are_worth_having() -> None:
    """Most have papers, many have adjustments; what the rules name happens now and then."""
    seen = Counter[str]()

    @settings(max_examples=40, database=None, derandomize=True)
    @given(histories())
    def look(story: Story) -> None:
        of = lived(story)
        happened = {type(step).__name__ for step in story.steps}
        happened |= {f"some {outcome}" for outcome, count in of.outcomes().items() if count}
        happened |= {"paper" for _ in of.papers}
        lines = [each for paper in of.papers for each in paper.printed["lines"]]
        happened |= {f"other {each['sku'][-2:]}" for each in lines if each["kind"] == "other"}
        happened |= {"adjustment" for each in lines if each["kind"] == "other"}
        happened |= {"taken back" for each in lines if each["kind"] == "other" and each["quantity"] < 0}
        happened |= {"retail" for paper in of.papers if paper.retail}
        if any(each.carried_by for each in of.closed.get(story.customer, [])):
            happened.add("digital carried")
        seen.update(happened)

    look()
    assert seen["paper"] >= 25, seen
    assert seen["adjustment"] >= 8, seen
    for sometimes in (
        "Deliver",
        "Decide",
        "Enter",
        "Issue",
        "Pass",
        "some conflict",
        "some rejected",
        "other -O",
        "taken back",
        "retail",
        "digital carried",
    ):
        assert seen[sometimes], seen
