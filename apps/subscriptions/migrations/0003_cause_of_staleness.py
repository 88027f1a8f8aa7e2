from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0002_row_security")]

    operations = [
        migrations.AddField(
            model_name="stalespan",
            name="cause",
            field=models.PositiveSmallIntegerField(
                choices=[(1, "Added"), (2, "Replaced"), (3, "Terms")], default=2
            ),
        ),
    ]
