"""The commands of the main job, end to end."""

from io import StringIO

import pytest
from django.core.management import call_command

from apps.organisations.models import Customer
from tests.conftest import SAMPLE


def test_daily_detail_of_the_guide_byte_for_byte(
    guide_example: Customer, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    out = StringIO()
    call_command(
        "daily_detail",
        customer="C-100",
        cycle="2024-06-09",
        until="2024-06-13",
        family="agents",
        format="csv",
        stdout=out,
    )
    assert out.getvalue() == (SAMPLE / "guide-example" / "daily-detail.csv").read_text()
