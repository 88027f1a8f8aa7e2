from django.db import migrations, models

from apps.core.row_security import never_changes


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_row_security")]

    operations = [
        migrations.AddConstraint(
            model_name="auditentry",
            constraint=models.CheckConstraint(
                condition=models.Q(("customer", None), ("partner__isnull", False), _connector="OR"),
                name="accounts_audit_customer_has_partner",
            ),
        ),
        never_changes("accounts_auditentry"),
    ]
