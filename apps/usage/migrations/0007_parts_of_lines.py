"""A line that becomes several records can be kept aside in several parts."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("usage", "0006_ways_in")]

    operations = [
        migrations.AddField("rowkeptaside", "part", models.PositiveSmallIntegerField(default=0)),
        migrations.RemoveConstraint("rowkeptaside", "usage_one_row_aside_a_line"),
        migrations.AddConstraint(
            "rowkeptaside",
            models.UniqueConstraint(
                fields=["delivery", "line_number", "part"], name="usage_one_row_aside_a_line"
            ),
        ),
    ]
