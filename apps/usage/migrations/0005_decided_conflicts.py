import django.db.models.deletion
from django.db import migrations, models

from apps.core.row_security import share


class Migration(migrations.Migration):
    dependencies = [("usage", "0004_digital_usage")]

    operations = [
        migrations.AddField("conflict", "decided_at", models.DateTimeField(null=True)),
        migrations.AddField("conflict", "decided_by", models.CharField(blank=True, max_length=254)),
        migrations.AddField("conflict", "took_arriving", models.BooleanField(null=True)),
        migrations.AddField("conflict", "reason", models.TextField(blank=True)),
        migrations.AlterField(
            "conflict",
            "delivery",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="conflicts",
                to="usage.delivery",
            ),
        ),
        migrations.AlterField("conflict", "line_number", models.PositiveIntegerField(null=True)),
        migrations.AddConstraint(
            "conflict",
            models.CheckConstraint(
                name="usage_conflict_decided_or_not",
                condition=models.Q(decided_at=None, took_arriving=None)
                | models.Q(decided_at__isnull=False, took_arriving__isnull=False),
            ),
        ),
        # Only the provider decides: a partner adds records and completes them.
        share("usage_interval", may={"provider": "UPDATE (actor, premium, started_at)"}),
    ]
