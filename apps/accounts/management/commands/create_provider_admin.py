"""``create_provider_admin``: the first user of an installation."""

from typing import Any

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.core.management.base import CommandParser
from django.urls import reverse

from apps.accounts.services import create_provider_admin
from apps.core.commands import PortalCommand
from apps.core.tenancy import NOBODY, scope


class Command(PortalCommand):
    """Makes a provider administrator and prints the link with which the password is set."""

    help = "Creates the first user and prints a link to set the password."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--email", required=True)
        parser.add_argument("--name", default="")

    def work(self, *, email: str, name: str, format: str, **options: Any) -> None:
        user = create_provider_admin(email=email, full_name=name)
        with scope(NOBODY):  # as the link will be checked: by somebody who is not signed in
            key = default_token_generator.make_token(user)
        path = reverse(
            "account_reset_password_from_key", kwargs={"uidb36": user_pk_to_url_str(user), "key": key}
        )
        link = f"{settings.PORTAL_URL}{path}"
        if format == "json":
            self.print_json({"email": user.email, "link": link})
        else:
            self.stdout.write(link)
