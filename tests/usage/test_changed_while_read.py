"""What is changed, taken away or never ends while a file is read: nobody comes back for ever, and the end is told."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from django.utils import timezone

from apps.accounts.models import User
from apps.core.tenancy import PROVIDER, scope
from apps.organisations.models import Customer
from apps.usage import tasks
from apps.usage.models import (
    Channel,
    CustomerAlias,
    Delivery,
    DeliveryState,
    FormatDescription,
    Interval,
    RowKeptAside,
    Source,
)
from apps.usage.services import (
    UsageImported,
    deliveries,
    import_usage,
    importing,
    opening,
    receive_file,
)
from apps.usage.services.formats import delete_format, save_format
from apps.usage.services.kept_files import read_again, stored_file
from apps.usage.services.licences import import_licences
from apps.usage.services.sources import set_time_zone

ROWS_AT_ONCE = 10
DESCRIPTION = """\
name = "our-sessions"
title = "Ours"
kind = "agent-sessions"
recognise = ["Session", "Agent", "Login", "Team"]
licence_list = true

[columns]
record_id = "Session"
agent_id = "Agent"
customer = "Team"
started_at = "Login"
ended_at = "Logout"
"""
BLUE_ALONE = DESCRIPTION + '\n[keep]\nColour = ["blue"]\n'


@pytest.fixture(autouse=True)
def in_small_parts(folders: Path, rung: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker reads ten rows and gives up its place."""
    monkeypatch.setattr(opening, "ROWS_AT_ONCE", ROWS_AT_ONCE)
    monkeypatch.setattr(tasks, "SECONDS_A_PART", 0.0)


def lines(count: int, *, team: str = "C-100", zone: str = "Z") -> str:
    """Every third session is red, the others are blue."""
    rows = (
        f"row{number:03},anna,{team},2024-07-{1 + number % 28:02}T08:00:00{zone},"
        f"2024-07-{1 + number % 28:02}T09:00:00{zone},{'blue' if number % 3 else 'red'}\n"
        for number in range(count)
    )
    return "Session,Agent,Team,Login,Logout,Colour\n" + "".join(rows)


@pytest.fixture
def licences(bob: User) -> None:
    """Anna is Standard since ever."""
    with scope(bob.scope):
        import_licences(text="agent_id,licence,from,customer\nanna,standard,2024-01-01,C-100\n", by=bob)


def sent(by: User, content: str, folder: Path) -> int:
    """Received as an upload of bob's; the number of the delivery."""
    path = folder / "sessions.csv"
    path.write_text(content)
    return receive_file(
        path=path,
        name="sessions.csv",
        kind="",
        sender=by.scope,
        by=by.email,
        channel=Channel.UPLOAD,
        source="acd",
    ).pk


def described(by: User, text: str) -> FormatDescription:
    with scope(by.scope):
        return save_format(text=text, by=by, replaces=FormatDescription.objects.first())


def stored(delivery_id: int) -> Delivery:
    with scope(PROVIDER):
        return Delivery.objects.get(pk=delivery_id)


def read_on(delivery_id: int) -> Delivery:
    """Workers, one after the other, until none has to come again."""
    for _worker in range(20):
        tasks.read_delivery(delivery_id)
        delivery = stored(delivery_id)
        if delivery.state in (DeliveryState.DONE, DeliveryState.FAILED):
            return delivery
    raise AssertionError("it is never over")


def outcomes(delivery: Delivery) -> tuple[int, int, int, int, int]:
    """Rows, and how many of them were accepted, duplicates, conflicts and rejected."""
    return delivery.rows, delivery.accepted, delivery.duplicate, delivery.conflict, delivery.rejected


def sessions() -> set[str]:
    with scope(PROVIDER):
        return set(Interval.objects.filter(record_id__startswith="row").values_list("record_id", flat=True))


def test_a_file_whose_description_is_changed_in_the_middle_is_read_from_its_beginning(
    bob: User, licences: None, tmp_path: Path
) -> None:
    """Other rows become of it: those behind as many as were settled would leave some out."""
    described(bob, BLUE_ALONE)
    delivery_id = sent(bob, lines(60), tmp_path)
    tasks.read_delivery(delivery_id)
    assert outcomes(stored(delivery_id)) == (10, 10, 0, 0, 0)
    described(bob, DESCRIPTION)
    delivery = read_on(delivery_id)
    assert (delivery.state, delivery.failure) == (DeliveryState.DONE, "")
    assert outcomes(delivery) == (60, 50, 10, 0, 0)
    assert len(sessions()) == 60


def test_a_command_that_was_stopped_begins_again_by_the_description_of_today(
    bob: User, licences: None, tmp_path: Path
) -> None:
    path = tmp_path / "sessions.csv"
    path.write_text(lines(60))

    def take(progress: Callable[[UsageImported], None] = lambda so_far: None) -> UsageImported:
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        now = timezone.now()
        return import_usage(
            kind="", path=path, sha256=sha256, sender=bob.scope, now=now, source="acd", progress=progress
        )

    def stop(so_far: UsageImported) -> None:
        raise KeyboardInterrupt

    described(bob, DESCRIPTION)
    with pytest.raises(KeyboardInterrupt):
        take(stop)
    assert len(sessions()) == 10
    described(bob, BLUE_ALONE)
    found = take()
    assert (found.rows, found.duplicate, found.left_out) == (40, 6, 20)
    blue = {f"row{number:03}" for number in range(60) if number % 3}
    assert sessions() == blue | {f"row{number:03}" for number in range(10)}


def test_rows_kept_aside_by_the_description_before_are_judged_anew(
    bob: User, licences: None, tmp_path: Path
) -> None:
    described(bob, DESCRIPTION.replace('ended_at = "Logout"', 'ended_at = "Colour"'))
    delivery_id = sent(bob, lines(30), tmp_path)
    tasks.read_delivery(delivery_id)
    assert outcomes(stored(delivery_id)) == (10, 0, 0, 0, 10)
    described(bob, DESCRIPTION)
    assert outcomes(read_on(delivery_id)) == (30, 30, 0, 0, 0)
    with scope(PROVIDER):
        assert not RowKeptAside.objects.filter(delivery=delivery_id).exists()


def test_a_file_whose_description_is_removed_fails_and_is_read_on_when_there_is_one_again(
    bob: User, licences: None, tmp_path: Path, rung: list[int]
) -> None:
    delivery_id = sent_with(bob, tmp_path)
    tasks.read_delivery(delivery_id)
    with scope(bob.scope):
        delete_format(description=FormatDescription.objects.get(), by=bob)
    delivery = read_on(delivery_id)
    assert delivery.state == DeliveryState.FAILED
    assert "our-sessions" in delivery.failure
    assert stored_file(delivery) is not None
    rung.clear()
    tasks.read_waiting()
    assert rung == []

    described(bob, DESCRIPTION)
    with scope(bob.scope):
        read_again(delivery=delivery, by=bob)
    assert outcomes(read_on(delivery_id)) == (30, 20, 10, 0, 0)
    assert len(sessions()) == 30


def sent_with(bob: User, folder: Path) -> int:
    """Thirty sessions, by a description of bob's."""
    described(bob, DESCRIPTION)
    return sent(bob, lines(30), folder)


def test_rows_of_a_name_that_is_taken_away_meanwhile_are_kept_aside(
    bob: User, licences: None, tmp_path: Path
) -> None:
    described(bob, DESCRIPTION)
    with scope(bob.scope):
        customer = Customer.objects.get(ref="C-100")
        source = Source.objects.create(partner=customer.partner, name="acd")
        alias = CustomerAlias.objects.create(
            partner=customer.partner, customer=customer, source=source, name="north"
        )
    delivery_id = sent(bob, lines(30, team="north"), tmp_path)
    tasks.read_delivery(delivery_id)
    with scope(bob.scope):
        alias.delete()
    assert outcomes(read_on(delivery_id)) == (30, 10, 0, 0, 20)
    with scope(PROVIDER):
        reasons = Counter(RowKeptAside.objects.values_list("reason", flat=True))
    assert reasons.total() == 20


def test_a_licence_that_is_changed_meanwhile_is_that_of_the_rows_behind(
    bob: User, licences: None, tmp_path: Path
) -> None:
    delivery_id = sent_with(bob, tmp_path)
    tasks.read_delivery(delivery_id)
    with scope(bob.scope):
        import_licences(text="agent_id,licence,from,customer\nanna,premium,2024-01-01,C-100\n", by=bob)
    assert outcomes(read_on(delivery_id)) == (30, 30, 0, 0, 0)
    with scope(PROVIDER):
        premium = Interval.objects.filter(record_id__startswith="row", premium=True)
        assert set(premium.values_list("record_id", flat=True)) == {
            f"row{number:03}" for number in range(10, 30)
        }


def test_a_zone_that_is_set_meanwhile_is_that_of_the_rows_behind(
    bob: User, licences: None, tmp_path: Path
) -> None:
    described(bob, DESCRIPTION)
    delivery_id = sent(bob, lines(30, zone=""), tmp_path)
    tasks.read_delivery(delivery_id)
    with scope(bob.scope):
        partner = Customer.objects.get(ref="C-100").partner
        source = Source.objects.create(partner=partner, name="acd")
        set_time_zone(source=source, time_zone="Europe/Stockholm", by=bob)
    assert outcomes(read_on(delivery_id)) == (30, 20, 0, 0, 10)
    with scope(PROVIDER):
        starts = Interval.objects.filter(record_id__startswith="row").values_list("started_at", flat=True)
        assert {start.hour for start in starts} == {6}


# The file itself


@pytest.mark.parametrize("parts", [0, 1])
def test_a_file_that_somebody_removed_fails_with_a_line_and_nobody_comes_for_it_again(
    bob: User, licences: None, tmp_path: Path, rung: list[int], parts: int
) -> None:
    delivery_id = sent_with(bob, tmp_path)
    for _worker in range(parts):
        tasks.read_delivery(delivery_id)
    path = stored_file(stored(delivery_id))
    assert path is not None
    path.unlink()
    delivery = read_on(delivery_id)
    assert (delivery.state, delivery.failure) == (
        DeliveryState.FAILED,
        "The file is no longer kept. Send it again.",
    )
    rung.clear()
    tasks.read_waiting()
    assert rung == []

    assert sent(bob, lines(30), tmp_path) == delivery_id
    assert outcomes(read_on(delivery_id)) == (30, 30, 0, 0, 0)


def test_a_file_that_is_removed_while_it_is_read_is_read_to_its_end(
    bob: User, licences: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery_id = sent_with(bob, tmp_path)
    path = stored_file(stored(delivery_id))
    assert path is not None
    note = importing._note

    def removed(*args: object, **options: object) -> None:
        path.unlink(missing_ok=True)
        note(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(importing, "_note", removed)
    monkeypatch.setattr(tasks, "SECONDS_A_PART", 480.0)
    tasks.read_delivery(delivery_id)
    assert outcomes(stored(delivery_id)) == (30, 30, 0, 0, 0)
    assert stored(delivery_id).state == DeliveryState.DONE


class HurriedClock:
    """Six seconds pass whenever somebody looks."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 6.0
        return self.now


def test_a_file_that_makes_no_rows_for_minutes_is_given_up_with_a_line(
    bob: User, licences: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rung: list[int]
) -> None:
    """Who reads on begins at its beginning, and would come no further."""
    described(bob, DESCRIPTION)
    delivery_id = sent(bob, lines(ROWS_AT_ONCE) + "\n" * 8_000_000, tmp_path)
    monkeypatch.setattr(deliveries, "time", HurriedClock())
    delivery = read_on(delivery_id)
    assert (delivery.state, delivery.failure) == (
        DeliveryState.FAILED,
        "reading it takes too long: send it in parts",
    )
    assert outcomes(delivery) == (10, 10, 0, 0, 0)
    assert len(sessions()) == 10
    rung.clear()
    tasks.read_waiting()
    assert rung == []
