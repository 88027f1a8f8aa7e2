"""Pages of long lists by position: each begins after the last row of the one before, and is found by an index.

DRF's own cursors are not used: they go by the first column alone and count rows where it is the same, at most 1,000,
and take from an address any position, also one that the database cannot read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, TypeVar

from django.core import signing
from django.db.models import F, Model, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

PAGE_SIZE, LARGEST_PAGE = 100, 500

AModel = TypeVar("AModel", bound=Model)
Row = TypeVar("Row")
Position = tuple[Any, ...]


class Keyset:
    """``?cursor=&page_size=`` of a list whose order is unique and never changes.

    ``order`` names its columns and how each is read from text (``{"-id": int}``); all go up, or all go down. What
    comes in between two pages moves no row from one to the other.

    Raises:
        ValidationError: the cursor is none of this list, or the size is no number above 0.
    """

    def __init__(self, request: Request, order: Mapping[str, Callable[[str], Any]]) -> None:
        self._request = request
        self._readers = [*order.values()]
        self.columns = [name.removeprefix("-") for name in order]
        self._goes_down = all(name.startswith("-") for name in order)
        assert self._goes_down or not any(name.startswith("-") for name in order)
        self._salt = "keyset:" + ",".join(order)
        self.size = _read_size(request)
        self.after = self._read_cursor()
        self._next: str | None = None

    def take(self, rows: QuerySet[AModel]) -> list[AModel]:
        """The rows of the page, in order."""
        lookup = TupleLessThan if self._goes_down else TupleGreaterThan
        if self.after is not None:
            # Said of the first column alone too: behind row-level security no index is used for a comparison of rows.
            first = f"{self.columns[0]}__{'lte' if self._goes_down else 'gte'}"
            here = Tuple(*map(F, self.columns))
            rows = rows.filter(lookup(here, self.after), **{first: self.after[0]})
        sign = "-" if self._goes_down else ""
        found = list(rows.order_by(*(f"{sign}{name}" for name in self.columns))[: self.size + 1])
        return self.cut(found, lambda row: tuple(getattr(row, name) for name in self.columns))

    def pick(self, rows: Iterable[Row], position: Callable[[Row], Position]) -> list[Row]:
        """Of all rows of a short list that goes up, in any order, those of the page."""
        following = [row for row in rows if self.after is None or position(row) > self.after]
        return self.cut(sorted(following, key=position), position)

    def cut(self, found: Sequence[Row], position: Callable[[Row], Position]) -> list[Row]:
        """Of rows, one more than the page has at most, those of the page; ``position`` tells where each stands."""
        page = [*found[: self.size]]
        if len(found) > self.size:
            self._next = signing.dumps([_as_text(each) for each in position(page[-1])], salt=self._salt)
        return page

    def response(self, results: Sequence[Mapping[str, Any]]) -> Response:
        """The page with the address of the next one."""
        address = None
        if self._next is not None:
            address = replace_query_param(self._request.build_absolute_uri(), "cursor", self._next)
        return Response({"next": address, "results": results})

    def _read_cursor(self) -> Position | None:
        text = self._request.query_params.get("cursor")
        if not text:
            return None
        try:
            values = signing.loads(text, salt=self._salt)
            return tuple(read(value) for read, value in zip(self._readers, values, strict=True))
        except (signing.BadSignature, ValueError, TypeError):
            raise ValidationError({"cursor": [_("This is no page of this list.")]}) from None


def _read_size(request: Request) -> int:
    text = request.query_params.get("page_size")
    if not text:
        return PAGE_SIZE
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text)):
        raise ValidationError({"page_size": [_("Write a whole number above 0.")]})
    return min(int(text), LARGEST_PAGE)


def _as_text(value: Any) -> str:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)
