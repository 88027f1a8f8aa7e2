from django.db import migrations, models

from apps.core.row_security import share

# What a decision replaced was kept beside it; a content that had been decided before was found there. Decisions that
# left what was stored did not keep it.
_OF_EARLIER_DECISIONS = """
    UPDATE usage_conflict AS decided SET opposite = (
        SELECT jsonb_build_object('actor', actor, 'premium', premium, 'started_at', started_at, 'ended_at', ended_at,
                                  'quantity', quantity)
        FROM usage_conflict AS other
        WHERE other.customer_id = decided.customer_id AND other.kind = decided.kind
          AND other.source_id = decided.source_id AND other.record_id = decided.record_id AND other.id <> decided.id
          AND (other.decided_at = decided.decided_at OR other.decided_at < decided.decided_at AND other.took_arriving)
        ORDER BY other.decided_at DESC
        LIMIT 1
    )
    WHERE decided.took_arriving OR decided.delivery_id IS NULL AND decided.decided_at IS NOT NULL
"""


class Migration(migrations.Migration):
    dependencies = [("usage", "0009_parts_of_lines")]

    operations = [
        migrations.AddField("conflict", "opposite", models.JSONField(null=True)),
        share("usage_conflict", may={"partner": "UPDATE (opposite)"}),
        migrations.RunSQL(_OF_EARLIER_DECISIONS, migrations.RunSQL.noop),
    ]
