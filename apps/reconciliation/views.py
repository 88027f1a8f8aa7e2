"""What a customer used against what it bought: the current usage, and the Daily Detail day by day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.generic import View

from apps.accounts.models import User
from apps.core.domain.periods import ONE_DAY
from apps.organisations.guards import visible_customer
from apps.organisations.models import Customer
from apps.reconciliation.cards import TypeFigures, by_type, ports_billed_against, ports_of_day
from apps.reconciliation.charts import usage_chart
from apps.reconciliation.choosing import chosen_cycle, cycle_select, subscription_select
from apps.reconciliation.detail_export import detail_csv, detail_records
from apps.reconciliation.domain.detail import Family
from apps.reconciliation.domain.settings import Settings
from apps.reconciliation.proof_addresses import ProofAddresses
from apps.reconciliation.selectors import CycleFigures, CycleOffer, get_figures, offered_cycles
from apps.reconciliation.summaries import (
    agent_stats,
    billed_rules,
    billed_sentence,
    billed_stats,
    ended_note,
    family_name,
    licence_model_name,
    port_stats,
    port_steps,
    vendor_period,
)
from apps.reconciliation.tables import DailyDetailTable
from apps.reconciliation.unentitled import list_unentitled_days
from apps.reconciliation.unentitled_tables import notice_of
from apps.subscriptions.domain.cycles import Cycle
from apps.subscriptions.selectors import has_stale_days

# A select of more organisations than this is a list to search in: the list of customers.
MOST_ORGANISATIONS = 50
ALL_FAMILIES = "all"


@dataclass(frozen=True)
class Choice:
    """What the address chose of a customer. All of it stands in the address again."""

    customer: Customer
    offer: CycleOffer
    cycle: Cycle
    family: Family | None

    def query(self, **changes: str) -> str:
        """The state as a query, with changes."""
        state = {
            "subscription": self.cycle.primary.number,
            "cycle": self.cycle.first.isoformat(),
            "family": self.family.value if self.family else ALL_FAMILIES,
        }
        return f"?{urlencode(state | changes)}"

    @property
    def proofs(self) -> ProofAddresses:
        """Where the proofs of the cycle's figures are."""
        return ProofAddresses(self.customer.ref, self.cycle.first)

    @property
    def on_another_page(self) -> str:
        """The state for a page that may not offer the family."""
        kept = self.family is Family.AGENTS or self.family is Family.IVR
        return self.query() if kept else self.query(family=Family.AGENTS.value)


def _signed_in(request: HttpRequest) -> User:
    """Who asks; nobody gets here without signing in."""
    assert isinstance(request.user, User)
    return request.user


def _chosen_family(parameters: QueryDict, offered: Sequence[str]) -> Family | None:
    """The family that the address names, else the first offered; None are all.

    Raises:
        Http404: there is no such family, or not on this page.
    """
    named = parameters.get("family") or offered[0]
    if named not in offered:
        raise Http404
    return None if named == ALL_FAMILIES else Family(named)


class CurrentUsageView(View):
    """The newest cycle with usage: purchased, used, above or below the allowance, and what is billed."""

    FAMILIES = (Family.AGENTS.value, Family.IVR.value)

    def get(self, request: HttpRequest, ref: str) -> HttpResponse:
        customer, today = visible_customer(ref), timezone.now().date()
        family = _chosen_family(request.GET, self.FAMILIES)
        offer = offered_cycles(customer, today=today)
        cycle = chosen_cycle(offer, request.GET)
        page = _page(request, customer, current="usage")
        if cycle is None:
            return render(request, "reconciliation/nothing.html", page)
        choice = Choice(customer, offer, cycle, family)
        if _is_moved(request.GET, cycle):
            return redirect(reverse("reconciliation:current", args=[ref]) + choice.query())
        figures = get_figures(customer, cycle, today=today)
        return render(
            request,
            "reconciliation/current.html",
            {
                **page,
                **_state(request, choice, figures, today=today),
                "segments": _segments(choice, self.FAMILIES),
                "selects": [
                    subscription_select(choice.offer, choice.cycle, today=today),
                    cycle_select(choice.offer, choice.cycle, today=today),
                ],
                "subscription": _subscription_definitions(cycle, today),
                **_usage_cards(figures, family, choice.proofs),
            },
        )


def _usage_cards(figures: CycleFigures, family: Family | None, proofs: ProofAddresses) -> dict[str, Any]:
    """What the current usage shows of a family: the head, and a card for each usage type."""
    settings = figures.settings
    types = by_type(figures, detail_records(figures.rows), settings)
    is_open = not figures.is_closed
    if family is Family.IVR:
        ports = next(each for each in types if each.family is Family.IVR)
        of_day = ports_of_day(figures, ports.last.day)
        billed = ports_billed_against(figures, ports.peak.day, settings)
        return {
            "stats": port_stats(ports, is_open=is_open),
            "ports": ports,
            "billing_ports": billed.ports,
            "proof_url": proofs.of_billed(ports.usage_type),
            "steps_of_day": port_steps(of_day, used=ports.last.used, is_billing=False),
            "steps_of_billing": port_steps(billed, used=ports.peak.used, is_billing=True),
        }
    return {
        "stats": agent_stats([each for each in types if each.family is Family.AGENTS], is_open=is_open),
        "cards": [
            (each, proofs.of_billed(each.usage_type)) for each in types if each.family is not Family.IVR
        ],
    }


class DailyDetailView(View):
    """Agent licence usage, day by day, with what is billed of it and why."""

    FAMILIES = (Family.AGENTS.value, Family.IVR.value, Family.WFO.value, ALL_FAMILIES)

    def get(self, request: HttpRequest, ref: str) -> HttpResponse:
        customer, today = visible_customer(ref), timezone.now().date()
        family = _chosen_family(request.GET, self.FAMILIES)
        if (other := request.GET.get("org") or ref) != ref:
            address = reverse("reconciliation:daily-detail", args=[visible_customer(other).ref])
            return redirect(f"{address}?{urlencode({'family': family.value if family else ALL_FAMILIES})}")
        offer = offered_cycles(customer, today=today)
        cycle = chosen_cycle(offer, request.GET)
        page = _page(request, customer, current="daily-detail")
        page["unentitled"] = notice_of(list_unentitled_days(customer, until=today - ONE_DAY))
        if cycle is None:
            return render(request, "reconciliation/nothing.html", page)
        choice = Choice(customer, offer, cycle, family)
        if _is_moved(request.GET, cycle):
            return redirect(reverse("reconciliation:daily-detail", args=[ref]) + choice.query())
        figures = get_figures(customer, cycle, today=today)
        records = detail_records(figures.rows)
        settings = figures.settings
        types = by_type(figures, records, settings)
        shown = [each for each in types if family in (None, each.family)]
        offered = self._offered_families(figures, family)
        return render(
            request,
            "reconciliation/daily_detail.html",
            {
                **page,
                **_state(request, choice, figures, today=today),
                "segments": _segments(choice, offered),
                "selects": [
                    *_organisation_selects(request, customer),
                    subscription_select(choice.offer, choice.cycle, today=today),
                    cycle_select(choice.offer, choice.cycle, today=today),
                ],
                "table": DailyDetailTable(
                    [record for record in records if family in (None, record.row.family)],
                    billed=figures.billed,
                    proofs=choice.proofs,
                ),
                "charts": [usage_chart(each, cycle.period) for each in shown],
                **_billing(figures, types, shown, settings, choice.proofs),
                "csv_url": reverse("reconciliation:daily-detail-csv", args=[ref]) + choice.query(),
            },
        )

    def _offered_families(self, figures: CycleFigures, chosen: Family | None) -> list[str]:
        present = {row.family for row in figures.rows} | {chosen}
        return [name for name in self.FAMILIES if name == ALL_FAMILIES or Family(name) in present]


def _billing(
    figures: CycleFigures,
    types: Sequence[TypeFigures],
    shown: Sequence[TypeFigures],
    settings: Settings,
    proofs: ProofAddresses,
) -> dict[str, Any]:
    """What is billed of the types shown, and why."""
    agents_billed = sum(each.billed.quantity for each in types if each.family is Family.AGENTS)
    steps = None
    for ports in shown:
        if ports.family is Family.IVR:
            bundle = ports_billed_against(figures, ports.peak.day, settings)
            steps = port_steps(bundle, used=ports.peak.used, is_billing=True)
    return {
        "billed_stats": [
            {**stat, "href": proofs.of_billed(each.usage_type)}
            for stat, each in zip(billed_stats(shown), shown, strict=True)
        ],
        "billed_sentence": billed_sentence(shown),
        "billed_rules": billed_rules(shown, settings, agents_billed=agents_billed),
        "port_steps": steps,
    }


class DailyDetailCsvView(View):
    """The Daily Detail as a file (formats.md): of one family, or of all."""

    FAMILIES = (ALL_FAMILIES, *(family.value for family in Family))

    def get(self, request: HttpRequest, ref: str) -> HttpResponse:
        customer, today = visible_customer(ref), timezone.now().date()
        family = _chosen_family(request.GET, self.FAMILIES)
        cycle = chosen_cycle(offered_cycles(customer, today=today), request.GET)
        if cycle is None:
            raise Http404
        figures = get_figures(customer, cycle, today=today)
        name = f"daily-detail-{ref}-{cycle.first.isoformat()}{f'-{family.value}' if family else ''}.csv"
        return HttpResponse(
            detail_csv(detail_records(figures.rows, family)),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": content_disposition_header(True, name) or "attachment"},
        )


def _is_moved(parameters: QueryDict, cycle: Cycle) -> bool:
    """The address names another cycle than the one that is shown."""
    return parameters.get("cycle", "") not in ("", cycle.first.isoformat())


def _page(request: HttpRequest, customer: Customer, *, current: str) -> dict[str, Any]:
    """What every page of a customer has; ``current`` is its tab."""
    user = _signed_in(request)
    return {
        "current": current,
        "customer": customer,
        "breadcrumbs": [] if user.is_customer else [(_("Customers"), reverse("dashboard:customers"))],
        "partner": customer.partner if user.is_provider else None,
    }


def _state(request: HttpRequest, choice: Choice, figures: CycleFigures, *, today: date) -> dict[str, Any]:
    """How far the figures shown can be relied upon, and links that keep the state."""
    return {
        "choice": choice,
        "cycle": choice.cycle.period,
        "vendor_cycle": vendor_period(choice.cycle.period),
        "figures": figures,
        "family": choice.family,
        "query": choice.on_another_page if request.GET else "",
        "hidden": [("family", choice.family.value if choice.family else ALL_FAMILIES)],
        "detail_url": reverse("reconciliation:daily-detail", args=[choice.customer.ref]) + choice.query(),
        "link": request.build_absolute_uri(request.path + choice.query()),
        "is_stale": not figures.is_closed and has_stale_days(choice.customer, choice.cycle.period),
    }


def _segments(choice: Choice, families: Sequence[str]) -> list[dict[str, Any]]:
    """The families to choose from."""
    chosen = choice.family.value if choice.family else ALL_FAMILIES
    return [
        {
            "label": family_name(None if name == ALL_FAMILIES else Family(name)),
            "url": choice.query(family=name),
            "current": name == chosen,
        }
        for name in families
    ]


def _organisation_selects(request: HttpRequest, customer: Customer) -> list[dict[str, Any]]:
    """For partners and the provider a select of the customers, unless there are too many for one."""
    if _signed_in(request).is_customer:
        return []
    others = list(Customer.objects.order_by("name", "ref").values_list("ref", "name")[:MOST_ORGANISATIONS])
    if len(others) == MOST_ORGANISATIONS:
        return []
    return [
        {
            "name": "org",
            "label": _("Org"),
            "options": [
                {"value": ref, "label": name, "selected": ref == customer.ref} for ref, name in others
            ],
        }
    ]


def _subscription_definitions(cycle: Cycle, today: date) -> list[tuple[str, str]]:
    term = cycle.primary
    items = [
        (_("Billing cycle"), vendor_period(cycle.period)),
        (_("Primary subscription"), term.number),
        (_("Licence model"), licence_model_name(term.licence_model)),
        (_("Bill day"), str(term.bill_day)),
    ]
    if note := ended_note(term.ends_on, today=today):
        items.append((_("State"), note))
    return items
