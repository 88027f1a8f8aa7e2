"""One portfolio and its records in order of arrival: the entrance to the rules."""

import csv
import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, Self

from tests.oracle import cycles as cycle_rules
from tests.oracle import digital as digital_rules
from tests.oracle import money, usage, voice
from tests.oracle.cycles import CONTACT_CENTRE, DIGITAL, ONE_DAY, Cycle
from tests.oracle.portfolio import OFFERS, Customer, Offer, PriceBook, Settings, read_portfolio
from tests.oracle.records import Fact, Rejected, Store, store

CHOSEN = Settings()


class World:
    """`records` are rows as the usage files have them, in order of arrival: strings under the columns' names,
    with `customer`, `source` (left out: `import`), `kind` and `record_id`. `now` is the moment of the import,
    after which no record may start; without it, none does.

    Where `settings` are not given, they are those of the offer of the cycle's primary subscription."""

    def __init__(
        self,
        portfolio: Mapping[str, Any],
        records: Iterable[Mapping[str, str]],
        now: datetime | None = None,
        offers: Mapping[str, Offer] = OFFERS,
    ) -> None:
        self.portfolio = read_portfolio(portfolio, offers)
        self.records = list(records)
        self.store = self._store(now)
        self._known: dict[Any, list[usage.Row]] = {}  # rows calculated since something changed

    @classmethod
    def load(
        cls,
        portfolio_path: str | Path,
        files: Iterable[tuple[str, str | Path, str | None]],
        now: datetime | None = None,
        source: str = "import",
    ) -> Self:
        """From a portfolio file and usage files as CSV: (kind, path, the customer of rows that name none)."""
        portfolio = json.loads(Path(portfolio_path).read_text(encoding="utf-8"))
        records = []
        for kind, path, customer in files:
            with Path(path).open(encoding="utf-8-sig", newline="") as file:
                for row in csv.DictReader(file):
                    filled = {column: cell or "" for column, cell in row.items() if column is not None}
                    # "a filled cell wins over `--customer`, an empty one takes it"
                    of_row = filled.get("customer") or customer or ""
                    records.append({**filled, "customer": of_row, "source": source, "kind": kind})
        return cls(portfolio, records, now)

    def _store(self, now: datetime | None) -> Store:
        return store(self.records, self.portfolio.customers, now)

    def customer(self, ref: str) -> Customer:
        return self.portfolio.customers[ref]

    def facts(self, customer: str) -> list[Fact]:
        """What is stored of a customer (R13)."""
        return [fact for fact in self.store.stored.values() if fact.customer == customer]

    # R13

    def outcomes(self, now: datetime | None = None) -> dict[str, int]:
        """How many rows were accepted, duplicate, conflict and rejected (with another `now`, if given)."""
        return dict((self._store(now) if now else self.store).counts)

    def rejected(self, now: datetime | None = None) -> list[Rejected]:
        """The rows kept aside, each with the category of its reason."""
        return list((self._store(now) if now else self.store).rejected)

    def unentitled(
        self, customer: str, until: date, settings: Settings = CHOSEN
    ) -> list[tuple[date, str, str]]:
        """R10: usage on days up to `until` with no active subscription of its service, each with its day."""
        found = []  # two sources may have records of the same id (R13)
        for fact in self.facts(customer):
            service = DIGITAL if fact.kind == "digital-usage" else CONTACT_CENTRE
            for used in usage.intervals([fact], fact.kind, until, settings.longest_open):
                for day in cycle_rules.days(used.start.date(), min(used.end.date(), until)):
                    if used.overlaps(usage.midnight(day), usage.midnight(day + ONE_DAY)) and not (
                        cycle_rules.active(self.customer(customer), service, day)
                    ):
                        found.append((day, fact.kind, fact.record_id))
        return sorted(found)

    # R1, R10

    def cycles(self, customer: str, service: str = CONTACT_CENTRE, *, until: date) -> list[Cycle]:
        """From the first subscription up to the cycle in which `until` lies, in its whole length."""
        return cycle_rules.cycles(self.customer(customer), service, until)

    # R2-R8, R11

    def _rows(
        self, customer: str, cycle: Cycle, until: date | None, settings: Settings | None
    ) -> list[usage.Row]:
        """Calculated from what is known now, once."""
        of_customer = self.customer(customer)
        settings = settings or cycle_rules.settings_of(of_customer, cycle)
        until = min(until or cycle.last, cycle.last)
        key = (customer, cycle, until, settings)
        if key not in self._known:
            self._known[key] = usage.daily_rows(of_customer, self.facts(customer), cycle, until, settings)
        return self._known[key]

    def daily_detail(
        self,
        customer: str,
        cycle_first: date,
        until: date | None = None,
        family: str | None = None,
        settings: Settings | None = None,
    ) -> list[dict[str, str | int]]:
        """The rows of the Daily Detail, of one family (`agents`, `wfo`, `ivr`) or all."""
        cycle = cycle_rules.cycle_starting(self.customer(customer), CONTACT_CENTRE, cycle_first)
        return usage.daily_detail(self._rows(customer, cycle, until, settings), family)

    def daily_detail_csv(
        self,
        customer: str,
        cycle_first: date,
        until: date | None = None,
        family: str | None = None,
        settings: Settings | None = None,
    ) -> str:
        return usage.as_csv(self.daily_detail(customer, cycle_first, until, family, settings))

    def billed(
        self, customer: str, cycle_first: date, until: date | None = None, settings: Settings | None = None
    ) -> dict[str, int]:
        """R6: usage type -> billed quantity, 0 included."""
        cycle = cycle_rules.cycle_starting(self.customer(customer), CONTACT_CENTRE, cycle_first)
        return self._billed(customer, cycle, until, settings)

    def _billed(
        self, customer: str, cycle: Cycle, until: date | None, settings: Settings | None
    ) -> dict[str, int]:
        of_customer = self.customer(customer)
        rows = self._rows(customer, cycle, until, settings)
        return usage.billed(of_customer, rows, cycle, settings or cycle_rules.settings_of(of_customer, cycle))

    def samples(
        self, customer: str, day: date, last_day_used: date, settings: Settings = CHOSEN
    ) -> list[tuple[int, int]]:
        """R2: of the 96 samples of a day, the agents counted as Premium and as Standard."""
        found = usage.intervals(self.facts(customer), "agent-sessions", last_day_used, settings.longest_open)
        return usage.counts_of_samples(found, day)

    def minutes(
        self, customer: str, day: date, last_day_used: date, settings: Settings = CHOSEN
    ) -> dict[datetime, int]:
        """R8: the distinct contacts that touch each clock minute of a day (minutes without any left out)."""
        legs = usage.intervals(self.facts(customer), "ivr-legs", last_day_used, settings.longest_open)
        return {minute: len(each) for minute, each in usage.contacts_of_minutes(legs, day).items()}

    def open_too_long(self, customer: str, last_day_used: date, settings: Settings = CHOSEN) -> list[Fact]:
        """Records without an end that would have lasted longer than `longest_open`."""
        return usage.open_too_long(self.facts(customer), last_day_used, settings.longest_open)

    # R9

    def voice_paths(self, customer: str, day: date) -> int:
        return voice.voice_paths_of(self.customer(customer), day)

    def accepted_calls(self, customer: str, day: date) -> int:
        return voice.accepted_calls_of(self.customer(customer), day)

    def voice_peak(self, customer: str, day: date, last_day_used: date, settings: Settings = CHOSEN) -> int:
        """The most simultaneous voice contacts of a day."""
        calls = usage.intervals(self.facts(customer), "voice-calls", last_day_used, settings.longest_open)
        return voice.voice_peak(calls, day)

    # R12

    def digital(
        self, customer: str, cycle_first: date, until: date | None = None
    ) -> dict[str, dict[str, int]]:
        """Of a digital cycle: SKU -> raw, included and billable units."""
        cycle = cycle_rules.cycle_starting(self.customer(customer), DIGITAL, cycle_first)
        return digital_rules.units(self.customer(customer), self.facts(customer), cycle, until)

    # R14

    def invoice(
        self,
        customer: str,
        cycle_first: date,
        price_book: str | None = None,
        *,
        until: date | None = None,
        service: str | None = None,
        settings: Settings | None = None,
    ) -> list[dict[str, Any]]:
        """The invoices of a cycle as `run_billing --format json` prints drafts: wholesale, then retail where
        the customer has a retail price book; with `price_book`, the one priced by that book only."""
        of_customer = self.customer(customer)
        cycle, its_service = money.invoiced_cycle(of_customer, cycle_first, service)
        charged = self.charges(customer, cycle, its_service, until, settings)
        found = []
        for book, retail in self.price_books(customer):
            lines = money.priced(charged, book)
            if lines and price_book in (None, book.ref):  # "without lines there is no invoice"
                found.append(money.invoice(of_customer, cycle, lines, book, retail=retail))
        return found

    def charges(
        self,
        customer: str,
        cycle: Cycle,
        service: str,
        until: date | None = None,
        settings: Settings | None = None,
    ) -> list[money.Charge]:
        """All that a cycle's invoice charges."""
        billed = self._billed(customer, cycle, until, settings) if service == CONTACT_CENTRE else {}
        return money.charges(self.customer(customer), self.facts(customer), cycle, service, until, billed)

    def price_books(self, customer: str) -> list[tuple[PriceBook, bool]]:
        """By which prices: the partner's book for the provider's paper, the retail book (True) for the partner's."""
        of_customer = self.customer(customer)
        refs = ((of_customer.partner.price_book, False), (of_customer.retail_price_book, True))
        return [(self.portfolio.price_books[ref], retail) for ref, retail in refs if ref is not None]
