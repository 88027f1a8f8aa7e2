"""Daily Detail and profiles are kept by cycle, as arrays of its days: rows were most of the time of a run."""

import django.contrib.postgres.fields
import numpy as np
from django.db import migrations, models

from apps.core.row_security import ALL, READ, every, own_customer, own_partner, protect

_TENANTS = {"provider": every(ALL), "partner": own_partner(READ), "customer": own_customer(READ)}

DETAIL = """
    INSERT INTO reconciliation_typefigures (partner_id, customer_id, first_day, usage_type, position, used, committed,
        substituted, overage, peak_at, marked)
    SELECT result.partner_id, result.customer_id, first_day, usage_type, min(position), array_agg(used ORDER BY day),
        array_agg(committed ORDER BY day), array_agg(substituted ORDER BY day), array_agg(overage ORDER BY day),
        CASE WHEN count(peak_at) > 0 THEN array_agg(peak_at ORDER BY day) END,
        min(day - first_day) FILTER (WHERE is_overage_peak)
    FROM reconciliation_cycleresult AS result
    JOIN reconciliation_dayfigure AS figure
        ON figure.customer_id = result.customer_id AND day BETWEEN first_day AND last_day
    GROUP BY result.id, usage_type
"""
PROFILES = """
    SELECT result.partner_id, result.customer_id, first_day, last_day, measure,
        array_agg(day - first_day ORDER BY day), array_agg(counts ORDER BY day)
    FROM reconciliation_cycleresult AS result
    JOIN reconciliation_dayprofile AS profile
        ON profile.customer_id = result.customer_id AND day BETWEEN first_day AND last_day
    GROUP BY result.id, measure
"""
KEPT = """
    INSERT INTO reconciliation_cycleprofile (partner_id, customer_id, first_day, last_day, measure, counts)
    VALUES (%s, %s, %s, %s, %s, %s)
"""


def lay_out_days(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(DETAIL)
        cursor.execute(PROFILES)
        for *cycle, measure, days, of_days in cursor.fetchall():
            slots = 96 if measure.endswith("concurrent") else 1440
            counts = np.zeros(((cycle[3] - cycle[2]).days + 1, slots), np.int64)
            for day, told in zip(days, of_days, strict=True):
                counts[day] = _of_day(bytes(told), slots)
            cursor.execute(KEPT, [*cycle, measure, _packed(counts.ravel())])


def _of_day(told, slots):
    """As before: the bytes a count takes and the counts, or 0 and pairs of a slot and by how much they rise there."""
    if told[0]:
        return np.frombuffer(told, f"<u{told[0]}", offset=1)
    changes = np.frombuffer(told, np.dtype([("slot", "<u2"), ("by", "<i4")]), offset=1)
    rises = np.zeros(slots, np.int64)
    rises[changes["slot"]] = changes["by"]
    return np.cumsum(rises)


def _packed(counts):
    """As from now on: the bytes a slot and a count take, the slots that change it and the counts from there on."""
    at = np.concatenate([[0], np.flatnonzero(counts[1:] != counts[:-1]) + 1])
    slot, count = (np.min_scalar_type(highest).itemsize for highest in (len(counts) - 1, int(counts.max())))
    if len(at) * (slot + count) < len(counts) * count:
        return (
            bytes([slot, count])
            + at.astype(f"<u{slot}").tobytes()
            + counts[at].astype(f"<u{count}").tobytes()
        )
    return bytes([0, count]) + counts.astype(f"<u{count}").tobytes()


class Migration(migrations.Migration):
    dependencies = [("reconciliation", "0005_verification")]

    operations = [
        migrations.CreateModel(
            name="TypeFigures",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "customer_id",
                        "first_day",
                        "usage_type",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("partner_id", models.IntegerField()),
                ("customer_id", models.IntegerField()),
                ("first_day", models.DateField()),
                (
                    "usage_type",
                    models.CharField(
                        choices=[
                            ("premium-named", "premium-named"),
                            ("standard-named", "standard-named"),
                            ("premium-concurrent", "premium-concurrent"),
                            ("standard-concurrent", "standard-concurrent"),
                            ("workforce-optimization", "workforce-optimization"),
                            ("ivr-port", "ivr-port"),
                            ("digital", "digital"),
                        ],
                        max_length=30,
                    ),
                ),
                (
                    "position",
                    models.PositiveSmallIntegerField(
                        help_text="Order of a day's rows: Premium before Standard."
                    ),
                ),
                *(
                    (
                        name,
                        django.contrib.postgres.fields.ArrayField(models.PositiveIntegerField(), size=None),
                    )
                    for name in ("used", "committed", "substituted", "overage")
                ),
                (
                    "peak_at",
                    django.contrib.postgres.fields.ArrayField(
                        models.PositiveSmallIntegerField(),
                        help_text="Minute of the day at which each day's peak was reached.",
                        null=True,
                        size=None,
                    ),
                ),
                (
                    "marked",
                    models.PositiveSmallIntegerField(
                        help_text="The day of the overage peak, from 0 (R7).", null=True
                    ),
                ),
            ],
            options={"ordering": ("position",)},
        ),
        migrations.CreateModel(
            name="CycleProfile",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "customer_id",
                        "first_day",
                        "measure",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("partner_id", models.IntegerField()),
                ("customer_id", models.IntegerField()),
                ("first_day", models.DateField()),
                ("last_day", models.DateField()),
                (
                    "measure",
                    models.CharField(
                        choices=[
                            ("premium-concurrent", "premium-concurrent"),
                            ("standard-concurrent", "standard-concurrent"),
                            ("ivr-port", "ivr-port"),
                            ("voice", "voice"),
                        ],
                        max_length=30,
                    ),
                ),
                ("counts", models.BinaryField()),
            ],
        ),
        # Packed already: PostgreSQL's own attempt to press it again costs more than writing it.
        migrations.RunSQL(
            "ALTER TABLE reconciliation_cycleprofile ALTER COLUMN counts SET STORAGE EXTERNAL",
            migrations.RunSQL.noop,
        ),
        migrations.RunPython(lay_out_days, migrations.RunPython.noop),
        migrations.DeleteModel("DayFigure"),
        migrations.DeleteModel("DayProfile"),
        protect("reconciliation_typefigures", **_TENANTS),
        protect("reconciliation_cycleprofile", **_TENANTS),
    ]
