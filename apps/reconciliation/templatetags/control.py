"""Who sees control totals: ``{% load control %}{% sees_control as is_seen %}``."""

from django import template

from apps.core.tenancy import Role, current_scope

register = template.Library()


@register.simple_tag
def sees_control() -> bool:
    """Whether pages of a customer lead to control totals: for everybody but its own users."""
    return current_scope().role in (Role.PROVIDER, Role.PARTNER)
