"""Digital channels against the slow, literal second implementation: figures, and every line of every invoice."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.catalogue.domain.kinds import Service
from apps.core.tenancy import PROVIDER, scope
from apps.invoicing.services import as_printed, make_drafts
from apps.organisations.models import Customer
from apps.reconciliation.digital import get_digital_figures
from apps.reconciliation.selectors import NoSuchCycle, cycle_starting
from apps.subscriptions.services import import_portfolio
from tests.conftest import NOW
from tests.oracle import CONTACT_CENTRE, DIGITAL, NotACycle, World
from tests.oracle.cycles import ONE_DAY, Cycle
from tests.oracle.strategies import Month, months
from tests.oracle.strategies.mess import mess, written
from tests.oracle.strategies.portfolios import digital_subscriptions
from tests.oracle.strategies.rows import digital_usage
from tests.soak.comparison import import_rows

KINDS = ("agent-sessions", "voice-calls")
AFTER_ALL = date(2025, 12, 31)


@st.composite
def digital_months(draw: st.DrawFn, *, alone: bool) -> Month:
    """A month of a customer with digital channels, beside its contact centre or without one."""
    month = draw(months(KINDS, digital=False))
    portfolio = copy.deepcopy(month.portfolio)
    customer = portfolio["partners"][0]["customers"][0]
    centre = [] if alone else customer["subscriptions"]
    customer["subscriptions"] = [*centre, *draw(digital_subscriptions(month.busy[0]))]
    units = draw(mess(draw(written(draw(digital_usage(month.busy))))))
    return replace(month, portfolio=portfolio, records=[*month.records, *units])


def imported(month: Month, folder: Path) -> Counter[str]:
    """The outcomes of all rows. Records of two kinds or sources are different ones, so their order does not matter."""
    with scope(PROVIDER):
        import_portfolio(text=json.dumps(month.portfolio), by="test")
    files: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in month.records:
        files.setdefault((row["kind"], row.get("source") or "import"), []).append(row)
    outcomes: Counter[str] = Counter()
    for number, ((kind, source), rows) in enumerate(files.items()):
        outcomes.update(import_rows(folder / f"{number}.csv", kind, rows, source=source, now=NOW))
    return +outcomes


def figures(owner: Customer, cycle: Cycle, until: date | None) -> dict[str, dict[str, int]]:
    """As the oracle has them."""
    found = cycle_starting(owner, cycle.first, today=AFTER_ALL, service=Service.DIGITAL)
    assert (found.last, found.primary.number) == (cycle.last, cycle.primary_subscription)
    return {
        each.sku: {"raw": each.raw, "included": each.included, "billable": each.billable}
        for each in get_digital_figures(owner, found, today=AFTER_ALL, until=until).units
    }


def drafts(owner: Customer, first: date, *, today: date) -> list[dict[str, Any]] | None:
    """As they are printed; None where no cycle with an invoice of its own starts on that day."""
    try:
        return [
            as_printed(draft.invoice, draft.lines)
            for draft in make_drafts(customer=owner, first_day=first, today=today)
        ]
    except NoSuchCycle:
        return None


def expected(world: World, ref: str, first: date, until: date | None = None) -> list[dict[str, Any]] | None:
    """Of both services: after a contact centre has ended, its last cycle may begin with a digital one of its own."""
    found = None
    for service in (CONTACT_CENTRE, DIGITAL):
        with suppress(NotACycle):
            found = (found or []) + world.invoice(ref, first, until=until, service=service)
    return found


def near(cycles: Iterable[Cycle], month: Month) -> list[Cycle]:
    """Those in which a busy day lies, and the one before, at most four."""
    listed = list(cycles)
    busy = {
        number
        for number, cycle in enumerate(listed)
        if any(cycle.first <= day <= cycle.last for day in month.busy)
    }
    return [cycle for number, cycle in enumerate(listed) if {number, number + 1} & busy][:4]


@pytest.mark.parametrize("alone", [False, True], ids=["beside a contact centre", "alone"])
@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_R12_random_digital_channels_agree_in_every_unit_and_every_line(
    data: st.DataObject, alone: bool, db: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    month = data.draw(digital_months(alone=alone))
    world, ref = month.world(), month.customer
    until = month.busy[-1] + 31 * ONE_DAY
    digital = near(world.cycles(ref, DIGITAL, until=until), month)
    centre = near(world.cycles(ref, CONTACT_CENTRE, until=until), month)
    with transaction.atomic():
        outcomes = imported(month, tmp_path_factory.mktemp("month"))
        assert outcomes == +Counter(world.outcomes())
        with scope(PROVIDER):
            owner = Customer.objects.select_related("partner").get(ref=ref)
            for cycle in digital:
                middle = cycle.first + (cycle.last - cycle.first) // 2
                for last in (None, middle):
                    assert figures(owner, cycle, last) == world.digital(ref, cycle.first, last)
            for cycle in [*digital, *centre]:
                middle = cycle.first + (cycle.last - cycle.first) // 2
                assert drafts(owner, cycle.first, today=AFTER_ALL) == expected(world, ref, cycle.first)
                assert drafts(owner, cycle.first, today=middle + ONE_DAY) == expected(
                    world, ref, cycle.first, middle
                )
        transaction.set_rollback(True)
