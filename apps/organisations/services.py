"""Changing what is known of an organisation."""

from apps.organisations.models import Organisation


def describe_organisation(*, organisation: Organisation, **details: str) -> None:
    """Set its name, address, contact or tax registration; papers issued before keep what they said."""
    changed = [name for name, value in details.items() if getattr(organisation, name) != value]
    for name in changed:
        setattr(organisation, name, details[name])
    organisation.full_clean()
    if changed:
        organisation.save(update_fields=changed)
