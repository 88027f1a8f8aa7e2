from django.db import migrations

from apps.core.row_security import ALL, READ, every, own_customer, own_partner, protect, same_partner, share

RESULTS = ["cycleresult", "dayfigure", "billedquantity", "dayprofile"]


class Migration(migrations.Migration):
    dependencies = [("reconciliation", "0001_reconciliation"), ("organisations", "0002_row_security")]

    operations = [
        operation
        for name in RESULTS
        for table in (f"reconciliation_{name}",)
        for operation in (
            protect(table, provider=every(ALL), partner=own_partner(READ), customer=own_customer(READ)),
            same_partner(table),
        )
    ] + [
        share("reconciliation_run", may={"provider": ALL}),
        share("reconciliation_runitem", may={"provider": ALL}),
    ]
