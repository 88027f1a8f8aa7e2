"""Usage that nobody is billed for (R10): records on days without an active subscription of their service.

And records that should have ended long ago: they count as lasting ``longest_open``, and are reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import connection
from django.db.models import (
    DateTimeField,
    ExpressionWrapper,
    F,
    IntegerField,
    OuterRef,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Coalesce

from apps.catalogue.domain.kinds import Service
from apps.core.domain.periods import ONE_DAY
from apps.organisations.models import Customer
from apps.reconciliation.domain.settings import Settings
from apps.subscriptions.models import Subscription
from apps.usage.domain.records import KINDS_OF_INTERVAL, LONGEST_RECORD, Kind
from apps.usage.models import Interval
from apps.usage.selectors import midnight

# No offer is in force on such a day: a record still open lasts as long there as where nothing else is set.
_LONGEST_OPEN = Settings().longest_open


@dataclass(frozen=True, slots=True)
class UnentitledDay:
    """How many records of a kind touch a day on which no subscription of their service is active."""

    day: date
    kind: Kind
    records: int


@dataclass(frozen=True, slots=True)
class UnentitledUse:
    """What a customer used of one kind on such days, from the first to the last of them."""

    customer_ref: str
    customer_name: str
    partner_name: str
    kind: Kind
    first: date
    last: date
    days: int
    records: int


# The days without a subscription up to the last day used, for each customer and service, and each record that touches
# them with the first and the last of them that it does. A record that reaches from one gap over a subscription into
# another touches both.
_TOUCHING = """
    WITH held AS (
        SELECT customer_id, service, range_agg(daterange(starts_on, ends_on, '[]')) AS days
        FROM subscriptions_subscription AS subscription JOIN catalogue_offer AS offer ON offer.id = offer_id
        GROUP BY customer_id, service
    ), gap AS (
        SELECT customer.id AS customer_id, services.service, upper(part) AS upto,
               coalesce(lower(part), '-infinity'::date) AS since
        FROM organisations_customer AS customer
        CROSS JOIN unnest(%(services)s::text[]) AS services (service)
        LEFT JOIN held ON held.customer_id = customer.id AND held.service = services.service
        CROSS JOIN LATERAL unnest(
            datemultirange(daterange(NULL, %(upto)s::date)) - coalesce(held.days, '{}'::datemultirange)
        ) AS part
        WHERE %(customers)s::int[] IS NULL OR customer.id = ANY(%(customers)s::int[])
    ), touching AS (
        SELECT gap.customer_id, kind, greatest(since, (started_at AT TIME ZONE 'UTC')::date) AS first,
               least(upto - 1, (CASE WHEN ended_at > started_at THEN ended_at - INTERVAL '1 microsecond'
                                ELSE started_at END AT TIME ZONE 'UTC')::date) AS last
        FROM gap CROSS JOIN LATERAL (
            SELECT kind, started_at, coalesce(ended_at, started_at + %(longest_open)s::interval) AS ended_at
            FROM usage_interval
            WHERE gap.service = %(contact_centre)s AND customer_id = gap.customer_id
              AND kind = ANY(%(kinds)s::smallint[])
              AND started_at >= (gap.since::timestamp AT TIME ZONE 'UTC') - INTERVAL '24 hours'
              AND started_at < gap.upto::timestamp AT TIME ZONE 'UTC'
            UNION ALL
            SELECT kind, started_at, coalesce(ended_at, started_at + %(longest_open)s::interval)
            FROM usage_interval
            WHERE gap.service = %(contact_centre)s AND customer_id = gap.customer_id
              AND kind = ANY(%(kinds)s::smallint[])
              AND started_at >= (gap.since::timestamp AT TIME ZONE 'UTC') - %(longest)s::interval
              AND started_at < (gap.since::timestamp AT TIME ZONE 'UTC') - INTERVAL '24 hours'
              AND (ended_at IS NULL OR ended_at - started_at > INTERVAL '24 hours')
            UNION ALL
            SELECT %(digital_usage)s, occurred_at, occurred_at
            FROM usage_event
            WHERE gap.service = %(digital)s AND customer_id = gap.customer_id
              AND occurred_at >= gap.since::timestamp AT TIME ZONE 'UTC'
              AND occurred_at < gap.upto::timestamp AT TIME ZONE 'UTC'
        ) AS record
    )
"""

_DAYS_OF_ONE = """
    SELECT first + later AS day, kind, count(*)
    FROM touching CROSS JOIN LATERAL generate_series(0, last - first) AS later
    GROUP BY day, kind ORDER BY day, kind
"""

_USE_OF_ALL = """
    , by_day AS (
        SELECT customer_id, kind, first + later AS day, count(*) FILTER (WHERE later = 0) AS records
        FROM touching CROSS JOIN LATERAL generate_series(0, last - first) AS later
        GROUP BY customer_id, kind, day
    )
    SELECT customer.ref, customer.name, partner.name, kind, min(day), max(day), count(*), sum(records)::int
    FROM by_day JOIN organisations_customer AS customer ON customer.id = customer_id
    JOIN organisations_partner AS partner ON partner.id = partner_id
    GROUP BY customer.ref, customer.name, partner.name, kind
    ORDER BY max(day) DESC, customer.ref, kind
"""


def list_unentitled_days(customer: Customer, *, until: date) -> list[UnentitledDay]:
    """The days up to ``until`` with usage and without a subscription, in order (R10)."""
    with connection.cursor() as cursor:
        cursor.execute(_TOUCHING + _DAYS_OF_ONE, _parameters(until, [customer.pk]))
        return [UnentitledDay(day, Kind(kind), records) for day, kind, records in cursor.fetchall()]


def list_unentitled_use(*, until: date) -> list[UnentitledUse]:
    """The same of all customers that the scope may see, a line for each customer and kind, the newest first."""
    with connection.cursor() as cursor:
        cursor.execute(_TOUCHING + _USE_OF_ALL, _parameters(until, None))
        return [
            UnentitledUse(ref, name, partner, Kind(kind), *figures)
            for ref, name, partner, kind, *figures in cursor.fetchall()
        ]


def _parameters(until: date, customers: list[int] | None) -> Mapping[str, Any]:
    return {
        "customers": customers,
        "upto": until + ONE_DAY,
        "services": [Service.CONTACT_CENTRE.value, Service.DIGITAL.value],
        "contact_centre": Service.CONTACT_CENTRE.value,
        "digital": Service.DIGITAL.value,
        "digital_usage": int(Kind.DIGITAL_USAGE),
        "kinds": [int(kind) for kind in KINDS_OF_INTERVAL],
        "longest_open": _LONGEST_OPEN,
        "longest": LONGEST_RECORD,
    }


def open_too_long(*, until: date) -> QuerySet[Interval, Any]:
    """The records without an end that would have lasted longer than ``longest`` hours by the end of ``until``.

    ``longest`` is what the offer sets whose subscription was primary when they started, oldest first.
    """
    primary = Subscription.objects.filter(
        customer=OuterRef("customer_id"),
        offer__service=Service.CONTACT_CENTRE,
        starts_on__lte=OuterRef("started_at__date"),
    ).exclude(ends_on__lt=OuterRef("started_at__date"))
    hours = Subquery(primary.order_by("starts_on", "number").values("offer__longest_open_hours")[:1])
    customer = Customer.objects.filter(pk=OuterRef("customer_id"))
    return (
        Interval.objects.filter(ended_at=None)
        .annotate(longest=Coalesce(hours, Value(Settings().longest_open_hours), output_field=IntegerField()))
        .annotate(
            counted_to=ExpressionWrapper(
                F("started_at") + F("longest") * Value(timedelta(hours=1)), output_field=DateTimeField()
            ),
            ref=Subquery(customer.values("ref")),
            name=Subquery(customer.values("name")),
        )
        .filter(counted_to__lt=midnight(until + ONE_DAY))
        .order_by("started_at", "customer_id", "kind", "source_id", "record_id")
    )
