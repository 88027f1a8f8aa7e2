import django.db.models.deletion
from django.db import migrations, models

SERVICES = [("contact-centre", "contact-centre"), ("digital", "digital")]


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0001_catalogue"), ("invoicing", "0002_row_security")]

    operations = [
        migrations.AlterField(
            "invoice", "service", models.CharField(blank=True, choices=SERVICES, max_length=20)
        ),
        migrations.AddField(
            "invoice",
            "price_book",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="catalogue.pricebook",
            ),
        ),
        migrations.RemoveConstraint("invoice", "invoicing_one_a_cycle"),
        migrations.AddConstraint(
            "invoice",
            models.UniqueConstraint(
                fields=("about", "seller", "service", "period_from"),
                condition=~models.Q(service=""),
                name="invoicing_one_a_cycle",
            ),
        ),
        migrations.AddField("invoiceline", "whole_days", models.PositiveSmallIntegerField(null=True)),
        migrations.AddField(
            "invoiceline",
            "corrects",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="corrections",
                to="invoicing.invoice",
            ),
        ),
    ]
