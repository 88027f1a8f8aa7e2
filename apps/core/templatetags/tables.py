"""Rows of django-tables2 tables, and the links below them: ``{% load tables %}``.

The cells are joined here rather than in a template: the library's own template spends most of its time on attributes
that are the same in every row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import django_tables2
from django import template
from django.core.paginator import Page
from django.http import HttpRequest
from django.template import Context
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from apps.core import formatting
from apps.core.templatetags.formats import day, figure, moment
from apps.core.templatetags.icons import icon

register = template.Library()


@register.simple_tag
def table_label(table: django_tables2.Table) -> str:
    """The name of the table's region: ``Meta.attrs["aria-label"]``."""
    return str(table.attrs.get("aria-label") or _("Table"))


@register.simple_tag(takes_context=True)
def table_headings(context: Context, table: django_tables2.Table) -> SafeString:
    """The heading cells; those that sort are links which keep the rest of the address and start at the first page."""
    request: HttpRequest = context["request"]
    return format_html_join("", "{}", ((_heading(request, table, column),) for column in table.columns))


def _heading(request: HttpRequest, table: django_tables2.Table, column: Any) -> SafeString:
    attributes = _attributes(_static_attributes(column, "th"))
    if not column.orderable:
        return format_html('<th scope="col"{}>{}</th>', attributes, column.header)
    order = column.order_by_alias
    sorting, drawn = SafeString(""), "chevron-up-down"
    if column.is_ordered:
        sorting = SafeString(' aria-sort="descending"' if order.is_descending else ' aria-sort="ascending"')
        drawn = "chevron-down" if order.is_descending else "chevron-up"
    address = _address(request, {table.prefixed_order_by_field: order.next, table.prefixed_page_field: None})
    return format_html(
        '<th scope="col"{}{}><a class="sort" href="{}">{}{}</a></th>',
        attributes,
        sorting,
        address,
        column.header,
        icon(drawn, 16),
    )


@register.simple_tag
def table_rows(table: django_tables2.Table) -> SafeString:
    """The body's rows, or one that says there are none (``Meta.empty_text``)."""
    rows = [_row(table, row, plan) for plan in [_Plan(table)] for row in table.paginated_rows]
    if not rows:
        return format_html(
            '<tr class="is-empty"><td colspan="{}">{}</td></tr>',
            len(table.columns),
            table.empty_text or _("Nothing here."),
        )
    return mark_safe("".join(rows))  # noqa: S308 - each cell is escaped below


class _Plan:
    """What is the same for every row: the element of each column's cells, and the attributes that are no functions."""

    def __init__(self, table: django_tables2.Table) -> None:
        row_header = table.attrs.get("row_header")
        self.columns = list(table.columns)
        self.starts: list[str | None] = []
        self.ends: list[str] = []
        for column in self.columns:
            attributes = _static_attributes(column, "td")
            is_header = column.name == row_header
            tag = 'th scope="row"' if is_header else "td"
            varies = any(callable(value) for value in attributes.values())
            self.starts.append(None if varies else f"<{tag}{_attributes(attributes)}>")
            self.ends.append("</th>" if is_header else "</td>")


def _row(table: django_tables2.Table, row: Any, plan: _Plan) -> str:
    cells = []
    for column, start, end in zip(plan.columns, plan.starts, plan.ends, strict=True):
        cell = row.get_cell(column.name)
        if start is None:
            computed = _computed(_static_attributes(column, "td"), record=row.record, table=table, value=cell)
            start = f"<td{_attributes(computed)}>"
        text = figure(None) if cell == table.default else shown(cell)
        cells.append(f"{start}{text}{end}")
    attributes = _attributes(_computed(table.row_attrs, record=row.record, table=table))
    return f"<tr{attributes}>{''.join(cells)}</tr>"


@register.simple_tag
def table_footer(table: django_tables2.Table) -> SafeString:
    """The footer's cells."""
    return format_html_join(
        "",
        "<td{}>{}</td>",
        (
            (_attributes(_static_attributes(column, "td", computed=False)), shown(column.footer))
            for column in table.columns
        ),
    )


def shown(cell: object) -> str:
    """A cell as people read it: numbers grouped, zeros quiet, days in words, nothing as a dash; escaped."""
    if isinstance(cell, SafeString):
        return cell
    if cell is None:
        return figure(None)
    if isinstance(cell, int | Decimal) and not isinstance(cell, bool):
        return figure(cell)
    if isinstance(cell, datetime):
        return moment(cell)
    if isinstance(cell, date):
        return day(cell)
    return conditional_escape(cell if isinstance(cell, str) else str(cell))


def _static_attributes(column: Any, cell: str, *, computed: bool = True) -> Mapping[str, Any]:
    attributes = column.column.attrs
    chosen: Mapping[str, Any] = attributes.get(cell, attributes.get("cell", {}))
    return chosen if computed else {name: value for name, value in chosen.items() if not callable(value)}


def _computed(attributes: Mapping[str, Any] | None, **known: Any) -> dict[str, Any]:
    """Attributes whose values may be functions of ``record``, ``table`` and ``value``."""
    computed = django_tables2.utils.computed_values(attributes or {}, kwargs=known)
    return dict(computed)


def _attributes(attributes: Mapping[str, Any]) -> SafeString:
    return format_html_join(
        "",
        ' {}="{}"',
        (
            (name, value)
            for name, value in attributes.items()
            if value not in (None, "") and not callable(value)
        ),
    )


def _address(request: HttpRequest, changes: Mapping[str, object | None]) -> str:
    parameters = request.GET.copy()
    for name, value in changes.items():
        if value is None:
            parameters.pop(name, None)
        else:
            parameters[name] = str(value)
    return f"?{parameters.urlencode()}" if parameters else request.path


@register.simple_tag
def page_link(request: HttpRequest, number: int, name: str = "page") -> str:
    """The address of another page of a list, all else kept."""
    return _address(request, {name or "page": number if number > 1 else None})


@register.filter
def page_numbers(page: Page[Any]) -> Iterator[int | None]:
    """The pages worth a link; None where some are left out."""
    paginator = page.paginator
    for number in paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1):
        yield number if isinstance(number, int) else None


@register.simple_tag
def page_summary(page: Page[Any]) -> str:
    """Which rows of how many: ``1–50 of 203``."""
    return _("%(first)s–%(last)s of %(count)s") % {
        "first": formatting.number(page.start_index()),
        "last": formatting.number(page.end_index()),
        "count": formatting.number(page.paginator.count),
    }
