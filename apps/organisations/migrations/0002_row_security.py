from django.db import migrations

from apps.core.row_security import READ, every, own_customer, own_partner, protect, share

CHANGE = "SELECT, INSERT, UPDATE"


class Migration(migrations.Migration):
    dependencies = [("organisations", "0001_organisations")]

    operations = [
        migrations.RunSQL(
            "INSERT INTO organisations_provider (id, name, country, address, tax_registration, contact_name,"
            " contact_email, contact_phone) VALUES (1, 'Provider', 'US', '', '', '', '', '')",
            migrations.RunSQL.noop,
        ),
        share("organisations_provider", may={"provider": CHANGE, "partner": READ, "customer": READ}),
        protect(
            "organisations_partner",
            provider=every(CHANGE),
            partner=own_partner(READ, "id"),
            customer=own_partner(READ, "id"),
        ),
        protect(
            "organisations_customer",
            provider=every(CHANGE),
            partner=own_partner(READ),
            customer=own_customer(READ, "id"),
        ),
    ]
