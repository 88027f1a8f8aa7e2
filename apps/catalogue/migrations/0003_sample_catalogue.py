from django.db import migrations

# code, name, kind, usage type, licence model, name in the Daily Detail, unit there, unit on invoices
COMMITTED = [
    ("A-FLEX-WCC-P-N", "Premium Named Agent", "premium-named", "named", "Licenses", "Agent"),
    ("A-FLEX-WCC-S-N", "Standard Named Agent", "standard-named", "named", "Licenses", "Agent"),
    ("A-FLEX-WCC-P-C", "Premium Concurrent Agent", "premium-concurrent", "concurrent", "Licenses", "Agent"),
    ("A-FLEX-WCC-S-C", "Standard Concurrent Agent", "standard-concurrent", "concurrent", "Licenses", "Agent"),
    ("A-FLEX-WCC-WFO", "Workforce Optimization Agent", "workforce-optimization", "", "Licenses", "Agent"),
    ("A-FLEX-WCC-IVR", "IVR Port", "ivr-port", "", "Ports", "Port"),
]
RECURRING = [
    ("A-WXCN-PRM-CON-ENT", "Webex Connect Premium Enterprise"),
    ("SVS-WX-SUPT-BAS", "Basic Support for Collaboration"),
]
DIGITAL = [
    ("A-CHAN-U-SMS-INTL", "SMS International Usage"),
    ("A-CHAN-U-SMS-SC-UK", "SMS Short Code UK Usage"),
    ("A-INTL-NUM-PROV", "International Number Provisioning"),
    ("A-VOICE-U-INTL", "Voice International Usage"),
    ("A-WXCN-PRM-AUTOINT", "Premium Automated Interactions"),
]
OFFERS = [
    ("A-FLEX-3-CC", "Flex 3.0 for Contact Center", "contact-centre"),
    ("A-WEBEX-CONNECT", "Webex Connect", "digital"),
]


def fill(apps, schema_editor):
    database = schema_editor.connection.alias
    Sku = apps.get_model("catalogue", "Sku")
    Offer = apps.get_model("catalogue", "Offer")
    for code, name, usage_type, licence_model, detail_unit, unit in COMMITTED:
        for suffix, kind, title in (("", "committed", name), ("-O", "overage", f"{name} Overage")):
            Sku.objects.using(database).create(
                code=code + suffix,
                name=f"Webex Contact Center {title}",
                kind=kind,
                usage_type=usage_type,
                licence_model=licence_model,
                detail_name=name,
                detail_unit=detail_unit,
                unit=unit,
            )
    for code, name in RECURRING:
        Sku.objects.using(database).create(code=code, name=name, kind="recurring")
    for code, name in DIGITAL:
        Sku.objects.using(database).create(code=code, name=name, kind="digital-usage", usage_type="digital")
    for code, name, service in OFFERS:
        Offer.objects.using(database).create(code=code, name=name, service=service)


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0002_row_security")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
