from django.db import migrations

from apps.core.row_security import (
    APPEND,
    READ,
    every,
    never_changes,
    own_customer,
    own_partner,
    protect,
    same_partner,
)

CHANGE = "SELECT, INSERT, UPDATE"


class Migration(migrations.Migration):
    dependencies = [("invoicing", "0001_invoicing"), ("organisations", "0002_row_security")]

    operations = [
        protect("invoicing_numberseries", provider=every(CHANGE)),
        *[
            operation
            for table, provider in {
                "invoicing_invoice": APPEND,
                "invoicing_invoiceline": APPEND,
                "invoicing_invoicepdf": CHANGE,
            }.items()
            for operation in (
                protect(
                    table, provider=every(provider), partner=own_partner(READ), customer=own_customer(READ)
                ),
                same_partner(table),
            )
        ],
        same_partner("invoicing_invoice", column="about_id"),
        never_changes("invoicing_invoice"),
        never_changes("invoicing_invoiceline"),
    ]
