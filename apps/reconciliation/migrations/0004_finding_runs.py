"""Runs that go on, customers that are set aside and what became of a customer are found without reading all that ever ran."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("reconciliation", "0003_results_by_day")]

    operations = [
        migrations.AddIndex(
            "run",
            models.Index(
                fields=["id"], condition=models.Q(("finished_at", None)), name="reconciliation_run_going_on"
            ),
        ),
        migrations.AddIndex(
            "runitem", models.Index(fields=["customer_id"], name="reconciliation_item_customer")
        ),
        migrations.AddIndex(
            "runitem",
            models.Index(
                fields=["customer_id"],
                condition=models.Q(("state__in", ["parked", "cancelled"])),
                name="reconciliation_item_aside",
            ),
        ),
    ]
