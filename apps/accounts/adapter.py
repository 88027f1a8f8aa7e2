"""How django-allauth is used: people are invited; nobody signs up."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class InvitedOnlyAdapter(DefaultAccountAdapter):
    """Users come from an invitation or the command line."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never."""
        return False
