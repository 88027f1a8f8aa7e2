"""An index of the few records that last longer than a day, so that a day's records are found without the month before."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("usage", "0002_row_security")]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX usage_interval_lasting ON usage_interval (customer_id, kind, started_at)"
            " WHERE ended_at IS NULL OR ended_at - started_at > INTERVAL '24 hours'",
            "DROP INDEX usage_interval_lasting",
        )
    ]
