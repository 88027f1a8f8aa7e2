"""The style guide: every component once, with sample figures (the worked example of the Daily Detail)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import django_tables2
from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.core.charts import Category, ChartSpec, Marker, StepLine, usage_bars
from apps.core.domain.periods import Period
from apps.core.formatting import amount, day_long
from apps.core.templatetags.charts import sparkline

_USED = (
    1,
    28,
    29,
    18,
    24,
    22,
    6,
    4,
    21,
    23,
    26,
    27,
    30,
    5,
    3,
    19,
    22,
    25,
    24,
    20,
    4,
    2,
    18,
    21,
    33,
    28,
    24,
    6,
    5,
    22,
)
_SUBSTITUTED = (0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 1, 2, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 2, 1, 1, 0, 0, 0)
_COMMITTED = (20,) * 15 + (24,) * 15


@dataclass(frozen=True, slots=True)
class _Link:
    label: str
    url: str
    current: bool = False
    count: int | None = None


@dataclass(frozen=True, slots=True)
class _Step:
    label: str
    result: str
    expression: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Entry:
    title: str
    at: datetime
    by: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Customer:
    name: str
    ref: str
    daily: tuple[int, ...]
    committed: int
    used: int
    overage: int
    amount: Decimal
    since: date


class _CustomerTable(django_tables2.Table):
    name = django_tables2.Column(verbose_name=gettext_lazy("Customer"))
    daily = django_tables2.Column(verbose_name=gettext_lazy("This cycle"), orderable=False)
    committed = django_tables2.Column(
        verbose_name=gettext_lazy("Units commitment"),
        attrs={"cell": {"class": "num"}},
        initial_sort_descending=True,
    )
    used = django_tables2.Column(
        verbose_name=gettext_lazy("Units used"),
        attrs={"cell": {"class": "num"}},
        initial_sort_descending=True,
    )
    overage = django_tables2.Column(
        verbose_name=gettext_lazy("Units overage"),
        attrs={"cell": {"class": "num"}},
        initial_sort_descending=True,
    )
    amount = django_tables2.Column(
        verbose_name=gettext_lazy("Overage, USD"), attrs={"cell": {"class": "num"}}
    )
    since = django_tables2.Column(
        verbose_name=gettext_lazy("Customer since"), attrs={"cell": {"class": "nowrap"}}
    )

    class Meta:
        template_name = "tables/table.html"
        attrs = {"aria-label": gettext_lazy("Customers"), "row_header": "name", "class": "is-sticky"}
        order_by = "-overage"
        empty_text = gettext_lazy("No customer fits these filters.")

    def render_daily(self, record: _Customer) -> str:
        return sparkline(
            record.daily,
            commitment=record.committed,
            label=_("Units used on each day of %(customer)s") % {"customer": record.name},
        )

    def render_amount(self, value: Decimal) -> str:
        return amount(value, "USD")


class _SampleForm(forms.Form):
    percentage = forms.DecimalField(
        label=gettext_lazy("Surge percentage"),
        min_value=0,
        help_text=gettext_lazy("Whole percents or hundredths."),
    )
    model = forms.ChoiceField(
        label=gettext_lazy("Licence model"),
        choices=[("named", gettext_lazy("Named agent")), ("concurrent", gettext_lazy("Concurrent agent"))],
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), widget=forms.Textarea(attrs={"rows": 3}))
    reference = forms.CharField(label=gettext_lazy("Your reference"), required=False)
    notify = forms.BooleanField(label=gettext_lazy("Tell the partner by e-mail"), required=False)


class _SampleFilter(forms.Form):
    q = forms.CharField(
        label=gettext_lazy("Customer"), required=False, widget=forms.TextInput(attrs={"type": "search"})
    )
    state = forms.ChoiceField(
        label=gettext_lazy("State"),
        required=False,
        choices=[("", gettext_lazy("All")), ("overage", gettext_lazy("Overage"))],
    )


def sample_chart() -> ChartSpec:
    """Thirty days of Standard agents against a commitment that rises in the middle."""
    cycle = Period(date(2024, 6, 9), date(2024, 7, 8))
    overage = [max(0, used - committed - covered) for used, committed, covered in _days()]
    peak = overage.index(max(overage))
    return ChartSpec(
        title=_("Standard named agents"),
        unit=_("licences"),
        categories=tuple(
            Category(label=str(day.day), long_label=day_long(day), href=f"#day-{day.isoformat()}")
            for day in cycle
        ),
        bars=usage_bars(used=_USED, substituted=_SUBSTITUTED, overage=overage),
        line=StepLine(label=_("Units commitment"), values=_COMMITTED),
        markers=(Marker(index=peak, label=_("Overage peak")),),
        summary=_("Used above the commitment on %(days)s of %(all)s days; the most on %(day)s.")
        % {
            "days": sum(1 for units in overage if units),
            "all": cycle.days,
            "day": day_long(list(cycle)[peak]),
        },
    )


def _days() -> list[tuple[int, int, int]]:
    return list(zip(_USED, _COMMITTED, _SUBSTITUTED, strict=True))


def _customers() -> list[_Customer]:
    names = (
        "Kungsgatan Bank",
        "Aurora Energi",
        "Bergslagens Försäkring",
        "Høyland Shipping",
        "Kvarnen Retail",
    )
    return [
        _Customer(
            name=name,
            ref=f"C-{100 + 7 * place}",
            daily=tuple(max(0, used - 3 * place) for used in _USED),
            committed=20,
            used=max(_USED) - 3 * place,
            overage=max(0, max(_USED) - 3 * place - 20),
            amount=Decimal("101.25") * max(0, max(_USED) - 3 * place - 20),
            since=date(2021 + place % 4, 1 + place, 9),
        )
        for place, name in enumerate(names)
    ]


def styleguide(request: HttpRequest) -> HttpResponse:
    """Every component of the design system, light or dark as the reader's theme is."""
    table = _CustomerTable(_customers(), request=request)
    django_tables2.RequestConfig(request, paginate={"per_page": 4}).configure(table)
    bound = _SampleForm({"percentage": "-1", "model": "named"}, prefix="bad")
    context: dict[str, Any] = {
        "chart": sample_chart(),
        "table": table,
        "form": _SampleForm(),
        "bound": bound,
        "filter_form": _SampleFilter(),
        "until": date(2024, 7, 2),
        "amount": Decimal("12480.5"),
        "day": date(2024, 6, 9),
        "cycle": Period(date(2024, 6, 9), date(2024, 7, 8)),
        "tones": ("", "danger", "warning", "ok", "info", "accent"),
        "chips": [
            _Link(_("All"), "?", True, 203),
            _Link(_("Licence overage"), "?status=overage", count=17),
            _Link(_("Expiring soon"), "?status=expiring", count=4),
            _Link(_("Trial"), "?status=trial", count=0),
        ],
        "segments": [_Link(_("Agents"), "?family=agents", True), _Link(_("IVR ports"), "?family=ivr")],
        "tabs": [
            _Link(_("Current usage"), "#", True),
            _Link(_("Daily detail"), "#"),
            _Link(_("Invoices"), "#"),
            _Link(_("Voice and surge"), "#"),
        ],
        "breadcrumbs": [(_("Customers"), "#"), ("Kungsgatan Bank", "#")],
        "definitions": [
            (_("Subscription"), "Sub-1001"),
            (_("Offer"), "A-FLEX-3-CC"),
            (_("Licence model"), _("Named agent")),
            (_("Bill day"), "9"),
        ],
        "selects": [
            {
                "name": "cycle",
                "label": _("Billing cycle"),
                "options": [
                    {"value": "2024-06-09", "label": "9 Jun – 8 Jul 2024", "selected": True},
                    {"value": "2024-05-09", "label": "9 May – 8 Jun 2024", "selected": False},
                ],
            },
        ],
        "steps": [
            _Step(_("Agents committed"), "14", "10 + 4", _("Standard and Premium")),
            _Step(_("Voice paths of the agents"), "42", "14 × 3"),
            _Step(_("Voice paths"), "44", "42 + 2", _("with the additional IVR ports")),
            _Step(_("Most simultaneous calls"), "57", "⌊44 × 130 ÷ 100⌋"),
        ],
        "entries": [
            _Entry(
                _("From 25 % to 30 %"),
                datetime(2024, 6, 18, 9, 12, tzinfo=UTC),
                "csm@provider.example",
                _("Summer sale."),
            ),
            _Entry(
                _("From 0 % to 25 %"),
                datetime(2024, 1, 9, 8, 0, tzinfo=UTC),
                "csm@provider.example",
                _("At the start."),
            ),
        ],
    }
    return render(request, "styleguide/index.html", context)
