"""Importing a portfolio: partners, customers, subscriptions and prices; all or nothing; twice changes nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from apps.accounts.models import AuditEntry
from apps.accounts.services import describe_change, record_changes
from apps.catalogue.domain.kinds import LicenceModel, Service, SkuKind
from apps.catalogue.models import BookPrice, CustomerTerms, Offer, PartnerTerms, PriceBook, Sku
from apps.core.domain.periods import LAST_DAY, ONE_DAY, Period
from apps.core.problems import Refusal
from apps.organisations.models import Customer, Partner
from apps.subscriptions.domain.cycles import Term, find_second_licence_model
from apps.subscriptions.domain.portfolio import (
    CustomerEntry,
    LineEntry,
    PartnerEntry,
    Portfolio,
    PortfolioError,
    PriceBookEntry,
    SubscriptionEntry,
    read_portfolio,
)
from apps.subscriptions.models import (
    BY_PORTFOLIO,
    ClosedCycle,
    StaleCause,
    Subscription,
    SubscriptionLine,
    SurgeChange,
)
from apps.subscriptions.selectors import as_term
from apps.subscriptions.services.cycles import lock_customer, mark_cycles_late, mark_stale
from apps.subscriptions.services.invoiced import (
    Difference,
    Held,
    find_differences,
    invoiced_by,
    invoiced_until,
)

LATE = "late"
LATE_HELPS = "entered with --late, the difference becomes an adjustment"


class PortfolioRefused(Refusal):
    """The portfolio cannot be imported; the line names the place. Nothing was changed."""


@dataclass(frozen=True)
class Imported:
    """How many of each thing the file made or changed."""

    created: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)


@transaction.atomic
def import_portfolio(*, text: str | bytes, by: str, late: bool = False) -> Imported:
    """Create or update what a portfolio file says; what it leaves out stays as it is.

    What would change days already invoiced is refused, unless it is entered ``late`` on purpose: then it is stored, and
    the next papers of those customers carry the difference (R13).

    Raises:
        PortfolioRefused: a field is wrong, or a rule is broken, or, unless ``late``, an invoiced day would change.
    """
    try:
        portfolio = read_portfolio(text)
    except PortfolioError as error:
        raise PortfolioRefused(str(error)) from None
    importer = _Importer(portfolio, by, late=late)
    importer.run()
    return importer.imported


class _Importer:
    """One import: what is stored already is read once, then the file is walked from its top to its end."""

    def __init__(self, portfolio: Portfolio, by: str, *, late: bool) -> None:
        self.portfolio = portfolio
        self.by = by
        self.late = late
        self.imported = Imported()
        self.trail: list[AuditEntry] = []
        self.seen: set[tuple[str, str]] = set()
        self.skus = {sku.code: sku for sku in Sku.objects.all()}
        self.offers = {offer.code: offer for offer in Offer.objects.all()}
        self.books = {book.ref: book for book in PriceBook.objects.all()}
        self.partners = {partner.ref: partner for partner in Partner.objects.all()}
        refs = [entry.ref for partner in portfolio.partners for entry in partner.customers]
        self.customers = {customer.ref: customer for customer in Customer.objects.filter(ref__in=refs)}
        for customer in sorted(self.customers.values(), key=lambda customer: customer.pk):
            lock_customer(customer.pk)
        known = list(self.customers.values())
        self.retail = {terms.customer_id: terms for terms in CustomerTerms.objects.filter(customer__in=known)}
        self.surge: dict[int, list[SurgeChange]] = defaultdict(list)
        for change in SurgeChange.objects.filter(customer__in=known):
            self.surge[change.customer_id].append(change)
        self.subscriptions: dict[int, dict[str, Subscription]] = defaultdict(dict)
        for subscription in Subscription.objects.filter(customer__in=known).select_related("offer"):
            self.subscriptions[subscription.customer_id][subscription.number] = subscription
        self.lines: dict[int, dict[str, list[SubscriptionLine]]] = defaultdict(lambda: defaultdict(list))
        for line in lines_in_force(SubscriptionLine.objects.filter(customer__in=known)):
            self.lines[line.customer_id][line.subscription.number].append(line)

    def run(self) -> None:
        for position, book in enumerate(self.portfolio.price_books):
            self._price_book(book, f"price_books[{position}]")
        for position, partner_entry in enumerate(self.portfolio.partners):
            place = f"partners[{position}]"
            partner = self._partner(partner_entry, place)
            for number, customer_entry in enumerate(partner_entry.customers):
                self._customer(partner, customer_entry, f"{place}.customers[{number}]")
        record_changes(self.trail)

    # Prices

    def _price_book(self, entry: PriceBookEntry, place: str) -> None:
        self._once("price book", entry.ref, f"{place}.ref")
        book = self.books.get(entry.ref)
        if book is None:
            book = self.books[entry.ref] = PriceBook.objects.create(ref=entry.ref, currency=entry.currency)
            self.imported.created["price_books"] += 1
        elif book.currency != entry.currency:
            raise PortfolioRefused(f"{place}.currency: {entry.ref} is in {book.currency} and cannot change")
        stored = {(price.sku_id, price.valid_from): price for price in book.prices.all()}
        until = invoiced_until(book)
        late_from: date | None = None
        changed: list[BookPrice] = []
        for position, price in enumerate(entry.prices):
            price_place = f"{place}.prices[{position}]"
            sku = self._sku(price.sku, f"{price_place}.sku")
            known = stored.get((sku.pk, price.valid_from))
            terms = (price.unit_price, price.discount_pct)
            if known is not None and (known.unit_price, known.discount_pct) == terms:
                continue
            replaces = any(sku_id == sku.pk and day <= price.valid_from for sku_id, day in stored)
            is_late = replaces and until is not None and price.valid_from <= until
            if is_late and not self.late:
                raise PortfolioRefused(
                    f"{price_place}: the price of {price.sku} from {price.valid_from} would change days already"
                    f" invoiced (to {until}); {LATE_HELPS}"
                )
            if is_late:
                late_from = min(price.valid_from, late_from or price.valid_from)
            self._count("prices", known is None)
            self.trail.append(
                describe_change(
                    by=self.by,
                    action="price.created" if known is None else "price.changed",
                    subject=f"{book.ref} {price.sku} {price.valid_from}",
                    before=None if known is None else [str(known.unit_price), str(known.discount_pct)],
                    after=[str(part) for part in terms],
                    reason=LATE if is_late else "",
                )
            )
            changed.append(
                BookPrice(
                    book=book,
                    sku=sku,
                    valid_from=price.valid_from,
                    unit_price=price.unit_price,
                    discount_pct=price.discount_pct,
                )
            )
        BookPrice.objects.bulk_create(
            changed,
            update_conflicts=True,
            unique_fields=["book", "sku", "valid_from"],
            update_fields=["unit_price", "discount_pct"],
        )
        if late_from is not None:
            mark_cycles_late(invoiced_by(book).filter(last_day__gte=late_from - ONE_DAY))

    # Organisations

    def _partner(self, entry: PartnerEntry, place: str) -> Partner:
        self._once("partner", entry.ref, f"{place}.ref")
        partner = self.partners.get(entry.ref)
        if partner is None:
            partner = self.partners[entry.ref] = Partner.objects.create(
                ref=entry.ref, name=entry.name, country=entry.country
            )
            self._note("partners", partner.ref, created=True)
        elif (partner.name, partner.country) != (entry.name, entry.country):
            partner.name, partner.country = entry.name, entry.country
            partner.save(update_fields=["name", "country"])
            self._note("partners", partner.ref, created=False)
        self._partner_terms(partner, entry, place)
        return partner

    def _partner_terms(self, partner: Partner, entry: PartnerEntry, place: str) -> None:
        wanted: dict[str, object] = {
            name: value
            for name, value in (
                ("price_book", self._book(entry.price_book, f"{place}.price_book")),
                ("tax_rate_pct", entry.tax_rate_pct),
                ("payment_terms_days", entry.payment_terms_days),
            )
            if value is not None
        }
        terms = PartnerTerms.objects.filter(partner=partner).select_related("price_book").first()
        if terms is None and "price_book" in wanted:
            PartnerTerms.objects.create(partner=partner, **wanted)
            self.imported.created["terms"] += 1
        elif terms is None and wanted:
            raise PortfolioRefused(
                f"{place}.{next(iter(wanted))}: {entry.ref} has no price book yet; tax and payment terms need one"
            )
        if terms is None:
            return
        changed = [name for name, value in wanted.items() if getattr(terms, name) != value]
        if changed:
            for name in changed:
                setattr(terms, name, wanted[name])
            terms.save(update_fields=changed)
            self._note("terms", partner.ref, created=False)

    def _customer(self, partner: Partner, entry: CustomerEntry, place: str) -> None:
        self._once("customer", entry.ref, f"{place}.ref")
        customer = self.customers.get(entry.ref)
        if customer is None:
            customer = Customer.objects.create(
                partner=partner, ref=entry.ref, name=entry.name, country=entry.country
            )
            self._note("customers", customer.ref, created=True, customer=customer)
        elif customer.partner_id != partner.pk:
            raise PortfolioRefused(f"{place}.ref: {entry.ref} is a customer of another partner")
        elif (customer.name, customer.country) != (entry.name, entry.country):
            customer.name, customer.country = entry.name, entry.country
            customer.save(update_fields=["name", "country"])
            self._note("customers", customer.ref, created=False, customer=customer)
        self._retail_terms(customer, entry, place)
        self._surge(customer, entry)
        if entry.subscriptions:
            _Subscriptions(self, customer, entry.subscriptions, f"{place}.subscriptions").run()

    def _retail_terms(self, customer: Customer, entry: CustomerEntry, place: str) -> None:
        book = self._book(entry.retail_price_book, f"{place}.retail_price_book")
        terms = self.retail.get(customer.pk)
        if book is None:
            if terms is not None and "retail_price_book" in entry.model_fields_set:
                terms.delete()
                self._note("terms", customer.ref, created=False, customer=customer)
        elif terms is None or terms.price_book_id != book.pk:
            CustomerTerms.objects.update_or_create(
                customer=customer, defaults={"partner_id": customer.partner_id, "price_book": book}
            )
            self._note("terms", customer.ref, created=terms is None, customer=customer)

    def _surge(self, customer: Customer, entry: CustomerEntry) -> None:
        """A percentage set by an administrator stays, unless the file says another than it said before."""
        if entry.surge_pct is None:
            return
        changes = self.surge[customer.pk]
        newest = changes[0] if changes else None
        said_before = next((change for change in changes if change.by == BY_PORTFOLIO), None)
        after = int(entry.surge_pct * 100)
        if said_before is not None and said_before.after_basis_points == after:
            return
        SurgeChange.objects.create(
            partner_id=customer.partner_id,
            customer=customer,
            by=BY_PORTFOLIO,
            before_basis_points=newest.after_basis_points if newest else 0,
            after_basis_points=after,
            reason=BY_PORTFOLIO,
        )
        self._note("surge", customer.ref, created=newest is None, customer=customer)

    # What the parts share

    def _once(self, what: str, ref: str, place: str) -> None:
        """Of two entries of one thing the second would silently win, or be taken for another thing."""
        if (what, ref) in self.seen:
            raise PortfolioRefused(f"{place}: {ref} stands in the file twice")
        self.seen.add((what, ref))

    def _book(self, ref: str | None, place: str) -> PriceBook | None:
        if ref is None:
            return None
        try:
            return self.books[ref]
        except KeyError:
            raise PortfolioRefused(f"{place}: there is no price book {ref}") from None

    def _sku(self, code: str, place: str) -> Sku:
        try:
            return self.skus[code]
        except KeyError:
            raise PortfolioRefused(f"{place}: {code} is not in the catalogue") from None

    def _count(self, what: str, created: bool) -> None:
        (self.imported.created if created else self.imported.changed)[what] += 1

    def _note(self, what: str, subject: str, *, created: bool, customer: Customer | None = None) -> None:
        self._count(what, created)
        action = f"{what}.{'created' if created else 'changed'}"
        self.trail.append(describe_change(by=self.by, action=action, subject=subject, customer=customer))


class _Subscriptions:
    """The subscriptions of one customer: change them, then hold the result against the rules."""

    def __init__(
        self, importer: _Importer, customer: Customer, entries: tuple[SubscriptionEntry, ...], place: str
    ) -> None:
        self.importer = importer
        self.customer = customer
        self.entries = entries
        self.place = place
        self.places: dict[tuple[str, str], str] = {}  # of subscriptions (SKU empty) and of lines that change

    def run(self) -> None:
        stored = dict(self.importer.subscriptions[self.customer.pk])
        before = self.importer.lines[self.customer.pk]
        was = Held.of(stored.values(), (line for lines in before.values() for line in lines))
        changed = False
        for position, entry in enumerate(self.entries):
            place = f"{self.place}[{position}]"
            self.importer._once(f"subscription of {self.customer.ref}", entry.number, f"{place}.number")
            subscription, is_new_or_changed = self._subscription(entry, stored.get(entry.number), place)
            stored[entry.number] = subscription
            self.places[entry.number, ""] = place
            changed |= is_new_or_changed
            held = before.get(entry.number, [])
            for number, (line_entry, known) in enumerate(_pair(entry.lines, held, subscription)):
                if self._line(subscription, line_entry, known, f"{place}.lines[{number}]"):
                    changed = True
                    self.places.setdefault((entry.number, line_entry.sku), f"{place}.lines[{number}]")
        if not changed:
            return
        after = list(lines_in_force(SubscriptionLine.objects.filter(customer=self.customer)))
        for line in after:
            self._check_sku(line.subscription, line.sku, self.place)
        self._check_licence_models(list(stored.values()))
        self._check_invoiced_days(was, Held.of(stored.values(), after))
        first_day = min(subscription.starts_on for subscription in stored.values())
        mark_stale(customer=self.customer, days=[Period(first_day, LAST_DAY)], cause=StaleCause.TERMS)

    def _subscription(
        self, entry: SubscriptionEntry, known: Subscription | None, place: str
    ) -> tuple[Subscription, bool]:
        offer = self.importer.offers.get(entry.offer)
        if offer is None:
            raise PortfolioRefused(f"{place}.offer: {entry.offer} is not in the catalogue")
        if offer.service == Service.CONTACT_CENTRE and entry.licence_model is None:
            raise PortfolioRefused(f"{place}.licence_model: is missing")
        if offer.service == Service.DIGITAL and entry.licence_model is not None:
            raise PortfolioRefused(f"{place}.licence_model: {entry.offer} has no licence model")
        wanted: dict[str, object] = {
            "offer": offer,
            "starts_on": entry.starts_on,
            "bill_day": entry.bill_day,
            "licence_model": entry.licence_model or "",
        }
        if "ends_on" in entry.model_fields_set:
            wanted["ends_on"] = entry.ends_on
        if known is None:
            if Subscription.objects.filter(number=entry.number).exists():
                raise PortfolioRefused(
                    f"{place}.number: {entry.number} is a subscription of another customer"
                )
            known = Subscription.objects.create(
                partner_id=self.customer.partner_id, customer=self.customer, number=entry.number, **wanted
            )
            self.importer._note("subscriptions", entry.number, created=True, customer=self.customer)
            return known, True
        changed = [name for name, value in wanted.items() if getattr(known, name) != value]
        if changed:
            for name in changed:
                setattr(known, name, wanted[name])
            if known.ends_on and known.ends_on < known.starts_on:
                raise PortfolioRefused(f"{place}: {entry.number} would end before it starts")
            known.save(update_fields=changed)
            self.importer._note("subscriptions", entry.number, created=False, customer=self.customer)
        return known, bool(changed)

    def _line(
        self, subscription: Subscription, entry: LineEntry, known: SubscriptionLine | None, place: str
    ) -> bool:
        """Make a line, close it, or withdraw it for another; True where something changed."""
        sku = self.importer._sku(entry.sku, f"{place}.sku")
        self._check_sku(subscription, sku, f"{place}.sku")
        valid_to = entry.valid_to
        if known is not None:
            if "valid_to" not in entry.model_fields_set:
                valid_to = known.valid_to
            if (known.quantity, known.valid_to) == (entry.quantity, valid_to):
                return False
            if known.quantity == entry.quantity and valid_to and valid_to < (known.valid_to or LAST_DAY):
                known.valid_to = valid_to
                known.save(update_fields=["valid_to"])
                self._note_line(known, "closed")
                return True
            known.withdrawn_at = timezone.now()
            known.save(update_fields=["withdrawn_at"])
            self._note_line(known, "withdrawn")
        line = SubscriptionLine.objects.create(
            partner_id=self.customer.partner_id,
            customer=self.customer,
            subscription=subscription,
            sku=sku,
            quantity=entry.quantity,
            valid_from=entry.valid_from,
            valid_to=valid_to,
        )
        self._note_line(line, "created")
        return True

    def _note_line(self, line: SubscriptionLine, verb: str) -> None:
        self.importer._count("lines", verb == "created")
        self.importer.trail.append(
            describe_change(
                by=self.importer.by,
                action=f"line.{verb}",
                subject=f"{line.subscription.number} {line.sku.code}",
                customer=self.customer,
                after=[
                    line.quantity,
                    *(str(day) if day else None for day in (line.valid_from, line.valid_to)),
                ],
            )
        )

    def _check_sku(self, subscription: Subscription, sku: Sku, place: str) -> None:
        if sku.kind == SkuKind.OVERAGE:
            raise PortfolioRefused(
                f"{place}: {sku.code} belongs to every subscription and is never committed"
            )
        is_digital = subscription.offer.service == Service.DIGITAL
        if sku.licence_model and sku.licence_model != subscription.licence_model:
            model = subscription.licence_model or "no"
            raise PortfolioRefused(
                f"{place}: {sku.code} is of the {sku.licence_model} licence model, {subscription.number} has {model}"
            )
        if (sku.kind == SkuKind.COMMITTED and is_digital) or (
            sku.kind == SkuKind.DIGITAL_USAGE and not is_digital
        ):
            raise PortfolioRefused(
                f"{place}: {sku.code} does not belong to the offer {subscription.offer.code}"
            )

    def _check_licence_models(self, subscriptions: list[Subscription]) -> None:
        terms = [as_term(s) for s in subscriptions if s.offer.service == Service.CONTACT_CENTRE]
        clash = find_second_licence_model(terms)
        if clash is not None:
            raise PortfolioRefused(
                f"{self.place}: {clash[0].number} and {clash[1].number} are active together with different licence"
                f" models, {_model(clash[0])} and {_model(clash[1])}"
            )

    def _check_invoiced_days(self, was: Held, now: Held) -> None:
        """Refuse what would have made an issued invoice come out differently, or take it as late (R13)."""
        differences = list(find_differences(self.customer, was, now))
        for difference in differences:
            self._take_late(difference)
        if differences:
            since = min(difference.since for difference in differences)
            closed = ClosedCycle.objects.filter(customer=self.customer, last_day__gte=since - ONE_DAY)
            mark_cycles_late(closed.defer("snapshot"))

    def _take_late(self, difference: Difference) -> None:
        what = f"{difference.sku} of {difference.number}".removeprefix(" of ")
        if not self.importer.late or not difference.is_possible:
            of_number = self.places.get((difference.number, ""), self.place)
            place = self.places.get((difference.number, difference.sku), of_number)
            helps = f"; {LATE_HELPS}" if difference.is_possible else ""
            raise PortfolioRefused(
                f"{place}: {what} on {difference.day} would change days already invoiced (to"
                f" {difference.invoiced_until}): {difference.said}{helps}"
            )
        self.importer.trail.append(
            describe_change(
                by=self.importer.by,
                action="invoiced_days.changed",
                subject=what,
                customer=self.customer,
                after=[difference.day.isoformat(), difference.said],
                reason=LATE,
            )
        )


def lines_in_force(lines: QuerySet[SubscriptionLine]) -> QuerySet[SubscriptionLine]:
    """Those of ``lines`` that were not withdrawn, with all that a rule asks of them."""
    return lines.filter(withdrawn_at=None).select_related("subscription__offer", "sku")


def _model(term: Term) -> str:
    return term.licence_model.value if isinstance(term.licence_model, LicenceModel) else "none"


def _pair(
    entries: tuple[LineEntry, ...], held: list[SubscriptionLine], subscription: Subscription
) -> list[tuple[LineEntry, SubscriptionLine | None]]:
    """Each line of the file with the stored one that it speaks of: the same SKU from the same day, in order."""
    waiting: dict[tuple[str, date], list[SubscriptionLine]] = {}
    for line in held:
        waiting.setdefault((line.sku.code, line.valid_from or subscription.starts_on), []).append(line)
    pairs = []
    for entry in entries:
        same = waiting.get((entry.sku, entry.valid_from or subscription.starts_on), [])
        pairs.append((entry, same.pop(0) if same else None))
    return pairs
