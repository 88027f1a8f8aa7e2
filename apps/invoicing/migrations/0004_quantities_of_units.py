from django.db import migrations, models


class Migration(migrations.Migration):
    """A line of digital channels counts messages, not licences: more than four bytes hold."""

    dependencies = [("invoicing", "0003_adjustments")]

    operations = [migrations.AlterField("invoiceline", "quantity", models.BigIntegerField())]
