from django.db import migrations, models
from django.db.models.functions import Now

from apps.core.row_security import APPEND, READ, every, own_customer, own_partner, protect

KINDS = [
    (1, "agent_session"),
    (2, "wfo_session"),
    (3, "ivr_leg"),
    (4, "voice_call"),
    (5, "digital_usage"),
]


class Migration(migrations.Migration):
    dependencies = [("usage", "0003_lasting_intervals")]

    operations = [
        migrations.CreateModel(
            name="Event",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "customer_id",
                        "source_id",
                        "record_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("partner_id", models.IntegerField()),
                ("customer_id", models.IntegerField()),
                ("source_id", models.IntegerField()),
                ("record_id", models.TextField()),
                ("sku", models.TextField()),
                ("quantity", models.BigIntegerField()),
                ("occurred_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(db_default=Now())),
            ],
            options={
                "indexes": [models.Index(fields=["customer_id", "occurred_at"], name="usage_event_by_time")],
                "constraints": [
                    models.CheckConstraint(name="usage_event_counts_up", condition=models.Q(quantity__gte=0))
                ],
            },
        ),
        protect(
            "usage_event",
            provider=every("SELECT, INSERT, UPDATE (sku, quantity, occurred_at)"),
            partner=own_partner(APPEND),
            customer=own_customer(READ),
        ),
        migrations.AlterField("delivery", "kind", models.SmallIntegerField(choices=KINDS)),
        migrations.AlterField("conflict", "kind", models.SmallIntegerField(choices=KINDS)),
        migrations.AddField("conflict", "quantity", models.BigIntegerField(null=True)),
        migrations.RemoveConstraint("conflict", "usage_one_conflict_a_content"),
        migrations.AddConstraint(
            "conflict",
            models.UniqueConstraint(
                fields=[
                    "customer",
                    "kind",
                    "source_id",
                    "record_id",
                    "actor",
                    "premium",
                    "started_at",
                    "ended_at",
                    "quantity",
                ],
                name="usage_one_conflict_a_content",
                nulls_distinct=False,
            ),
        ),
    ]
