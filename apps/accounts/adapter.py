"""How django-allauth is used: people are invited; nobody signs up."""

from urllib.parse import quote

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from apps.accounts.models import User


class InvitedOnlyAdapter(DefaultAccountAdapter):
    """Users come from an invitation or the command line."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def set_password(self, user: User, password: str) -> None:
        """The password alone: who signs in may change nothing else of a user."""
        user.set_password(password)
        user.save(update_fields=["password"])

    def get_reset_password_from_key_url(self, key: str) -> str:
        """The link of the mail, to where people reach the portal, whatever host the request names."""
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        path = path.replace("UID-KEY", quote(key))
        return f"{settings.PORTAL_URL}{path}"

    def format_email_subject(self, subject: str) -> str:
        """As the template says, without the name of a host before it."""
        return str(subject)
