"""Files sent on a page: who may, what is refused before it is read, and what becomes of the rest."""

from __future__ import annotations

import errno
import gzip
import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import AuditEntry, Role, User
from apps.core.tenancy import PROVIDER, scope
from apps.organisations.models import Customer
from apps.usage import tasks
from apps.usage.models import Channel, Delivery, DeliveryState, Interval
from apps.usage.progress import get_progress
from apps.usage.services.kept_files import (
    CannotBeReadAgain,
    due_deliveries,
    read_again,
    remove_left_behind,
    remove_read_files,
    stored_file,
)
from apps.usage.uploads import MOST_FILES, ArrivingFile
from tests.factories.pages import Browser
from tests.factories.people import made_user

pytestmark = pytest.mark.usefixtures("folders", "rung")

HEADER = "record_id,agent_id,licence,started_at,ended_at"
BOUNDARY = "xXx"
SESSIONS = {"kind": "agent-sessions", "source": "acd", "customer": "C-100", "format": ""}


def sessions(*names: str, bad: int = 0) -> bytes:
    """A file of sessions, one each, and of some rows that are none."""
    lines = [f"{name},anna,standard,2024-07-01T08:00:00Z,2024-07-01T09:00:00Z" for name in names]
    lines += [f"bad-{number},anna,standard,no time at all," for number in range(bad)]
    return "\n".join([HEADER, *lines, ""]).encode()


def file(content: bytes, name: str = "sessions.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


Send = Callable[..., Any]


@pytest.fixture
def send(client_of: Browser, django_capture_on_commit_callbacks: Any) -> Send:
    """``send(bob, content, …)``: the form as a browser without scripts sends it."""

    def send(user: User, *files: SimpleUploadedFile, accept: str = "text/html", **fields: str) -> Any:
        with django_capture_on_commit_callbacks(execute=True):
            return client_of(user).post(
                "/deliveries/", {**SESSIONS, **fields, "file": list(files)}, headers={"accept": accept}
            )

    return send


def arriving(folder: Path) -> list[Path]:
    """What lies where files arrive."""
    return list((folder / "arriving").glob("*"))


def the_delivery() -> Delivery:
    with scope(PROVIDER):
        return Delivery.objects.latest("pk")


# A file through the door


def test_a_file_that_is_sent_waits_for_a_worker_and_is_read_by_it(
    send: Send, bob: User, rung: list[int], folders: Path
) -> None:
    answer = send(bob, file(sessions("a", "b", bad=1)))
    delivery = the_delivery()
    assert answer.headers["Location"] == f"/deliveries/{delivery.pk}/"
    assert rung == [delivery.pk]
    assert (delivery.state, delivery.channel, delivery.sent_by) == (
        DeliveryState.WAITING,
        Channel.UPLOAD,
        bob.email,
    )
    assert delivery.partner_id == bob.partner_id
    assert arriving(folders) == []

    tasks.read_delivery(delivery.pk)
    delivery = the_delivery()
    assert (delivery.state, delivery.rows) == (DeliveryState.DONE, 3)
    assert (delivery.accepted, delivery.rejected) == (2, 1)
    assert stored_file(delivery) is None, "what is read to its end is not kept"
    assert not [path for path in (folders / "files").rglob("*") if path.is_file()]


def test_the_same_file_twice_is_recognised(send: Send, bob: User, rung: list[int]) -> None:
    send(bob, file(sessions("a")))
    first = the_delivery()
    tasks.read_delivery(first.pk)
    rung.clear()
    answer = send(bob, file(sessions("a"), "renamed.csv"))
    assert answer.headers["Location"] == f"/deliveries/{first.pk}/"
    assert the_delivery().pk == first.pk
    assert rung == []
    answer = send(bob, file(sessions("a")), accept="application/json")
    assert (answer.status_code, answer.json()["url"]) == (200, f"/deliveries/{first.pk}/")
    assert "came before" in answer.json()["detail"]
    with scope(PROVIDER):
        assert Interval.objects.filter(record_id="a").count() == 1


def test_the_same_file_of_two_partners_are_two_deliveries(send: Send, bob: User, charlie: User) -> None:
    send(bob, file(sessions("a")), customer="")
    send(charlie, file(sessions("a")), customer="")
    with scope(PROVIDER):
        partners = set(Delivery.objects.filter(channel=Channel.UPLOAD).values_list("partner", flat=True))
    assert partners == {bob.partner_id, charlie.partner_id}


def test_several_files_are_as_many_deliveries_and_a_bad_one_stops_no_other(
    send: Send, bob: User, client_of: Browser
) -> None:
    answer = send(
        bob,
        file(sessions("a"), "a.csv"),
        file(b"neither,of,these\n1,2,3\n", "other.csv"),
        file(gzip.compress(sessions("b")), "b.csv.gz"),
    )
    assert answer.headers["Location"] == "/deliveries/"
    with scope(PROVIDER):
        names = set(Delivery.objects.filter(channel=Channel.UPLOAD).values_list("file_name", flat=True))
    assert names == {"a.csv", "b.csv.gz"}
    page = answer.client.get("/deliveries/").content.decode()
    assert "2 files are taken." in page
    assert page.count("other.csv: ") >= 1


def test_a_script_is_answered_in_json(send: Send, bob: User) -> None:
    answer = send(bob, file(sessions("a")), accept="application/json")
    assert (answer.status_code, answer.json()) == (
        201,
        {"url": f"/deliveries/{the_delivery().pk}/", "detail": ""},
    )
    answer = send(bob, file(b"x,y\n1,2\n"), accept="application/json")
    assert answer.status_code == 409
    assert answer.json()["detail"].startswith("sessions.csv: ")
    answer = send(bob, file(sessions("z")), customer="C-900", accept="application/json")
    assert (answer.status_code, answer.json()) == (409, {"detail": "There is no customer C-900."})


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("C:\\usage\\a.csv", "a.csv"),
        ("søndag «ø» 😀.csv", "søndag «ø» 😀.csv"),
        ("a\x00b\x1b[31m.csv", "ab[31m.csv"),
        ('<script>alert("1")</script>.csv', "script>.csv"),
        ("x" * 300 + ".csv", "x" * 251 + ".csv"),
        ("a." + "x" * 300, None),
    ],
)
def test_a_name_is_a_name_and_never_a_path(
    send: Send, bob: User, client_of: Browser, folders: Path, name: str, kept: str | None
) -> None:
    answer = multipart(client_of(bob), [(name, sessions("a"))])
    assert answer.status_code == 302, answer.content
    delivery = the_delivery()
    if kept is not None:
        assert delivery.file_name == kept
    assert len(delivery.file_name) <= 255
    assert b"<script>alert" not in client_of(bob).get(f"/deliveries/{delivery.pk}/").content
    lying = [path for path in folders.rglob("*") if path.is_file()]
    assert [path.parent.parent for path in lying] == [folders / "files" / "deliveries"]


# One clear line


@pytest.mark.parametrize(
    ("files", "fields", "line"),
    [
        pytest.param([], {}, "Choose at least one file.", id="none"),
        pytest.param([("empty.csv", b"")], {}, "empty.csv is empty.", id="empty"),
        pytest.param(
            [("a.csv", b"x")], {"kind": "cookies"}, "cookies is not one of the available choices", id="kind"
        ),
        pytest.param([("a.csv", b"x")], {"source": ""}, "This field is required.", id="no source"),
        pytest.param([("a.csv", b"x")], {"source": "s" * 65}, "at most 64 characters", id="long source"),
    ],
)
def test_what_cannot_be_taken_is_said_in_a_line(
    send: Send, bob: User, files: list[tuple[str, bytes]], fields: dict[str, str], line: str
) -> None:
    sent = [file(content, name) for name, content in files]
    answer = send(bob, *sent, accept="application/json", **fields)
    assert answer.status_code == 400
    assert line in answer.json()["detail"]
    page = send(bob, *[file(content, name) for name, content in files], **fields)
    assert page.status_code == 400
    assert line in page.content.decode()


def multipart(
    client: Client, files: list[tuple[str, bytes]], *, cut: int = 0, field: str = "file", **extra: Any
) -> Any:
    """A form as bytes, perhaps without its end."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in SESSIONS.items()
    ]
    parts += [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
        f"Content-Type: text/csv\r\n\r\n".encode()
        + content
        + b"\r\n"
        for name, content in files
    ]
    body = b"".join([*parts, f"--{BOUNDARY}--\r\n".encode()])
    return client.generic(
        "POST",
        extra.pop("address", "/deliveries/"),
        body[: len(body) - cut],
        content_type=f"multipart/form-data; boundary={BOUNDARY}",
        **extra,
    )


def test_a_thousand_files_are_refused_in_a_line_and_none_is_taken(
    client_of: Browser, bob: User, folders: Path
) -> None:
    answer = multipart(client_of(bob), [(f"{number}.csv", sessions(f"r{number}")) for number in range(1000)])
    assert answer.status_code == 413
    assert f"More than {MOST_FILES} files cannot be sent at once" in answer.content.decode()
    assert arriving(folders) == []
    with scope(PROVIDER):
        assert not Delivery.objects.filter(channel=Channel.UPLOAD).exists()


def test_a_full_disk_is_said_in_a_line_and_leaves_nothing(
    client_of: Browser, bob: User, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: ArrivingFile, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ArrivingFile, "write", full, raising=False)
    answer = multipart(client_of(bob), [("a.csv", sessions("a"))])
    assert answer.status_code == 507
    assert "There is no room for this file" in answer.content.decode()
    assert arriving(folders) == []


def test_an_upload_that_breaks_off_is_no_file(client_of: Browser, bob: User, folders: Path) -> None:
    """However many bytes were promised: half a file is never taken for one."""
    content = sessions(*map(str, range(500)))
    answer = multipart(client_of(bob), [("a.csv", content)], cut=len(content) // 2)
    assert answer.status_code == 400
    assert "Choose at least one file." in answer.content.decode()
    assert arriving(folders) == []


# Refused before it is read


class Unread(io.BytesIO):
    """A body that tells how much of it was read."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        found = super().read(size)
        self.taken += len(found)
        return found


def posted(client: Client, address: str, body: Unread, length: int, **headers: str) -> Any:
    """A form that says it is so long, on its way through the whole of the portal."""
    return client.request(
        **{
            "REQUEST_METHOD": "POST",
            "PATH_INFO": address,
            "CONTENT_TYPE": f"multipart/form-data; boundary={BOUNDARY}",
            "CONTENT_LENGTH": str(length),
            "wsgi.input": body,
            **headers,
        }
    )


def body_of(size: int) -> Unread:
    start = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'.encode()
    return Unread(start + b"x" * size + f"\r\n--{BOUNDARY}--\r\n".encode())


@pytest.mark.parametrize("has_token", [False, True])
def test_who_is_not_signed_in_sends_in_vain(db: None, folders: Path, has_token: bool) -> None:
    client = Client(enforce_csrf_checks=True)
    headers = {}
    if has_token:
        client.get("/accounts/login/")
        headers["HTTP_X_CSRFTOKEN"] = client.cookies["csrftoken"].value
    body = body_of(1_000_000)
    answer = posted(client, "/deliveries/", body, len(body.getvalue()), **headers)
    assert answer.status_code == (302 if has_token else 403)
    assert body.taken == 0
    assert not (folders / "arriving").exists()


def test_who_takes_no_part_sends_in_vain(
    client_of: Browser, alice: User, guide_example: Customer, folders: Path
) -> None:
    """A customer's people find no such page; a reader may look."""
    rita = made_user("rita@example.com", Role.PARTNER_READER, guide_example)
    for somebody, status in ((alice, 404), (rita, 403)):
        body = body_of(1_000_000)
        answer = posted(client_of(somebody), "/deliveries/", body, len(body.getvalue()))
        assert (answer.status_code, body.taken) == (status, 0)
    assert not (folders / "arriving").exists()
    assert client_of(alice).get("/deliveries/").status_code == 404
    page = client_of(rita).get("/deliveries/")
    assert (page.status_code, b'type="file"' in page.content) == (200, False)


def test_what_is_too_large_is_refused_by_its_length_alone(
    client_of: Browser, bob: User, folders: Path
) -> None:
    body = body_of(1000)
    answer = posted(client_of(bob), "/deliveries/", body, 3 * 2**30)
    assert (answer.status_code, body.taken) == (413, 0)
    assert "More than 2.0\xa0GB cannot be sent at once" in answer.content.decode()
    answer = posted(client_of(bob), "/deliveries/", body, 3 * 2**30, HTTP_ACCEPT="application/json")
    assert (answer.status_code, body.taken) == (413, 0)
    assert answer.json()["detail"].startswith("More than 2.0")


def test_what_finds_no_room_is_refused_by_its_length(
    client_of: Browser, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.usage.uploads.shutil.disk_usage", lambda folder: Room())
    body = body_of(10_000)
    answer = posted(client_of(bob), "/deliveries/", body, len(body.getvalue()))
    assert (answer.status_code, body.taken) == (507, 0)


class Room:
    free = 9_000


def test_more_than_was_promised_is_not_read(client_of: Browser, bob: User) -> None:
    body = body_of(3_000_000)
    answer = posted(client_of(bob), "/deliveries/", body, 2_000)
    assert answer.status_code == 400
    assert body.taken <= 2_000


@pytest.mark.parametrize("address", ["/customers/", "/accounts/login/", "/nowhere/", "/deliveries/1/again/"])
def test_elsewhere_no_file_is_taken(client_of: Browser, bob: User, folders: Path, address: str) -> None:
    """A small form is read and its files are passed over; of a large one nothing is read."""
    multipart(client_of(bob), [("a.csv", sessions("a"))], address=address)
    body = body_of(4_000_000)
    for client in (client_of(bob), Client()):
        answer = posted(client, address, body, len(body.getvalue()))
        assert (answer.status_code, body.taken) == (413, 0)
    assert not (folders / "arriving").exists()


# The pages


def test_a_stranger_finds_nothing(
    send: Send, client_of: Browser, bob: User, charlie: User, alice: User, dana: User
) -> None:
    send(bob, file(sessions("a"), "of-bob.csv"))
    delivery = the_delivery()
    for part in ("", "file/"):
        address = f"/deliveries/{delivery.pk}/{part}"
        for somebody in (bob, dana):
            answer = client_of(somebody).get(address)
            assert answer.status_code == 200
            assert b"".join(answer)
        assert client_of(charlie).get(address).status_code == 404
        assert client_of(alice).get(address).status_code == 404
    for somebody in (charlie, alice):
        assert client_of(somebody).post(f"/deliveries/{delivery.pk}/again/").status_code == 404
    assert b"of-bob.csv" in client_of(bob).get("/deliveries/").content
    assert b"of-bob.csv" not in client_of(charlie).get("/deliveries/").content
    assert client_of(bob).get("/deliveries/99999999999999999999/").status_code == 404


def test_a_delivery_says_how_far_it_is_and_asks_again_until_it_is_over(
    send: Send, client_of: Browser, bob: User
) -> None:
    send(bob, file(sessions("a", "b", bad=2)))
    delivery = the_delivery()
    with scope(PROVIDER):
        Delivery.objects.filter(pk=delivery.pk).update(
            state=DeliveryState.READING,
            started_at=timezone.now() - timedelta(seconds=10),
            size=1000,
            bytes_read=250,
            rows=5000,
        )
    page = client_of(bob).get(f"/deliveries/{delivery.pk}/").content.decode()
    assert 'hx-trigger="every 2s"' in page
    assert "25 % read. About 30\xa0s left." in page
    assert "5,000" in page
    with scope(PROVIDER):
        Delivery.objects.filter(pk=delivery.pk).update(
            state=DeliveryState.WAITING, rows=0, bytes_read=0, started_at=None
        )
    tasks.read_delivery(delivery.pk)
    page = client_of(bob).get(f"/deliveries/{delivery.pk}/").content.decode()
    assert "hx-trigger" not in page
    assert "Read to its end in" in page
    assert "Not a time" in page
    assert f"/kept-aside/?delivery={delivery.pk}" in page


def test_time_left_follows_from_the_bytes_that_are_left() -> None:
    now = timezone.now()
    started = now - timedelta(seconds=40)
    delivery = Delivery(state=DeliveryState.READING, size=500, bytes_read=100, rows=800, started_at=started)
    progress = get_progress(delivery, now=now)
    assert (progress.per_cent, progress.rows_per_second, progress.seconds_left) == (20, 20.0, 160.0)
    delivery.bytes_read = 0
    assert get_progress(delivery, now=now).seconds_left is None
    delivery.bytes_read, delivery.size = 900, 500  # a file that grew is not read for ever
    assert (get_progress(delivery, now=now).per_cent, get_progress(delivery, now=now).seconds_left) == (
        99,
        0.0,
    )


def test_the_list_is_filtered(send: Send, client_of: Browser, bob: User) -> None:
    send(bob, file(sessions("a"), "first.csv"))
    send(bob, file(sessions("b"), "second.csv"), source="other")
    browser = client_of(bob)
    page = browser.get("/deliveries/", {"source": "other"}).content
    assert (b"second.csv" in page, b"first.csv" in page) == (True, False)
    page = browser.get("/deliveries/", {"state": "done", "q": "first"}).content
    assert b"No delivery fits these filters." in page


@pytest.mark.parametrize("address", ["/deliveries/", "/deliveries/{}/"])
def test_the_pages_cost_the_same_however_much_there_is(
    send: Send, client_of: Browser, bob: User, address: str
) -> None:
    def counted() -> int:
        browser = client_of(bob)
        path = address.format(the_delivery().pk)
        browser.get(path)
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(path).status_code == 200
        return len(queries)

    send(bob, file(sessions("a", bad=1), "a.csv"))
    tasks.read_delivery(the_delivery().pk)
    few = counted()
    for number in range(5):
        send(bob, file(sessions(f"b{number}", bad=3), f"{number}.csv"))
        tasks.read_delivery(the_delivery().pk)
    assert counted() == few


# Read again, and not kept longer than needed


@pytest.fixture
def failed(send: Send, bob: User) -> Delivery:
    """A delivery of bob's that could not be read, with its file."""
    send(bob, file(sessions("a", "b")))
    delivery = the_delivery()
    with scope(PROVIDER):
        Delivery.objects.filter(pk=delivery.pk).update(
            state=DeliveryState.FAILED, failure="The disk was away.", finished_at=timezone.now()
        )
    return the_delivery()


def test_what_failed_is_read_again_when_somebody_says_so(
    failed: Delivery,
    client_of: Browser,
    bob: User,
    rung: list[int],
    django_capture_on_commit_callbacks: Any,
) -> None:
    page = client_of(bob).get(f"/deliveries/{failed.pk}/").content.decode()
    assert "The disk was away." in page
    assert "Read it again" in page
    rung.clear()
    with django_capture_on_commit_callbacks(execute=True):
        client_of(bob).post(f"/deliveries/{failed.pk}/again/")
    assert rung == [failed.pk]
    tasks.read_delivery(failed.pk)
    assert (the_delivery().state, the_delivery().accepted) == (DeliveryState.DONE, 2)
    with scope(PROVIDER):
        entry = AuditEntry.objects.get(action="delivery.read_again")
    assert (entry.by, entry.before) == (bob.email, {"failure": "The disk was away."})


def test_only_what_failed_and_is_kept_is_read_again(failed: Delivery, bob: User, folders: Path) -> None:
    path = stored_file(failed)
    assert path is not None
    with scope(bob.scope):
        path.unlink()
        with pytest.raises(CannotBeReadAgain, match="no longer kept"):
            read_again(delivery=failed, by=bob)
        Delivery.objects.filter(pk=failed.pk).update(state=DeliveryState.DONE)
        with pytest.raises(CannotBeReadAgain, match="that failed"):
            read_again(delivery=failed, by=bob)


def test_a_file_that_failed_is_downloaded_as_it_came(failed: Delivery, client_of: Browser, bob: User) -> None:
    answer = client_of(bob).get(f"/deliveries/{failed.pk}/file/")
    assert b"".join(answer.streaming_content) == sessions("a", "b")  # type: ignore[attr-defined]
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="sessions.csv"'


def test_a_file_that_failed_and_is_gone_is_read_when_it_comes_again(
    failed: Delivery, send: Send, bob: User, rung: list[int]
) -> None:
    path = stored_file(failed)
    assert path is not None
    path.unlink()
    rung.clear()
    send(bob, file(sessions("a", "b")))
    assert rung == [failed.pk]
    tasks.read_delivery(failed.pk)
    assert (the_delivery().pk, the_delivery().accepted, the_delivery().failure) == (failed.pk, 2, "")


def test_a_file_that_failed_is_kept_for_two_weeks(failed: Delivery, as_provider: None) -> None:
    path = stored_file(failed)
    assert path is not None
    assert failed.finished_at is not None
    assert remove_read_files(now=failed.finished_at + timedelta(days=13)) == 0
    assert path.exists()
    assert remove_read_files(now=failed.finished_at + timedelta(days=15)) == 1
    assert not path.exists()
    assert remove_read_files(now=failed.finished_at + timedelta(days=15)) == 0


def test_what_killed_processes_left_is_removed_after_a_day(
    failed: Delivery, as_provider: None, folders: Path
) -> None:
    orphan = folders / "files" / "deliveries" / "7" / "orphan"
    upload = folders / "arriving" / "half"
    for path in (orphan, upload):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    assert remove_left_behind(now=timezone.now()) == 0
    assert remove_left_behind(now=timezone.now() + timedelta(days=2)) == 2
    assert stored_file(failed) is not None, "what belongs to a delivery stays"
    assert not orphan.exists()
    assert not upload.exists()


# Workers


def test_the_sweep_rings_for_what_waits_and_for_what_a_dead_worker_left(
    send: Send, bob: User, rung: list[int]
) -> None:
    found = []
    for name in ("waiting", "dead", "alive", "done", "failed"):
        send(bob, file(sessions(name), f"{name}.csv"))
        found.append(the_delivery().pk)
    waiting, dead, alive, done, failing = found
    now = timezone.now()
    with scope(PROVIDER):
        for pk, state, lease in (
            (dead, DeliveryState.READING, now - timedelta(seconds=1)),
            (alive, DeliveryState.READING, now + timedelta(minutes=1)),
            (done, DeliveryState.DONE, None),
            (failing, DeliveryState.FAILED, None),
        ):
            Delivery.objects.filter(pk=pk).update(state=state, leased_until=lease)
        assert set(due_deliveries(now=now).values_list("pk", flat=True)) == {waiting, dead}
    rung.clear()
    tasks.read_waiting()
    assert set(rung) == {waiting, dead}


def test_a_worker_gives_up_its_place_after_a_while_and_reads_on_later(
    send: Send, bob: User, rung: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.usage.services.opening.ROWS_AT_ONCE", 10)
    monkeypatch.setattr(tasks, "SECONDS_A_PART", 0.0)
    send(bob, file(sessions(*map(str, range(25)))))
    delivery, parts = the_delivery(), 0
    rung.clear()
    while the_delivery().state != DeliveryState.DONE:
        tasks.read_delivery(delivery.pk)
        parts += 1
        assert the_delivery().rows == min(25, parts * 10)
        assert parts < 10
    assert (the_delivery().accepted, the_delivery().duplicate) == (25, 0)
    assert set(rung) == {delivery.pk}


def test_the_handler_is_not_needed_where_no_request_is(rf: RequestFactory) -> None:
    """What Django makes of a request by itself, outside of the portal's middleware, takes no file either."""
    request = rf.post("/deliveries/", {**SESSIONS, "file": file(sessions("a"))})
    assert not request.FILES


def test_a_form_that_cannot_be_read_is_refused_in_a_line(
    client_of: Browser, bob: User, folders: Path
) -> None:
    """Here for a name of thousands of characters."""
    head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{"n" * 5_000}.csv"\r\n\r\n'
    for accept, media_type in (("text/html", "text/html"), ("application/json", "application/json")):
        answer = client_of(bob).generic(
            "POST",
            "/deliveries/",
            head.encode() + b"x\r\n--x--\r\n",
            content_type="multipart/form-data; boundary=x",
            headers={"accept": accept},
        )
        assert answer.status_code == 400
        assert answer.headers["Content-Type"].startswith(media_type)
        assert "a name in it is too long" in answer.content.decode()
    assert arriving(folders) == []


class TooSlow(io.BytesIO):
    """A connection on which nothing more comes."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise TimeoutError


def test_a_form_that_does_not_arrive_is_refused_in_a_line(
    client_of: Browser, bob: User, folders: Path
) -> None:
    for media_type in ("multipart/form-data; boundary=x", "application/x-www-form-urlencoded"):
        environment: Any = {"wsgi.input": TooSlow(), "CONTENT_LENGTH": "100"}
        answer = client_of(bob).generic("POST", "/deliveries/", b"", CONTENT_TYPE=media_type, **environment)
        assert answer.status_code == 408
        assert "took too long to arrive" in answer.content.decode()
