"""What came out when closed cycles were calculated again: for the provider alone."""

import django.db.models.deletion
from django.db import migrations, models

from apps.core.row_security import share


class Migration(migrations.Migration):
    dependencies = [("reconciliation", "0004_finding_runs"), ("subscriptions", "0001_subscriptions")]

    operations = [
        migrations.CreateModel(
            name="Verification",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("verified_at", models.DateTimeField()),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("same", "As it was closed"),
                            ("later", "Changed later"),
                            ("different", "Not as it was closed"),
                            ("failed", "Could not be verified"),
                        ],
                        max_length=10,
                    ),
                ),
                ("differences", models.JSONField(default=list)),
                (
                    "closed",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="verification",
                        to="subscriptions.closedcycle",
                    ),
                ),
            ],
            options={
                "ordering": ("-verified_at", "-pk"),
                "indexes": [
                    models.Index(
                        condition=models.Q(("outcome__in", ["different", "failed"])),
                        fields=["verified_at"],
                        name="reconciliation_not_as_closed",
                    ),
                ],
            },
        ),
        share("reconciliation_verification", may={"provider": "SELECT, INSERT, UPDATE"}),
    ]
