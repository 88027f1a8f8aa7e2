"""Our template for django-tables2: headings that sort, cells as people read them, pages that keep the address."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import django_tables2
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import translation
from django.utils.html import format_html


class SampleTable(django_tables2.Table):
    name = django_tables2.Column()
    units = django_tables2.Column(attrs={"cell": {"class": "num"}}, initial_sort_descending=True)
    amount = django_tables2.Column(orderable=False)
    since = django_tables2.Column(attrs={"td": {"data-state": lambda value: "old" if value else None}})

    class Meta:
        template_name = "tables/table.html"
        attrs = {"aria-label": "Customers", "row_header": "name", "class": "is-dense"}
        row_attrs = {"class": lambda record: "is-peak" if record["units"] > 5 else None}
        empty_text = "No customer."

    def render_name(self, value: str) -> str:
        return format_html('<a href="/c/">{}</a>', value)


ROWS = [
    {"name": "<b>", "units": 1234, "amount": Decimal("1012.5"), "since": date(2024, 6, 9)},
    {"name": "Aurora", "units": 0, "amount": None, "since": None},
]


def render(rows: list[dict[str, object]], query: str = "", per_page: int = 25) -> str:
    request = RequestFactory().get(f"/customers/{query}")
    table = SampleTable(rows)
    django_tables2.RequestConfig(request, paginate={"per_page": per_page}).configure(table)
    template = Template("{% load django_tables2 %}{% render_table table %}")
    with translation.override("en"):
        return " ".join(template.render(Context({"table": table, "request": request})).split())


def test_the_table_scrolls_in_a_named_region_that_can_be_focused() -> None:
    html = render(ROWS)
    assert '<div class="table-region" role="region" aria-label="Customers" tabindex="0">' in " ".join(
        html.split()
    )
    assert '<table class="table is-dense">' in html


def test_cells_are_escaped_and_written_for_people() -> None:
    html = render(ROWS)
    assert '<th scope="row"><a href="/c/">&lt;b&gt;</a></th>' in html
    assert '<td class="num">1,234</td>' in html
    assert '<td class="num"><span class="zero">0</span></td>' in html
    assert "<td>1,012.5</td>" in html
    assert '<td data-state="old"><time datetime="2024-06-09">9 Jun 2024</time></td>' in html
    assert '<span class="zero">–</span>' in html


def test_rows_carry_their_attributes() -> None:
    html = render(ROWS)
    assert html.count('<tr class="is-peak">') == 1


def test_headings_sort_keep_the_filters_and_go_to_the_first_page() -> None:
    html = render(ROWS, "?q=au&page=1&sort=name")
    assert '<th scope="col" aria-sort="ascending"><a class="sort" href="?q=au&amp;sort=-name">' in html
    assert '<th scope="col" class="num"><a class="sort" href="?q=au&amp;sort=-units">' in html
    assert '<th scope="col">Amount</th>' in html


def test_an_empty_table_says_so() -> None:
    assert '<tr class="is-empty"><td colspan="4">No customer.</td></tr>' in render([])


def test_pages_keep_the_address_and_say_where_one_is() -> None:
    html = render(ROWS, "?q=a&page=2", per_page=1)
    assert "2–2 of 2" in html
    assert '<a href="?q=a" rel="prev">' in html
    assert 'aria-current="page">2</a>' in html
