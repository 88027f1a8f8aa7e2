import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from apps.core.row_security import ALL, APPEND, READ, every, own_customer, own_partner, protect, same_partner

TABLE = "subscriptions_latechange"


def of(model: str) -> models.ForeignKey:
    return models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=model)


class Migration(migrations.Migration):
    dependencies = [
        ("organisations", "0002_row_security"),
        ("subscriptions", "0003_cause_of_staleness"),
    ]

    operations = [
        migrations.AddField("closedcycle", "looked_from", models.DateField(null=True)),
        migrations.AddField("closedcycle", "looked_to", models.DateField(null=True)),
        migrations.CreateModel(
            name="LateChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("marked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("partner", of("organisations.partner")),
                ("customer", of("organisations.customer")),
                (
                    "closed",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="late_changes",
                        to="subscriptions.closedcycle",
                    ),
                ),
            ],
        ),
        protect(TABLE, provider=every(ALL), partner=own_partner(APPEND), customer=own_customer(READ)),
        same_partner(TABLE),
    ]
