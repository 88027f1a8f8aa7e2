"""What of digital channels a customer has: ``{% load digital %}{% has_digital customer as is_digital %}``."""

from django import template

from apps.organisations.models import Customer
from apps.reconciliation.digital import has_digital_channels

register = template.Library()


@register.simple_tag
def has_digital(customer: Customer) -> bool:
    """Whether the customer's pages have one of digital channels."""
    return has_digital_channels(customer)
