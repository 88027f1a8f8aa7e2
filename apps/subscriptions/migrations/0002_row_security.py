from django.db import migrations

from apps.core.row_security import (
    ALL,
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
TABLES = {
    "subscriptions_subscription": (CHANGE, READ),
    "subscriptions_subscriptionline": (CHANGE, READ),
    "subscriptions_closedcycle": (APPEND, READ),
    "subscriptions_stalespan": (ALL, APPEND),
    "subscriptions_surgechange": (APPEND, READ),
}


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0001_subscriptions"), ("organisations", "0002_row_security")]

    operations = [
        operation
        for table, (provider, partner) in TABLES.items()
        for operation in (
            protect(
                table, provider=every(provider), partner=own_partner(partner), customer=own_customer(READ)
            ),
            same_partner(table),
        )
    ] + [never_changes("subscriptions_closedcycle"), never_changes("subscriptions_surgechange")]
