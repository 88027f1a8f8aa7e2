"""Runs, and the customers that one has parked, as tables."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import django_tables2
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.core.columns import badge, column, figure
from apps.core.commands import BY_COMMAND_LINE
from apps.core.formatting import duration, moment, number
from apps.reconciliation.models import Run
from apps.reconciliation.runs import Progress, list_progress


def run_state(progress: Progress) -> tuple[str, str]:
    """How a run stands, in a word and a tone."""
    if not progress.is_over:
        return _("Running"), "accent"
    if progress.run.cancelled_at is not None:
        return _("Cancelled"), "warning"
    return (_("Some parked"), "danger") if progress.parked else (_("Finished"), "ok")


def who(name: str) -> str:
    """Who started or cancelled a run; what is stale is recalculated by itself too."""
    return _("Command line") if name == BY_COMMAND_LINE else name or _("By itself")


class RunTable(django_tables2.Table):
    """Runs, newest first. ``measure`` must have read how far those of the page have come."""

    started = column(gettext_lazy("Started"))
    state = column(gettext_lazy("State"))
    customers = figure(gettext_lazy("Customers"))
    parked = figure(gettext_lazy("Parked"))
    records = figure(gettext_lazy("Records read"))
    days = figure(gettext_lazy("Days calculated"))
    took = figure(gettext_lazy("Took"))

    class Meta:
        attrs = {"aria-label": gettext_lazy("Runs"), "row_header": "started", "class": "is-sticky"}
        empty_text = gettext_lazy("Nothing was ever recalculated.")

    progress: dict[int, Progress]

    def measure(self, *, now: datetime) -> None:
        """Read what the rows of this page show."""
        runs = [row.record for row in self.paginated_rows]
        self.progress = {progress.run.pk: progress for progress in list_progress(runs, now=now)}

    def render_started(self, record: Run) -> SafeString:
        return format_html(
            '<a class="row-link" href="{}">{}</a><span class="sub">{}</span>',
            reverse("reconciliation:run", args=[record.pk]),
            moment(record.started_at),
            who(record.started_by),
        )

    def render_state(self, record: Run) -> SafeString:
        return badge(*run_state(self.progress[record.pk]))

    def render_customers(self, record: Run) -> SafeString:
        progress = self.progress[record.pk]
        if progress.done == progress.customers:
            return SafeString(number(progress.done))
        return format_html(
            '{}<span class="sub">{}</span>',
            number(progress.done),
            _("of %(customers)s") % {"customers": number(progress.customers)},
        )

    def render_parked(self, record: Run) -> int | SafeString:
        parked = self.progress[record.pk].parked
        return format_html('<span class="is-over">{}</span>', number(parked)) if parked else 0

    def render_records(self, record: Run) -> int:
        return self.progress[record.pk].records

    def render_days(self, record: Run) -> int:
        return self.progress[record.pk].days

    def render_took(self, record: Run) -> str:
        return duration(self.progress[record.pk].seconds)


class ParkedTable(django_tables2.Table):
    """The customers of ``parked_customers``, each with the reason; where ``retries`` with a button of that form."""

    customer = column(gettext_lazy("Customer"))
    reason = column(gettext_lazy("Reason"), accessor="reason")
    retry = column(gettext_lazy("Action"), attrs={"td": {"class": "shrink"}})

    class Meta:
        attrs = {"aria-label": gettext_lazy("Parked customers"), "row_header": "customer"}
        empty_text = gettext_lazy("No customer is parked.")

    def __init__(self, items: Any, *, retries: str = "", **options: Any) -> None:
        super().__init__(items, exclude=() if retries else ("retry",), **options)
        self.retries = retries

    def render_customer(self, record: dict[str, Any]) -> SafeString:
        return format_html(
            '<a class="row-link" href="{}">{}</a><span class="sub">{}</span>',
            reverse("reconciliation:current", args=[record["ref"]]),
            record["name"],
            record["ref"],
        )

    def render_retry(self, record: dict[str, Any]) -> SafeString:
        return format_html(
            '<button class="button is-small" form="{}" name="customer" value="{}">{}</button>',
            self.retries,
            record["ref"],
            _("Try again"),
        )
