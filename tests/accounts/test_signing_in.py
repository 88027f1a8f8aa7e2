"""Signing in and out, and the password, with the few rights that somebody has who is not signed in yet."""

from __future__ import annotations

import re
from io import StringIO

import pytest
from django.contrib.auth import SESSION_KEY
from django.core import mail
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings

from apps.accounts.models import User
from apps.core.tenancy import PROVIDER, scope
from tests.conftest import PASSWORD
from tests.factories.pages import Browser

pytestmark = pytest.mark.django_db

NEW = "an entirely new sentence"
CHANGED = {"password1": NEW, "password2": NEW}


def sign_in(client: Client, email: str, password: str = PASSWORD) -> bool:
    client.post("/accounts/login/", {"login": email, "password": password})
    return SESSION_KEY in client.session


def link_in_the_mail() -> str:
    found = re.search(r"http://\S+/accounts/password/reset/key/\S+", str(mail.outbox[-1].body))
    assert found is not None
    return found[0]


def follow(client: Client, link: str) -> str:
    """Open a link of a mail; the address of the form that it leads to."""
    response = client.get(link.removeprefix("http://127.0.0.1:8000"))
    assert response.status_code == 302
    return response["Location"]


def test_each_role_signs_in(client: Client, alice: User, bob: User, charlie: User, dana: User) -> None:
    for user in (alice, bob, charlie, dana):
        assert sign_in(client, user.email)
        assert client.get("/", follow=True).status_code == 200
        client.post("/accounts/logout/")


def test_the_case_of_an_address_does_not_matter(client: Client, bob: User) -> None:
    assert sign_in(client, bob.email.upper())


def test_signing_in_notes_when(client: Client, bob: User) -> None:
    sign_in(client, bob.email)
    with scope(PROVIDER):
        bob.refresh_from_db()
    assert bob.last_login is not None


def test_a_wrong_password_and_an_unknown_address_read_the_same(client: Client, bob: User) -> None:
    answers = [
        client.post("/accounts/login/", {"login": address, "password": "wrong"})
        for address in (bob.email, "nobody@example.com")
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    errors = [answer.context["form"].errors.as_json() for answer in answers]
    assert errors[0] == errors[1] != "{}"
    assert SESSION_KEY not in client.session


def test_somebody_switched_off_does_not_get_in(client: Client, bob: User) -> None:
    with scope(PROVIDER):
        User.objects.filter(pk=bob.pk).update(is_active=False)
    assert not sign_in(client, bob.email)


def test_signing_out_asks_first_and_ends_the_session(client_of: Browser, bob: User) -> None:
    client = client_of(bob)
    assert client.get("/accounts/logout/").status_code == 200
    assert SESSION_KEY in client.session
    assert client.post("/accounts/logout/").status_code == 302
    assert SESSION_KEY not in client.session
    assert client.get("/invoices/").status_code == 302


def test_a_page_asks_to_sign_in_and_comes_back(client: Client, bob: User) -> None:
    response = client.get("/invoices/?status=open")
    assert response["Location"] == "/accounts/login/?next=/invoices/%3Fstatus%3Dopen"
    answer = client.post(response["Location"], {"login": bob.email, "password": PASSWORD})
    assert answer["Location"] == "/invoices/?status=open"


def test_nobody_is_sent_elsewhere_after_signing_in(client: Client, bob: User) -> None:
    answer = client.post(
        "/accounts/login/?next=https://evil.example/", {"login": bob.email, "password": PASSWORD}
    )
    assert "evil" not in answer["Location"]


def test_a_password_is_reset_by_the_link_of_a_mail(client: Client, bob: User) -> None:
    assert client.post("/accounts/password/reset/", {"email": bob.email}).status_code == 302
    assert mail.outbox[0].to == [bob.email]
    assert mail.outbox[0].subject == "Choose a new password"
    form = follow(client, link_in_the_mail())
    assert client.get(form).status_code == 200
    assert client.post(form, CHANGED).status_code == 302
    assert not sign_in(client, bob.email)
    assert sign_in(client, bob.email, NEW)


def test_a_reset_changes_the_password_and_nothing_else(client: Client, bob: User) -> None:
    client.post("/accounts/password/reset/", {"email": bob.email})
    form = follow(client, link_in_the_mail())
    with scope(PROVIDER):
        User.objects.filter(pk=bob.pk).update(full_name="Changed meanwhile")
    client.post(form, CHANGED)
    with scope(PROVIDER):
        bob.refresh_from_db()
    assert bob.full_name == "Changed meanwhile"
    assert bob.check_password(NEW)


def test_a_link_works_once(client: Client, bob: User) -> None:
    client.post("/accounts/password/reset/", {"email": bob.email})
    link = link_in_the_mail()
    client.post(follow(client, link), CHANGED)
    again = Client().get(link.removeprefix("http://127.0.0.1:8000"))
    assert again.status_code == 200
    assert again.context["token_fail"]


def test_the_link_leads_to_the_portal_whatever_host_is_asked(
    client: Client, bob: User, settings: Settings
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    client.post("/accounts/password/reset/", {"email": bob.email}, headers={"host": "evil.example"})
    assert link_in_the_mail().startswith(settings.PORTAL_URL)


def test_a_reset_does_not_tell_who_has_an_account(client: Client, bob: User) -> None:
    answers = [
        client.post("/accounts/password/reset/", {"email": address})
        for address in (bob.email, "nobody@example.com")
    ]
    assert {(answer.status_code, answer["Location"]) for answer in answers} == {
        (302, "/accounts/password/reset/done/")
    }
    assert "/password/reset/key/" not in str(mail.outbox[-1].body)
    assert client.get("/accounts/password/reset/done/").status_code == 200


def test_a_weak_password_is_refused(client: Client, bob: User) -> None:
    client.post("/accounts/password/reset/", {"email": bob.email})
    form = follow(client, link_in_the_mail())
    answer = client.post(form, {"password1": "short", "password2": "short"})
    assert answer.status_code == 200
    assert answer.context["form"].errors


def test_a_password_is_changed_by_who_knows_it(client_of: Browser, alice: User) -> None:
    client = client_of(alice)
    assert client.get("/accounts/password/change/").status_code == 200
    wrong = client.post("/accounts/password/change/", {"oldpassword": "wrong", **CHANGED})
    assert wrong.context["form"].errors
    assert client.post("/accounts/password/change/", {"oldpassword": PASSWORD, **CHANGED}).status_code == 302
    assert SESSION_KEY in client.session
    assert client.get("/", follow=True).status_code == 200
    assert sign_in(Client(), alice.email, NEW)


def test_a_new_password_ends_other_sessions(client_of: Browser, alice: User) -> None:
    elsewhere = client_of(alice)
    client_of(alice).post("/accounts/password/change/", {"oldpassword": PASSWORD, **CHANGED})
    assert elsewhere.get("/invoices/").status_code == 302


def test_nobody_signs_up(client: Client) -> None:
    before = count_users()
    answers = [
        client.get("/accounts/signup/"),
        client.post(
            "/accounts/signup/", {"email": "mallory@example.com", "password1": NEW, "password2": NEW}
        ),
    ]
    assert all("account/signup_closed.html" in {part.name for part in answer.templates} for answer in answers)
    assert count_users() == before
    assert mail.outbox == []


def count_users() -> int:
    with scope(PROVIDER):
        return User.objects.count()


@pytest.mark.parametrize(
    "path",
    [
        "email/",
        "confirm-email/",
        "confirm-email/abc/",
        "login/code/",
        "login/code/confirm/",
        "phone/change/",
        "",
    ],
)
def test_what_is_not_offered_is_not_there(client_of: Browser, bob: User, path: str) -> None:
    client = client_of(bob)
    assert client.get(f"/accounts/{path}").status_code == 404
    assert (
        client.post(f"/accounts/{path}", {"action_add": "", "email": "more@example.com"}).status_code == 404
    )


def test_the_link_of_create_provider_admin_sets_the_password(client: Client) -> None:
    out = StringIO()
    call_command("create_provider_admin", email="First@Example.com", stdout=out)
    form = follow(client, out.getvalue().strip())
    assert client.post(form, CHANGED).status_code == 302
    assert sign_in(client, "first@example.com", NEW)
    assert client.get("/customers/").status_code == 200
