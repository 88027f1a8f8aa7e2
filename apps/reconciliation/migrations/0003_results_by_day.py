"""Day figures and profiles are identified by customer and day, and first logins are kept.

What closed cycles came to is carried over; all other results are thrown away and made again.
"""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

from apps.core.row_security import ALL, READ, every, own_customer, own_partner, protect, same_partner

_TENANTS = {"provider": every(ALL), "partner": own_partner(READ), "customer": own_customer(READ)}

KEEP_WHAT_IS_CLOSED = [
    """
    CREATE TABLE open_result AS
    SELECT id, partner_id, customer_id, first_day, last_day FROM reconciliation_cycleresult AS result
    WHERE NOT EXISTS (
        SELECT FROM subscriptions_closedcycle AS closed
        WHERE closed.customer_id = result.customer_id AND closed.service = result.service
          AND closed.first_day = result.first_day)
    """,
    """
    INSERT INTO subscriptions_stalespan (partner_id, customer_id, cause, first_day, last_day, marked_at)
    SELECT partner_id, customer_id, 2, min(first_day), max(last_day), now() FROM open_result
    GROUP BY partner_id, customer_id
    """,
    "SET CONSTRAINTS ALL IMMEDIATE",  # or the rows deleted here would stand in the way of the tables' change
    "DELETE FROM reconciliation_dayfigure WHERE result_id IN (SELECT id FROM open_result)",
    "DELETE FROM reconciliation_dayprofile WHERE result_id IN (SELECT id FROM open_result)",
    "DELETE FROM reconciliation_billedquantity WHERE result_id IN (SELECT id FROM open_result)",
    "DELETE FROM reconciliation_cycleresult WHERE id IN (SELECT id FROM open_result)",
    "CREATE TABLE kept_figure AS SELECT * FROM reconciliation_dayfigure",
    "CREATE TABLE kept_profile AS SELECT * FROM reconciliation_dayprofile",
]


def bring_back(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE reconciliation_cycleresult AS result SET settings = jsonb_build_object(
                'licence_model', subscription.licence_model, 'billed_peak', offer.billed_peak,
                'ivr_peak', offer.ivr_peak, 'longest_open_hours', offer.longest_open_hours),
                daily_committed = (
                    SELECT coalesce(array_agg(committed ORDER BY day), '{}') FROM (
                        SELECT day, sum(committed)::int AS committed FROM kept_figure
                        WHERE result_id = result.id AND usage_type ~ '^(premium|standard)' GROUP BY day) AS of_day)
            FROM subscriptions_subscription AS subscription
            JOIN catalogue_offer AS offer ON offer.id = subscription.offer_id
            WHERE subscription.id = result.primary_id
            """
        )
        cursor.execute(
            """
            INSERT INTO reconciliation_dayfigure (partner_id, customer_id, day, usage_type, position, used, committed,
                substituted, overage, peak_at, is_overage_peak)
            SELECT partner_id, customer_id, day, usage_type,
                CASE WHEN usage_type LIKE 'premium%%' THEN 0 WHEN usage_type LIKE 'standard%%' THEN 1
                     WHEN usage_type = 'ivr-port' THEN 3 ELSE 2 END,
                used, committed, substituted, overage, peak_at, is_overage_peak
            FROM kept_figure
            """,
            [],
        )
        cursor.execute("SELECT partner_id, customer_id, day, usage_type, counts FROM kept_profile")
        for partner_id, customer_id, day, measure, counts in cursor.fetchall():
            cursor.execute(
                "INSERT INTO reconciliation_dayprofile (partner_id, customer_id, day, measure, counts)"
                " VALUES (%s, %s, %s, %s, %s)",
                [
                    partner_id,
                    customer_id,
                    day,
                    measure,
                    b"\x04" + bytes(counts),
                ],  # as before: 4 bytes a count
            )


class Migration(migrations.Migration):
    dependencies = [
        ("reconciliation", "0002_row_security"),
        ("subscriptions", "0003_cause_of_staleness"),
        ("catalogue", "0001_catalogue"),
    ]

    operations = [
        migrations.RunSQL(KEEP_WHAT_IS_CLOSED),
        migrations.DeleteModel("DayFigure"),
        migrations.DeleteModel("DayProfile"),
        migrations.CreateModel(
            name="DayFigure",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "customer_id",
                        "day",
                        "usage_type",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("partner_id", models.IntegerField()),
                ("customer_id", models.IntegerField()),
                ("day", models.DateField()),
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
                ("used", models.PositiveIntegerField()),
                ("committed", models.PositiveIntegerField()),
                ("substituted", models.PositiveIntegerField()),
                ("overage", models.PositiveIntegerField()),
                (
                    "peak_at",
                    models.PositiveSmallIntegerField(
                        help_text="Minute of the day at which the peak was reached.", null=True
                    ),
                ),
                ("is_overage_peak", models.BooleanField()),
            ],
            options={"ordering": ("day", "position")},
        ),
        migrations.CreateModel(
            name="DayProfile",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "customer_id",
                        "day",
                        "measure",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("partner_id", models.IntegerField()),
                ("customer_id", models.IntegerField()),
                ("day", models.DateField()),
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
        migrations.AddField(
            model_name="cycleresult",
            name="settings",
            field=models.JSONField(
                default=dict,
                help_text="The licence model and the offer's settings by which it was calculated.",
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="cycleresult",
            name="daily_committed",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.PositiveIntegerField(),
                default=list,
                help_text="Agents committed a day, likewise.",
                size=None,
            ),
            preserve_default=False,
        ),
        migrations.RunPython(bring_back, migrations.RunPython.noop),
        migrations.RunSQL(["DROP TABLE open_result", "DROP TABLE kept_figure", "DROP TABLE kept_profile"]),
        migrations.CreateModel(
            name="CycleLogins",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("family", models.CharField(choices=[("agents", "agents"), ("wfo", "wfo")], max_length=10)),
                (
                    "agents",
                    django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None),
                ),
                (
                    "first",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.IntegerField(), help_text="Days since 1970-01-01.", size=None
                    ),
                ),
                (
                    "premium",
                    django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None),
                ),
                (
                    "customer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="organisations.customer",
                    ),
                ),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="organisations.partner",
                    ),
                ),
                (
                    "result",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="logins",
                        to="reconciliation.cycleresult",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="cyclelogins",
            constraint=models.UniqueConstraint(
                fields=("result", "family"), name="reconciliation_one_list_of_logins"
            ),
        ),
        migrations.AddField(
            "run", "started_by", models.CharField(blank=True, default="", max_length=254), False
        ),
        migrations.AddField("run", "cancelled_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "run", "cancelled_by", models.CharField(blank=True, default="", max_length=254), False
        ),
        migrations.AddField("runitem", "expected", models.PositiveIntegerField(default=0)),
        migrations.AddField("runitem", "records", models.PositiveIntegerField(default=0)),
        migrations.AlterField(
            "runitem",
            "state",
            models.CharField(
                choices=[
                    ("waiting", "Waiting"),
                    ("done", "Done"),
                    ("parked", "Parked"),
                    ("cancelled", "Cancelled"),
                ],
                default="waiting",
                max_length=10,
            ),
        ),
        protect("reconciliation_dayfigure", **_TENANTS),
        protect("reconciliation_dayprofile", **_TENANTS),
        protect("reconciliation_cyclelogins", **_TENANTS),
        same_partner("reconciliation_cyclelogins"),
    ]
