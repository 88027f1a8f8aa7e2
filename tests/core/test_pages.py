"""What every page promises: one heading, nothing that the Content-Security-Policy forbids, errors that stand alone."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import AnonymousUser
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import translation

from apps.core.styleguide import styleguide

FORBIDDEN_INLINE = re.compile(r"<style|\sstyle=|\son[a-z]+=|javascript:|<script(?![^>]*\ssrc=)")


def styleguide_page(query: str = "") -> str:
    request = RequestFactory().get(f"/styleguide/{query}")
    request.user = AnonymousUser()
    with translation.override("en"):
        return styleguide(request).content.decode()


def test_the_style_guide_shows_components_without_anything_inline() -> None:
    page = styleguide_page()
    assert not FORBIDDEN_INLINE.search(page)
    assert page.count("<h1") == 1
    assert page.count("<main") == 1
    assert 'class="skip-link" href="#content"' in page


def test_the_style_guide_sorts_and_pages_its_table() -> None:
    first = styleguide_page("?sort=name")
    assert first.index("Aurora Energi") < first.index("Bergslagens")
    assert "Kvarnen Retail" not in first
    assert "Kvarnen Retail" in styleguide_page("?sort=name&page=2")


@pytest.mark.parametrize("code", ["400", "403", "403_csrf", "404", "500"])
def test_error_pages_need_neither_a_request_nor_the_database(code: str) -> None:
    page = render_to_string(f"{code}.html")
    assert page.count("<h1") == 1
    assert not FORBIDDEN_INLINE.search(page)


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["account_login", "account_reset_password", "account_signup"])
def test_pages_before_sign_in_are_our_own_and_have_nothing_inline(client: Client, name: str) -> None:
    page = client.get(reverse(name)).content.decode()
    assert 'class="plain-body"' in page
    assert page.count("<h1") == 1
    assert not FORBIDDEN_INLINE.search(page)
