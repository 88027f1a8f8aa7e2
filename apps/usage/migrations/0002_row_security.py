from django.db import migrations

from apps.core.row_security import ALL, APPEND, READ, every, own_customer, own_partner, protect, same_partner

CHANGE = "SELECT, INSERT, UPDATE"
ADD_AND_COMPLETE = "SELECT, INSERT, UPDATE (ended_at)"


class Migration(migrations.Migration):
    dependencies = [("usage", "0001_usage"), ("organisations", "0002_row_security")]

    operations = [
        protect(
            "usage_source", provider=every(APPEND), partner=own_partner(APPEND), customer=own_partner(READ)
        ),
        protect(
            "usage_interval",
            provider=every(ADD_AND_COMPLETE),
            partner=own_partner(ADD_AND_COMPLETE),
            customer=own_customer(READ),
        ),
        protect("usage_delivery", provider=every(CHANGE), partner=own_partner(CHANGE)),
        protect("usage_rowkeptaside", provider=every(ALL), partner=own_partner(APPEND)),
        protect("usage_conflict", provider=every(ALL), partner=own_partner(APPEND)),
        same_partner("usage_conflict"),
    ]
