import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from apps.core.row_security import every, own_partner, protect


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_audit_trail"),
        ("organisations", "0002_row_security"),
    ]

    operations = [
        migrations.CreateModel(
            name="ApiKey",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                ("prefix", models.CharField(max_length=12, unique=True)),
                ("secret_sha256", models.CharField(max_length=64)),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[("usage:write", "Send usage"), ("usage:read", "Read usage")],
                            max_length=20,
                        ),
                        size=None,
                    ),
                ),
                (
                    "requests_a_minute",
                    models.PositiveIntegerField(default=3000, verbose_name="requests a minute"),
                ),
                (
                    "records_a_minute",
                    models.PositiveIntegerField(default=3000000, verbose_name="records a minute"),
                ),
                ("created_by", models.CharField(max_length=254)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("expires_at", models.DateTimeField(null=True)),
                ("last_used_at", models.DateTimeField(null=True)),
                ("revoked_at", models.DateTimeField(null=True)),
                ("revoked_by", models.CharField(blank=True, max_length=254)),
                (
                    "partner",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="organisations.partner",
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at", "-pk"),
                "indexes": [models.Index(fields=["partner", "-created_at"], name="accounts_keys_newest")],
            },
        ),
        protect(
            "accounts_apikey",
            provider=every("SELECT, INSERT, UPDATE"),
            partner=own_partner("SELECT, INSERT, UPDATE (revoked_at, revoked_by)"),
            auth=every("SELECT, UPDATE (last_used_at)"),
        ),
    ]
