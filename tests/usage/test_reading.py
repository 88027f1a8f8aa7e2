"""Records leave the database as long columns, whatever their ids are made of."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from apps.core.domain.periods import Period
from apps.core.tenancy import PROVIDER, scope
from apps.usage.domain.moments import STILL_OPEN
from apps.usage.domain.records import Kind
from apps.usage.selectors import Window, read_records
from tests.factories.portfolios import customer, enter, partner, portfolio, stored_customer
from tests.factories.usage import DAY, UsageFiles, session

ODD = ["plain", "two\nlines", "a\n\nb", "one, two", '"', "\\n", "é…", "a\x1fb"]


@pytest.mark.parametrize("actors", [ODD[:1], ODD[:2], ODD], ids=["plain", "a break", "all"])
def test_every_id_comes_out_as_it_was_stored_beside_its_own_times(
    db: None, files: UsageFiles, actors: list[str]
) -> None:
    enter(portfolio(partner("P-1", customer("C-1"))))
    files.use(
        *(
            session(actor, f"10:{minute:02}", None if minute % 2 else f"11:{minute:02}")
            for minute, actor in enumerate(actors)
        )
    )
    with scope(PROVIDER):
        (found,) = read_records(
            [Window(stored_customer("C-1").pk, Period(DAY, DAY))],
            tuple(Kind),
            look_back=timedelta(0),
            longest_open=timedelta(hours=24),
        )
    records = found[Kind.AGENT_SESSION]
    minute = 60_000_000
    first = (DAY - date(1970, 1, 1)).days * 24 * 60 + 10 * 60
    assert sorted(zip(records.actors, records.start, records.end, strict=True)) == sorted(
        (actor, (first + number) * minute, STILL_OPEN if number % 2 else (first + 60 + number) * minute)
        for number, actor in enumerate(actors)
    )
