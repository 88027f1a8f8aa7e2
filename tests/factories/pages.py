"""Pages as their readers see them."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

from django.test import Client

from apps.accounts.models import User

Browser = Callable[[User], Client]


def get(client: Client, address: str) -> str:
    """The page at an address, which is there."""
    response = client.get(address)
    assert response.status_code == 200, address
    return response.content.decode()


def text_of(html: str) -> str:
    """The words of a page, with single spaces."""
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)))


def rows_of(html: str) -> list[str]:
    """The words of each row of the last table of a page."""
    body = html[html.rindex("<tbody>") : html.rindex("</tbody>")]
    return [text_of(row.split(">", 1)[1]).strip() for row in body.split("<tr")[1:]]
