"""The list of customers."""

from __future__ import annotations

from datetime import date
from typing import Any

import django_tables2
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.catalogue.domain.kinds import LicenceModel, UsageType
from apps.core.charts import sparkline
from apps.core.columns import badge
from apps.core.formatting import day, day_short, money_html, number, period
from apps.dashboard.selectors import CustomerAtAGlance, Standing, describe
from apps.organisations.models import Customer

_TONES = {Standing.OVERAGE: "danger", Standing.EXPIRING: "warning", Standing.ACTIVE: "ok"}


def _model(model: LicenceModel | None) -> str:
    if model is None:
        return ""
    return _("Named") if model is LicenceModel.NAMED else _("Concurrent")


def _figures(**attributes: Any) -> django_tables2.Column:
    return django_tables2.Column(
        attrs={"cell": {"class": "num"}}, initial_sort_descending=True, empty_values=(), **attributes
    )


class CustomersTable(django_tables2.Table):
    """Customers of a worklist. ``describe`` must have read what the rows of the page show."""

    customer = django_tables2.Column(
        verbose_name=gettext_lazy("Customer"), accessor="name", order_by=("folded_name", "ref")
    )
    partner = django_tables2.Column(
        verbose_name=gettext_lazy("Partner"),
        accessor="partner__name",
        order_by=("partner__name", "folded_name", "ref"),
    )
    status = django_tables2.Column(
        verbose_name=gettext_lazy("Status"),
        empty_values=(),
        order_by=("attention", "-agent_overage", "-port_overage", "folded_name", "ref"),
    )
    subscription = django_tables2.Column(
        verbose_name=gettext_lazy("Subscription"), empty_values=(), orderable=False
    )
    cycle = django_tables2.Column(
        verbose_name=gettext_lazy("Billing cycle"),
        empty_values=(),
        initial_sort_descending=True,
        order_by=("newest_day", "folded_name", "ref"),
    )
    daily = django_tables2.Column(verbose_name=gettext_lazy("Agents a day"), empty_values=(), orderable=False)
    agents = _figures(
        verbose_name=gettext_lazy("Agents used"), order_by=("most_agents", "folded_name", "ref")
    )
    overage = _figures(
        verbose_name=gettext_lazy("Overage"),
        order_by=("agent_overage", "port_overage", "folded_name", "ref"),
    )
    amount = _figures(verbose_name=gettext_lazy("Amount"), orderable=False)

    class Meta:
        attrs = {"aria-label": gettext_lazy("Customers"), "row_header": "customer", "class": "is-sticky"}
        order_by = "status"
        empty_text = gettext_lazy("No customer fits these filters.")

    glances: dict[int, CustomerAtAGlance]

    def describe(self, *, today: date) -> None:
        """Read everything that the rows of this page show."""
        records = [row.record for row in self.paginated_rows]
        self.glances = {glance.customer.pk: glance for glance in describe(records, today=today)}

    def render_customer(self, record: Customer) -> SafeString:
        return format_html(
            '<a class="row-link" href="{}">{}</a><span class="sub">{}</span>',
            reverse("reconciliation:current", args=[record.ref]),
            record.name,
            record.ref,
        )

    def render_status(self, record: Customer) -> SafeString:
        glance = self.glances[record.pk]
        also = " · ".join(str(standing.label) for standing in glance.also)
        return format_html(
            "{}{}",
            badge(glance.strongest.label, _TONES.get(glance.strongest, "")),
            format_html('<span class="sub">{}</span>', also) if also else "",
        )

    def render_subscription(self, record: Customer) -> SafeString | None:
        glance = self.glances[record.pk]
        primary, ends = glance.primary, glance.ends_next
        if primary is None:
            return None
        notes = [_model(primary.licence_model)]
        if ends is not None and ends.ends_on is not None:
            notes.append(
                _("ends %(day)s") % {"day": day(ends.ends_on)}
                if ends == primary
                else _("%(subscription)s ends %(day)s")
                % {"subscription": ends.number, "day": day(ends.ends_on)}
            )
        elif primary.ends_on is not None and not glance.is_active:
            notes.append(_("ended %(day)s") % {"day": day(primary.ends_on)})
        return format_html('{}<span class="sub">{}</span>', primary.number, ", ".join(filter(None, notes)))

    def render_cycle(self, record: Customer) -> SafeString | None:
        cycle = self.glances[record.pk].cycle
        if cycle is None:
            return None
        if cycle.is_closed:
            note = _("Final")
        elif cycle.is_stale:
            note = _("Is being recalculated")
        elif cycle.until < cycle.period.last:
            note = _("Provisional, data until %(day)s") % {"day": day_short(cycle.until)}
        else:
            note = _("Provisional")
        return format_html(
            '<span class="period">{}</span><span class="sub">{}</span>', period(cycle.period), note
        )

    def render_daily(self, record: Customer) -> SafeString | None:
        cycle = self.glances[record.pk].cycle
        if cycle is None:
            return None
        most, committed = cycle.peak
        return sparkline(
            cycle.used,
            commitment=cycle.committed,
            label=_("Agents used on each day of the cycle; at most %(most)s, %(committed)s committed")
            % {"most": number(most), "committed": number(committed)},
        )

    def render_agents(self, record: Customer) -> SafeString | None:
        cycle = self.glances[record.pk].cycle
        if cycle is None:
            return None
        most, committed = cycle.peak
        return format_html(
            '{}<span class="sub">{}</span>',
            number(most),
            _("of %(committed)s") % {"committed": number(committed)},
        )

    def render_overage(self, record: Customer) -> int | SafeString | None:
        cycle = self.glances[record.pk].cycle
        if cycle is None or not cycle.billed:
            return None if cycle is None else 0
        agents, wfo = cycle.agent_overage, cycle.billed.get(UsageType.WORKFORCE_OPTIMIZATION, 0)
        ports = cycle.billed.get(UsageType.IVR_PORT, 0)
        parts = [
            ngettext("%(shown)s agent", "%(shown)s agents", agents) % {"shown": number(agents)}
            if agents
            else "",
            _("%(shown)s WFO") % {"shown": number(wfo)} if wfo else "",
            ngettext("%(shown)s port", "%(shown)s ports", ports) % {"shown": number(ports)} if ports else "",
        ]
        first, *others = filter(None, parts)
        return format_html(
            '<span class="is-over">{}</span>{}',
            first,
            format_html('<span class="sub">{}</span>', ", ".join(others)) if others else "",
        )

    def render_amount(self, record: Customer) -> SafeString | None:
        cycle = self.glances[record.pk].cycle
        if cycle is None or cycle.amount is None or not cycle.billed:
            return None
        return money_html(cycle.amount, cycle.currency)
