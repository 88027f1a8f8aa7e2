"""Every address of the portal, from the resolver: what is added is attacked without anybody thinking of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponseBase
from django.test import Client
from django.urls import URLResolver, get_resolver, reverse

from apps.accounts.models import ApiKey
from apps.core.tenancy import PROVIDER, Role, Scope, scope
from apps.invoicing.models import Invoice
from apps.organisations.models import Customer
from apps.reconciliation.models import ControlPaper, Run
from apps.usage.models import Delivery, Source
from tests.security.world import OPEN_CYCLE, Party, World

# What stands in an address for a tenant's thing; all others are listed where they are used.
OF_TENANTS = {"ref", "number", "prefix", "delivery_id", "source_id"}

NO_ID = 888_888_888  # of nothing


@dataclass(frozen=True)
class Route:
    """A named address and the parameters in it."""

    name: str
    parameters: frozenset[str]

    @property
    def is_of_tenants(self) -> bool:
        """It names something that belongs to somebody."""
        return bool(self.parameters & OF_TENANTS)

    @property
    def is_api(self) -> bool:
        """It answers in JSON."""
        return self.name.startswith("api:")

    def address(self, values: dict[str, Any]) -> str:
        """The address with values for its parameters."""
        return reverse(self.name, kwargs={name: values[name] for name in self.parameters})


def all_routes() -> list[Route]:
    """Every named route, by name."""
    found = {route.name: route for route in _walk(get_resolver(), "", frozenset())}
    return [found[name] for name in sorted(found)]


def _walk(resolver: URLResolver, prefix: str, outer: frozenset[str]) -> Iterator[Route]:
    for pattern in resolver.url_patterns:
        parameters = outer | frozenset(pattern.pattern.regex.groupindex)
        if isinstance(pattern, URLResolver):
            namespace = f"{prefix}{pattern.namespace}:" if pattern.namespace else prefix
            yield from _walk(pattern, namespace, parameters)
        elif pattern.name:
            yield Route(prefix + pattern.name, parameters)


@dataclass(frozen=True)
class Target:
    """Values for the parameters of addresses, and the same where nothing is: as long, and of the same form."""

    values: dict[str, Any]
    missing: dict[str, Any]


def customer_target(ref: str) -> Target:
    """Addresses about a customer."""
    common: dict[str, Any] = {"first_day": OPEN_CYCLE, "usage_type": "standard-named"}
    return Target({"ref": ref, **common}, {"ref": ref[0] + "-" + "8" * (len(ref) - 2), **common})


def invoice_target(number: str) -> Target:
    """Addresses about an invoice."""
    return Target({"number": number}, {"number": number[:-6] + "888888"})


def key_target(prefix: str) -> Target:
    """Addresses about an API key."""
    return Target({"prefix": prefix}, {"prefix": "8" * len(prefix)})


def paper_target(ref: str, paper_id: int) -> Target:
    """Addresses about a control total of a customer."""
    return Target(
        {"ref": ref, "paper_id": paper_id}, {"ref": customer_target(ref).missing["ref"], "paper_id": paper_id}
    )


def paper_targets(refs: Iterable[str]) -> list[Target]:
    """Those of the control totals of customers, that the scope may see."""
    found = ControlPaper.objects.filter(customer__ref__in=refs).values_list("customer__ref", "pk")
    return [paper_target(*each) for each in found]


def usage_targets(party: Party) -> list[Target]:
    """A delivery of a partner whose file is kept, and a source; the scope sees them or not."""
    delivery = Delivery.objects.filter(partner=party.partner).order_by("-stored_as", "pk").first()
    source = Source.objects.filter(partner=party.partner).order_by("pk").first()
    return [
        Target({name: found.pk}, {name: NO_ID})
        for name, found in (("delivery_id", delivery), ("source_id", source))
        if found is not None
    ]


def targets_of(party: Party) -> list[Target]:
    """All customers of a partner, its API keys, and all invoices, wholesale ones too."""
    with scope(PROVIDER):
        numbers = Invoice.objects.filter(partner=party.partner).values_list("number", flat=True)
        prefixes = ApiKey.objects.filter(partner=party.partner).values_list("prefix", flat=True)
        return [
            *(customer_target(customer.ref) for customer in party.customers),
            *map(key_target, prefixes),
            *paper_targets(customer.ref for customer in party.customers),
            *usage_targets(party),
            *(invoice_target(number) for number in numbers),
        ]


def targets_seen_by(reader: Scope, party: Party) -> list[Target]:
    """The customers, invoices and API keys of the party that a scope may see."""
    with scope(reader):
        prefixes: list[str] = []
        if reader.role is not Role.CUSTOMER:
            prefixes += ApiKey.objects.filter(partner=party.partner).values_list("prefix", flat=True)
        refs = list(Customer.objects.filter(partner=party.partner).values_list("ref", flat=True))
        numbers = list(Invoice.objects.filter(partner=party.partner).values_list("number", flat=True))
        papers = [] if reader.role is Role.CUSTOMER else [*paper_targets(refs), *usage_targets(party)]
    return [*map(customer_target, refs), *map(key_target, prefixes), *papers, *map(invoice_target, numbers)]


# Pages and parts of the API about all customers together: for everybody but the provider they do not exist.
OF_THE_PROVIDER = (
    "api:open-records",
    "api:run",
    "api:runs",
    "api:unentitled",
    "reconciliation:run",
    "reconciliation:run-cancel",
    "reconciliation:run-retry",
    "reconciliation:runs",
    "reconciliation:unentitled",
    "subscriptions:offer",
    "subscriptions:offers",
)

# Pages that no customer has.
OF_PARTNERS = (
    "api-docs",
    "api:conflicts",
    "api:control",
    "api:deliver",
    "api:kept-aside",
    "api:schema",
    "api:source",
    "invoicing:control",
    "keys:",
    "usage:format",
    "usage:deliver",
    "usage:source",
    "usage:kept_aside",
    "invoicing:conflict",
)

ONLY_POSTED_TO = (
    "invoicing:control-again",
    "keys:revoke",
    "reconciliation:run-cancel",
    "reconciliation:run-retry",
    "usage:delivery-again",
    "usage:format-delete",
)
# What stands in their addresses. (No run has this number for sure; whether it is there plays no part.)
OF_NO_TENANT: dict[str, Any] = {
    "run_id": 1,
    "paper_id": 1,
    "row_id": 1,
    "kind": "agent-sessions",
    "conflict_id": 1,
    "code": "A-FLEX-3-CC",
    "format_name": "webex-tasks",
}

# Addresses without anything of a tenant, and those that sign out or change the language.
OF_NOBODY = ("account_", "set_language", "styleguide", "health")
QUERIES = {
    "api:usage": ("?customer=C-100",),
    "usage:kept_aside_group": (),  # its address names rows; the page of all groups leads there
    "api:what-if": ("?cycle=2024-06-09&standard=5&ports=%2B3&surge=0",),
    "reconciliation:proof": ("", "?type=ivr-port", "?cycle=2024-06-09&day=2024-06-12&type=standard-named"),
    "api:proof": ("", "?cycle=2024-06-09&day=2024-06-12&usage_type=standard-named"),
    "api:billed-proof": ("", "?cycle=2024-06-09"),
    "reconciliation:": ("", "?family=ivr", "?cycle=2024-06-09"),
    "dashboard:customers": ("", "?q=C-&sort=-customer"),
    "invoicing:list": ("", "?customer=custom&sort=-total", "?status=overdue&period=2024"),
}


def queries_of(route: Route) -> tuple[str, ...]:
    """The queries with which an address is opened; the first is one that it cannot do without."""
    return next((found for name, found in QUERIES.items() if route.name.startswith(name)), ("",))


def everything_seen_by(
    reader: Scope, world: World, browser: Client, *, at_most: int = 1000
) -> Iterator[tuple[str, HttpResponseBase]]:
    """All that somebody can open: each address for ``at_most`` of the things it can name, with its parameters."""
    targets = [
        target.values for party in (world.home, world.strange) for target in targets_seen_by(reader, party)
    ]
    if reader.role is Role.PROVIDER:
        with scope(reader):
            targets.append({**OF_NO_TENANT, "run_id": Run.objects.latest("pk").pk})
    for route in all_routes():
        is_provider = reader.role is Role.PROVIDER
        if route.name.startswith(OF_NOBODY) or route.name in ONLY_POSTED_TO:
            continue
        if route.name in OF_THE_PROVIDER and not is_provider:
            continue
        if route.name.startswith(OF_PARTNERS) and reader.role is Role.CUSTOMER:
            continue
        fitting = [values for values in targets if route.parameters <= values.keys()]
        for values in fitting[:at_most] if route.parameters else [{}]:
            for query in queries_of(route):
                address = route.address(values) + query
                yield address, browser.get(address)
