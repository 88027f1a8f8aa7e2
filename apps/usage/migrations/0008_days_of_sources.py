"""What sources had brought before their days were counted."""

from django.db import migrations

COUNT = """
    INSERT INTO usage_sourceday (partner_id, source_id, kind, day, records, until)
    SELECT partner_id, source_id, {kind}, ({start} AT TIME ZONE 'UTC')::date, count(*), max({end})
    FROM {table} GROUP BY 1, 2, 3, 4
    ON CONFLICT (partner_id, source_id, kind, day)
    DO UPDATE SET records = excluded.records, until = excluded.until
"""


class Migration(migrations.Migration):
    dependencies = [("usage", "0007_parts_of_lines")]

    operations = [
        migrations.RunSQL(
            COUNT.format(
                kind="kind", start="started_at", end="coalesce(ended_at, started_at)", table="usage_interval"
            ),
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            COUNT.format(kind="5", start="occurred_at", end="occurred_at", table="usage_event"),
            migrations.RunSQL.noop,
        ),
    ]
