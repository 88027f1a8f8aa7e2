"""What every answer carries, and what no page may hold: the policy is strict, and no page needs it to be weaker."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpResponseBase

POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
}
ADDRESSES = {
    "href",
    "src",
    "action",
    "formaction",
    "data",
    "poster",
    "hx-get",
    "hx-post",
    "xlink:href",
    "content",
}
# Elements that would run or fetch something, or change where links lead.
FORBIDDEN_ELEMENTS = {"style", "iframe", "object", "embed", "base", "applet", "frame"}


class Page(HTMLParser):
    """Collects what a strict policy would refuse, and what must not be sent."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.open_script = False
        self.forms: list[dict[str, Any]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = dict(attributes)
        if tag in FORBIDDEN_ELEMENTS:
            self.faults.append(f"<{tag}>")
        if tag == "script":
            self.open_script = True
            if not named.get("src"):
                self.faults.append("a script without an address")
        if tag == "meta" and (named.get("http-equiv") or "").lower() == "refresh":
            self.faults.append("a refresh")
        if tag == "form":
            self.forms.append({"method": (named.get("method") or "get").lower(), "has_token": False})
        if tag == "input" and named.get("name") == "csrfmiddlewaretoken" and self.forms:
            self.forms[-1]["has_token"] = True
        if tag == "a" and named.get("target") == "_blank":
            self.faults.append("a link to a new window")
        for name, value in attributes:
            if name == "style" or name.startswith(("on", "hx-on", "hx-vals", "hx-vars")):
                self.faults.append(f"{tag} {name}={value}")
            if name in ADDRESSES and value:
                self._address(tag, name, value)

    def _address(self, tag: str, name: str, value: str) -> None:
        parts = urlsplit(value.strip())
        if parts.scheme in ("javascript", "vbscript") or (parts.scheme == "data" and tag != "img"):
            self.faults.append(f"{tag} {name}={value}")
        if (parts.netloc and parts.netloc != "testserver") or value.startswith(("//", "\\")):
            self.faults.append(f"{tag} {name} leads elsewhere: {value}")

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self.open_script = False

    def handle_data(self, data: str) -> None:
        if self.open_script and data.strip():
            self.faults.append(f"a script in the page: {data[:50]}")

    def handle_comment(self, data: str) -> None:
        self.faults.append(f"a comment: {data[:50]}")


def check_headers(answer: HttpResponseBase) -> None:
    """What every answer carries."""
    assert set(answer.headers["Content-Security-Policy"].split("; ")) == POLICY
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert not {"Server", "X-Powered-By", "X-Debug", "Access-Control-Allow-Origin"} & set(answer.headers)


def check_page(answer: HttpResponseBase, where: str) -> Page | None:
    """The headers and, where it is HTML, the page."""
    return check_text(answer, b"".join(answer).decode(), where)


def check_text(answer: HttpResponseBase, text: str, where: str) -> Page | None:
    """As ``check_page``, for an answer whose text was read already."""
    check_headers(answer)
    if not answer.headers.get("Content-Type", "").startswith("text/html"):
        return None
    page = Page(text)
    assert page.faults == [], where
    for form in page.forms:
        assert form["has_token"] == (form["method"] == "post"), where
    return page
