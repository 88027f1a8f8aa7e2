"""The shapes of what the API of invoices answers, for its description."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers as of

from apps.catalogue.domain.charges import ChargeKind
from apps.catalogue.domain.kinds import UsageType
from apps.core.described import list_of, shape
from apps.invoicing.domain.whatif import Side
from apps.invoicing.models import InvoiceLine

INVOICE_LINE = shape(
    "InvoiceLine",
    {
        "kind": of.ChoiceField([kind.value for kind in InvoiceLine.Kind]),
        "sku": of.CharField(),
        "subscription": of.CharField(),
        "period_from": of.DateField(),
        "period_to": of.DateField(),
        "quantity": of.IntegerField(),
        "unit_price": of.CharField(),
        "discount_pct": of.CharField(),
        "amount": of.CharField(),
        "original_period": of.ListField(
            child=of.DateField(), required=False, help_text="First and last day of what is adjusted."
        ),
    },
)
INVOICE = shape(
    "Invoice",
    {
        "number": of.CharField(),
        "seller": of.CharField(help_text="The partner's reference, or `provider`."),
        "recipient": of.CharField(),
        "customer": of.CharField(),
        "currency": of.CharField(),
        "period_from": of.DateField(),
        "period_to": of.DateField(),
        "transaction_date": of.DateField(),
        "due_date": of.DateField(),
        "lines": INVOICE_LINE(many=True),
        "subtotal": of.CharField(),
        "taxes": of.CharField(),
        "total": of.CharField(),
    },
)
INVOICE_PAGE = list_of("Invoice", INVOICE)


def _numbers() -> of.ListField:
    return of.ListField(child=of.IntegerField())


RATED_USAGE = shape(
    "WhatIfUsageSide",
    {
        "committed": _numbers(),
        "overage": _numbers(),
        "billed": of.IntegerField(),
        "billed_on": of.DateField(allow_null=True),
    },
)
USAGE = shape(
    "WhatIfUsage",
    {
        "usage_type": of.ChoiceField([each.value for each in UsageType]),
        "used": _numbers(),
        "before": RATED_USAGE(),
        "after": RATED_USAGE(),
    },
)
RATED_VOICE = shape(
    "WhatIfVoiceSide",
    {
        "surge_pct": of.ListField(child=of.CharField()),
        "accepted": _numbers(),
        "minutes_above": _numbers(),
        "most_above": _numbers(),
    },
)
VOICE = shape("WhatIfVoice", {"most_calls": _numbers(), "before": RATED_VOICE(), "after": RATED_VOICE()})
CYCLE = shape(
    "WhatIfCycle",
    {
        "first_day": of.DateField(),
        "last_day": of.DateField(),
        "until": of.DateField(),
        "subscription": of.CharField(),
        "is_closed": of.BooleanField(),
        "is_up_to_date": of.BooleanField(),
        "usage": USAGE(many=True),
        "voice": VOICE(),
    },
)
COST = shape("WhatIfCost", {"quantity": of.IntegerField(), "amount": of.CharField()})
POSITION = shape(
    "WhatIfPosition",
    {
        "kind": of.ChoiceField([kind.value for kind in ChargeKind]),
        "sku": of.CharField(),
        "before": COST(),
        "after": COST(),
    },
)
_SUMS: dict[str, Any] = {"before": of.CharField(), "after": of.CharField(), "difference": of.CharField()}
MONEY_CYCLE = shape(
    "WhatIfMoneyCycle",
    {"first_day": of.DateField(), "last_day": of.DateField(), **_SUMS, "lines": POSITION(many=True)},
)
MONEY = shape(
    "WhatIfMoney",
    {
        "side": of.ChoiceField([side.value for side in Side]),
        "currency": of.CharField(),
        **_SUMS,
        "cycles": MONEY_CYCLE(many=True),
    },
)
WHAT_IF = shape("WhatIf", {"customer": of.CharField(), "cycles": CYCLE(many=True), "money": MONEY(many=True)})
