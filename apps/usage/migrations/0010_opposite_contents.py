from django.db import migrations, models

from apps.core.row_security import share

# What a decision replaced was kept beside it; a content that had been decided before was found there. (That what was
# taken while it was open was completed since is not known.) What a decision left stored, the next one that took another
# content replaced, or it is stored still.
EARLIER_DECISIONS = """
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
    WHERE decided.took_arriving OR decided.delivery_id IS NULL AND decided.decided_at IS NOT NULL;

    UPDATE usage_conflict AS decided SET opposite = COALESCE(
        (
            SELECT later.opposite
            FROM usage_conflict AS later
            WHERE later.customer_id = decided.customer_id AND later.kind = decided.kind
              AND later.source_id = decided.source_id AND later.record_id = decided.record_id
              AND later.decided_at > decided.decided_at AND later.took_arriving
            ORDER BY later.decided_at
            LIMIT 1
        ),
        (
            SELECT jsonb_build_object('actor', actor, 'premium', premium, 'started_at', started_at,
                                      'ended_at', ended_at, 'quantity', NULL)
            FROM usage_interval AS stored
            WHERE stored.customer_id = decided.customer_id AND stored.kind = decided.kind
              AND stored.source_id = decided.source_id AND stored.record_id = decided.record_id
        ),
        (
            SELECT jsonb_build_object('actor', sku, 'premium', NULL, 'started_at', occurred_at,
                                      'ended_at', occurred_at, 'quantity', stored.quantity)
            FROM usage_event AS stored
            WHERE stored.customer_id = decided.customer_id AND stored.source_id = decided.source_id
              AND stored.record_id = decided.record_id
        )
    )
    WHERE decided.delivery_id IS NOT NULL AND NOT decided.took_arriving;
"""


class Migration(migrations.Migration):
    dependencies = [("usage", "0009_parts_of_lines")]

    operations = [
        migrations.AddField("conflict", "opposite", models.JSONField(null=True)),
        share("usage_conflict", may={"partner": "UPDATE (opposite)"}),
        migrations.RunSQL(EARLIER_DECISIONS, migrations.RunSQL.noop),
        migrations.AddConstraint(
            "conflict",
            models.CheckConstraint(
                name="usage_conflict_came_or_was_replaced",
                condition=models.Q(delivery__isnull=False) | models.Q(took_arriving=False),
            ),
        ),
    ]
