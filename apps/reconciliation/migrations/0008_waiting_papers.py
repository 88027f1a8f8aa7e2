"""Papers with a vendor's own figures wait for a worker that compares them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("reconciliation", "0007_control_papers")]

    operations = [
        migrations.AddField(
            model_name="controlpaper",
            name="state",
            field=models.CharField(
                choices=[("waiting", "Being compared"), ("compared", "Compared"), ("failed", "Not compared")],
                default="compared",
                max_length=10,
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="controlpaper", name="failure", field=models.TextField(blank=True, default="")
        ),
        migrations.AddField(
            model_name="controlpaper", name="attempts", field=models.PositiveSmallIntegerField(default=0)
        ),
        migrations.AddField(
            model_name="controlpaper", name="leased_until", field=models.DateTimeField(null=True)
        ),
        migrations.AlterField(model_name="controlpaper", name="result", field=models.JSONField(default=dict)),
        migrations.AlterField(model_name="controlpaper", name="agrees", field=models.BooleanField(null=True)),
        migrations.AlterField(
            model_name="controlpaper", name="compared_at", field=models.DateTimeField(null=True)
        ),
        migrations.AddIndex(
            model_name="controlpaper",
            index=models.Index(
                fields=["leased_until"],
                condition=models.Q(state="waiting"),
                name="reconciliation_control_to_do",
            ),
        ),
    ]
