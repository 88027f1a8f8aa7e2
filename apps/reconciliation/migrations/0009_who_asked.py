"""Who asked last for a comparison, apart from who had asked for the one that is kept."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("reconciliation", "0008_waiting_papers")]

    operations = [
        migrations.RenameField("controlpaper", "compared_by", "asked_by"),
        migrations.AddField(
            "controlpaper", "compared_by", models.CharField(blank=True, default="", max_length=254)
        ),
        # Of a paper asked for in vain since, nobody knows any more who had asked before.
        migrations.RunSQL(
            "UPDATE reconciliation_controlpaper SET compared_by = asked_by WHERE compared_at IS NOT NULL",
            migrations.RunSQL.noop,
        ),
    ]
