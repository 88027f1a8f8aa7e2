from django.db import migrations

from apps.core.row_security import (
    ALL,
    APPEND,
    READ,
    every,
    own_customer,
    own_partner,
    protect,
    same_partner,
    share,
)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_accounts"),
        ("organisations", "0002_row_security"),
        ("sessions", "0001_initial"),
        ("account", "0009_emailaddress_unique_primary_email"),
    ]

    operations = [
        protect(
            "accounts_user",
            provider=every(ALL),
            partner=own_partner(READ),
            customer=own_customer(READ),
            auth=every("SELECT, UPDATE (last_login, password)"),
        ),
        same_partner("accounts_user"),
        protect(
            "accounts_auditentry",
            provider=every(APPEND),
            partner=own_partner(APPEND),
            customer=own_customer(APPEND),
        ),
        same_partner("accounts_auditentry"),
        share("django_session", may={"auth": ALL}),
        share("account_emailaddress", may={"auth": "SELECT, INSERT, UPDATE"}),
        share("account_emailconfirmation", may={"auth": ALL}),
    ]
