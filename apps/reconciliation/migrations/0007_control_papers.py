"""Papers with a vendor's own figures: for the provider and the customer's partner, not for the customer."""

import django.db.models.deletion
from django.db import migrations, models

from apps.core.row_security import every, own_partner, protect, same_partner

_CHANGE = "SELECT, INSERT, UPDATE"


class Migration(migrations.Migration):
    dependencies = [
        ("reconciliation", "0006_results_by_cycle"),
        ("organisations", "0001_organisations"),
    ]

    operations = [
        migrations.CreateModel(
            name="ControlPaper",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("daily-detail", "Daily Detail"),
                            ("peaks", "Concurrent peaks"),
                            ("invoice-lines", "Invoice lines"),
                        ],
                        max_length=20,
                    ),
                ),
                ("first_day", models.DateField()),
                ("last_day", models.DateField()),
                ("name", models.CharField(max_length=255)),
                ("sha256", models.CharField(max_length=64)),
                ("as_of", models.DateTimeField(null=True)),
                ("rows", models.JSONField()),
                ("result", models.JSONField()),
                ("agrees", models.BooleanField()),
                ("uploaded_at", models.DateTimeField()),
                ("uploaded_by", models.CharField(max_length=254)),
                ("compared_at", models.DateTimeField()),
                ("compared_by", models.CharField(max_length=254)),
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
            ],
            options={
                "ordering": ("-uploaded_at", "-pk"),
                "indexes": [
                    models.Index(
                        fields=["partner", "customer", "-uploaded_at"], name="reconciliation_control_newest"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("partner", "customer", "first_day", "sha256"),
                        name="reconciliation_one_paper_a_content",
                    )
                ],
            },
        ),
        protect(
            "reconciliation_controlpaper",
            provider=every(_CHANGE),
            partner=own_partner(_CHANGE),
        ),
        same_partner("reconciliation_controlpaper"),
    ]
