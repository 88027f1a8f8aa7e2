"""Deliveries that a worker reads, rows that are mended, and what a partner tells of its sources."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from apps.core.row_security import ALL, APPEND, every, own_partner, protect, same_partner, share

CHANGE = "SELECT, INSERT, UPDATE"


class Migration(migrations.Migration):
    dependencies = [
        ("organisations", "0002_row_security"),
        ("usage", "0005_decided_conflicts"),
    ]

    operations = [
        migrations.CreateModel(
            name="AgentLicence",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("agent_id", models.CharField(max_length=200)),
                ("first_day", models.DateField()),
                ("premium", models.BooleanField()),
            ],
        ),
        migrations.CreateModel(
            name="CustomerAlias",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=200)),
            ],
        ),
        migrations.CreateModel(
            name="FormatDescription",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=64)),
                ("text", models.TextField()),
                ("changed_by", models.CharField(max_length=254)),
                ("changed_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="RememberedAnswer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("sender", models.CharField(max_length=64)),
                ("key", models.CharField(max_length=255)),
                ("request_sha256", models.CharField(max_length=64)),
                ("status", models.SmallIntegerField()),
                ("body", models.BinaryField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="SourceDay",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "partner_id",
                        "source_id",
                        "kind",
                        "day",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("partner_id", models.IntegerField()),
                ("source_id", models.IntegerField()),
                (
                    "kind",
                    models.SmallIntegerField(
                        choices=[
                            (1, "agent_session"),
                            (2, "wfo_session"),
                            (3, "ivr_leg"),
                            (4, "voice_call"),
                            (5, "digital_usage"),
                        ]
                    ),
                ),
                ("day", models.DateField()),
                ("records", models.BigIntegerField()),
                ("until", models.DateTimeField()),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="delivery",
            name="usage_one_delivery_a_content",
        ),
        migrations.AddField(
            model_name="delivery",
            name="bytes_read",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="delivery",
            name="channel",
            field=models.SmallIntegerField(
                choices=[
                    (1, "Command line"),
                    (2, "Upload"),
                    (3, "API"),
                    (4, "Watched folder"),
                    (5, "Mended rows"),
                ],
                default=1,
            ),
        ),
        migrations.AddField(
            model_name="delivery",
            name="failure",
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name="delivery",
            name="format_name",
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name="delivery",
            name="leased_until",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="delivery",
            name="rows",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="delivery",
            name="sent_by",
            field=models.CharField(blank=True, max_length=254),
        ),
        migrations.AddField(
            model_name="delivery",
            name="size",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="delivery",
            name="started_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="delivery",
            name="state",
            field=models.SmallIntegerField(
                choices=[(1, "Waiting"), (2, "Being read"), (3, "Done"), (4, "Failed")], default=2
            ),
        ),
        migrations.AddField(
            model_name="delivery",
            name="stored_as",
            field=models.CharField(blank=True, max_length=255),
        ),
        migrations.AddField(
            model_name="rowkeptaside",
            name="cells",
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name="rowkeptaside",
            name="outcome",
            field=models.CharField(
                blank=True,
                choices=[
                    ("accepted", "accepted"),
                    ("duplicate", "duplicate"),
                    ("conflict", "conflict"),
                    ("rejected", "rejected"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="rowkeptaside",
            name="settled_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="rowkeptaside",
            name="settled_by",
            field=models.CharField(blank=True, max_length=254),
        ),
        migrations.AddField(
            model_name="source",
            name="time_zone",
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["partner", "-arrived_at"], name="usage_delivery_newest"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                fields=["partner", "source_name", "-arrived_at"], name="usage_delivery_of_source"
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state__in", [1, 2])),
                fields=["leased_until"],
                name="usage_delivery_to_do",
            ),
        ),
        migrations.AddIndex(
            model_name="rowkeptaside",
            index=models.Index(
                condition=models.Q(("settled_at", None)),
                fields=["partner", "reason"],
                name="usage_rows_to_mend",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(
                fields=("partner", "customer_ref", "kind", "source_name", "format_name", "sha256"),
                name="usage_one_delivery_a_content",
                nulls_distinct=False,
            ),
        ),
        migrations.AddField(
            model_name="agentlicence",
            name="customer",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="organisations.customer"
            ),
        ),
        migrations.AddField(
            model_name="agentlicence",
            name="partner",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="organisations.partner"
            ),
        ),
        migrations.AddField(
            model_name="customeralias",
            name="customer",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="organisations.customer"
            ),
        ),
        migrations.AddField(
            model_name="customeralias",
            name="partner",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="organisations.partner"
            ),
        ),
        migrations.AddField(
            model_name="customeralias",
            name="source",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="aliases", to="usage.source"
            ),
        ),
        migrations.AddField(
            model_name="formatdescription",
            name="partner",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="organisations.partner",
            ),
        ),
        migrations.AddField(
            model_name="rememberedanswer",
            name="partner",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="organisations.partner",
            ),
        ),
        migrations.AddConstraint(
            model_name="agentlicence",
            constraint=models.UniqueConstraint(
                fields=("customer", "agent_id", "first_day"), name="usage_one_licence_a_day"
            ),
        ),
        migrations.AddConstraint(
            model_name="customeralias",
            constraint=models.UniqueConstraint(
                fields=("partner", "source", "name"), name="usage_one_customer_an_alias"
            ),
        ),
        migrations.AddConstraint(
            model_name="formatdescription",
            constraint=models.UniqueConstraint(
                fields=("partner", "name"), name="usage_one_format_a_name", nulls_distinct=False
            ),
        ),
        migrations.AddIndex(
            model_name="rememberedanswer",
            index=models.Index(fields=["created_at"], name="usage_answers_by_age"),
        ),
        migrations.AddConstraint(
            model_name="rememberedanswer",
            constraint=models.UniqueConstraint(
                fields=("partner", "sender", "key"), name="usage_one_answer_a_key", nulls_distinct=False
            ),
        ),
        migrations.RunSQL(
            "UPDATE usage_delivery SET state = 3, rows = accepted + duplicate + conflict + rejected"
            " WHERE finished_at IS NOT NULL",
            migrations.RunSQL.noop,
        ),
        protect("usage_customeralias", provider=every(ALL), partner=own_partner(ALL)),
        same_partner("usage_customeralias"),
        protect("usage_agentlicence", provider=every(ALL), partner=own_partner(ALL)),
        same_partner("usage_agentlicence"),
        protect("usage_formatdescription", provider=every(ALL), partner=own_partner(ALL)),
        protect("usage_sourceday", provider=every(CHANGE), partner=own_partner(CHANGE)),
        protect("usage_rememberedanswer", provider=every(ALL), partner=own_partner(APPEND)),
        share(
            "usage_source",
            may={"provider": "UPDATE (time_zone)", "partner": "UPDATE (time_zone)"},
        ),
        share(
            "usage_rowkeptaside", may={"partner": "UPDATE (settled_at, settled_by, outcome, reason, cells)"}
        ),
        # A partner decides about the records of its own customers, as long as no cycle is closed on them.
        share("usage_interval", may={"partner": "UPDATE (actor, premium, started_at)"}),
        share("usage_event", may={"partner": "UPDATE (sku, quantity, occurred_at)"}),
        share("usage_conflict", may={"partner": "UPDATE (decided_at, decided_by, took_arriving, reason)"}),
    ]
