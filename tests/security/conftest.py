"""One world for all tests of a folder: built once, never committed; each test undoes what it changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client, override_settings
from django.utils import translation
from pytest_django import DjangoDbBlocker

from apps.accounts.models import User
from tests.security.world import World, build


@pytest.fixture(scope="package")
def built_world(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """Built in a transaction that stays open as long as the tests of the folder run."""
    folder = tmp_path_factory.mktemp("world")
    with override_settings(MEDIA_ROOT=folder / "files"), django_db_blocker.unblock(), transaction.atomic():
        yield build(folder)
        transaction.set_rollback(True)


@pytest.fixture
def world(built_world: World, db: None) -> World:
    """Two partners, their customers and people; what a test changes is undone after it."""
    return built_world


@pytest.fixture(autouse=True)
def _no_language_stays() -> Iterator[None]:
    """A request in French leaves its language to whatever the process does next."""
    yield
    translation.deactivate()


@pytest.fixture
def browser_of(world: World) -> Callable[..., Client]:
    """A browser in which somebody is signed in, by first name; ``""`` is nobody."""

    def signed_in(name: str, **options: Any) -> Client:
        client = Client(**options)
        if name:
            user = User.objects.get(pk=world.people[name].pk)
            client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return signed_in
