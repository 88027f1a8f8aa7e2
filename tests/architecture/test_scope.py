"""Whose eyes the database looks through, in every way into it and out of it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Barrier, Thread
from typing import Any, cast

import pytest
from celery import current_app
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, DataError, ProgrammingError, connection, connections, transaction
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.test import Client
from django.urls import path
from pytest_django import Settings
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import AuditEntry, User
from apps.accounts.models import Role as UserRole
from apps.core.problems import NotFoundRefusal, Refusal
from apps.core.tenancy import NOBODY, PROVIDER, Role, Scope, current_scope, scope
from apps.invoicing.models import Invoice
from apps.organisations.models import Customer, Partner
from apps.reconciliation.models import ControlPaper, Run
from apps.subscriptions.models import ClosedCycle
from apps.usage.models import Delivery
from tests.security.world import World

REFS = {"home": {"C-100", "C-101"}, "strange": {"C-900", "C-901"}}


def eyes() -> tuple[str, str, str]:
    """The role, the partner and the customer that the database looks with now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_user::text, coalesce(current_setting('portal.partner', true), ''),"
            " coalesce(current_setting('portal.customer', true), '')"
        )
        return cast("tuple[str, str, str]", cursor.fetchone())


def visible_refs() -> set[str]:
    return set(Customer.objects.values_list("ref", flat=True))


NOBODYS = ("portal_auth", "", "")


@pytest.fixture
def partner(world: World) -> Scope:
    return Scope(Role.PARTNER, world.home.partner.pk)


@pytest.fixture
def stranger(world: World) -> Scope:
    return Scope(Role.PARTNER, world.strange.partner.pk)


@pytest.fixture
def customer(world: World) -> Scope:
    return Scope(Role.CUSTOMER, world.home.partner.pk, world.home.customers[0].pk)


# Scopes in each other


def test_each_scope_shows_its_own_rows(partner: Scope, stranger: Scope, customer: Scope) -> None:
    for reader, seen in (
        (PROVIDER, REFS["home"] | REFS["strange"]),
        (partner, REFS["home"]),
        (stranger, REFS["strange"]),
        (customer, {"C-100"}),
    ):
        with scope(reader):
            assert visible_refs() == seen


def test_leaving_a_scope_restores_the_one_before(partner: Scope, customer: Scope) -> None:
    with scope(PROVIDER):
        before = eyes()
        with scope(partner):
            assert eyes() == ("portal_partner", str(partner.partner), "")
            with scope(customer):
                assert eyes() == ("portal_customer", str(customer.partner), str(customer.customer))
                assert current_scope() == customer
            assert eyes() == ("portal_partner", str(partner.partner), "")
            assert current_scope() == partner
        assert eyes() == before == ("portal_provider", "", "")
    assert eyes() == NOBODYS
    assert current_scope() == NOBODY


@pytest.mark.parametrize("error", [ValueError("x"), Refusal("x"), Http404("x"), KeyboardInterrupt()])
def test_what_raises_leaves_nothing_and_restores_the_scope(
    partner: Scope, customer: Scope, error: BaseException
) -> None:
    with scope(partner):
        with suppress(type(error)), scope(customer):
            note()
            raise error
        assert eyes() == ("portal_partner", str(partner.partner), "")
        assert current_scope() == partner
        assert noted() == 0
    assert eyes() == NOBODYS


def test_an_error_of_the_database_inside_restores_the_scope(partner: Scope) -> None:
    with scope(PROVIDER):
        with pytest.raises(ProgrammingError, match="permission denied"), scope(partner):
            Customer.objects.update(name="mine")
        assert eyes() == ("portal_provider", "", "")
        assert not Customer.objects.filter(name="mine").exists()


def test_what_is_rolled_back_without_raising_restores_the_scope(partner: Scope, customer: Scope) -> None:
    with scope(partner):
        with scope(customer):
            note()
            transaction.set_rollback(True)
        assert eyes() == ("portal_partner", str(partner.partner), "")
        assert noted() == 0


def test_a_savepoint_that_is_undone_keeps_the_scope_around_it(partner: Scope) -> None:
    with scope(partner):
        with suppress(ValueError), transaction.atomic():
            raise ValueError
        assert visible_refs() == REFS["home"]


def test_a_scope_entered_in_a_savepoint_that_fails_is_gone_with_it(partner: Scope) -> None:
    with suppress(ValueError), transaction.atomic():
        with scope(partner):
            assert visible_refs() == REFS["home"]
        raise ValueError
    assert eyes() == NOBODYS


def test_a_scope_of_nobody_is_no_way_to_keep_the_one_before(partner: Scope) -> None:
    with scope(partner), scope(NOBODY):
        denied = pytest.raises(ProgrammingError, match="permission denied")
        with denied, transaction.atomic():
            visible_refs()


def test_a_tenants_scope_needs_its_tenant(world: World) -> None:
    for role, partner_id, customer_id in (
        (Role.PARTNER, None, None),
        (Role.PARTNER, None, 1),
        (Role.CUSTOMER, None, 1),
        (Role.CUSTOMER, 1, None),
    ):
        with pytest.raises(ValueError, match="scope needs"):
            Scope(role, partner_id, customer_id)
    for empty in (Scope(Role.PARTNER, 0), Scope(Role.CUSTOMER, 0, 0), Scope(Role.PARTNER, -1)):
        with scope(empty):
            assert visible_refs() == set()


@pytest.mark.parametrize(
    "value", ["1' OR true --", "1); SET ROLE portal_provider; --", "portal_provider", "1 ", "\\'", "1,2"]
)
def test_a_value_of_a_scope_is_never_read_as_sql(world: World, value: str) -> None:
    text = cast(Any, value.replace("1", str(world.home.partner.pk)))
    seen: set[str] = set()
    with suppress(DataError), scope(Scope(Role.PARTNER, text)):
        assert eyes()[0] == "portal_partner"
        seen = visible_refs()
    assert seen <= REFS["home"]
    assert eyes() == NOBODYS


def test_a_role_that_is_none_is_refused(world: World) -> None:
    for role in ("postgres", "portal_owner", "portal_backup", "none; --", ""):
        with pytest.raises(DatabaseError), scope(Scope(cast(Any, _Named(role)))):
            pytest.fail(f"{role} was taken")
    assert eyes() == NOBODYS


class _Named:
    def __init__(self, value: str) -> None:
        self.value = value


# Connections of their own: nothing of the test's transaction is around them


def on_a_connection_of_its_own(work: Callable[[], object]) -> object:
    """What ``work`` returns on another thread, whose connection is new and in no transaction."""
    came: list[object] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            assert current_scope() == NOBODY, "a scope does not follow into a thread"
            came.append(work())
        except BaseException as error:
            failed.append(error)
        finally:
            connection.close()

    thread = Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return came[0]


def test_a_connection_starts_with_the_eyes_of_nobody(world: World) -> None:
    def work() -> None:
        assert eyes() == NOBODYS
        with pytest.raises(ProgrammingError, match="permission denied"):
            visible_refs()

    with scope(PROVIDER):
        on_a_connection_of_its_own(work)


@pytest.mark.parametrize("end", ["commit", "rollback", "error", "database error"])
def test_a_scope_does_not_outlive_its_transaction(partner: Scope, end: str) -> None:
    def work() -> None:
        with suppress(ValueError, DatabaseError), scope(partner):
            assert eyes() == ("portal_partner", str(partner.partner), "")
            if end == "rollback":
                transaction.set_rollback(True)
            if end == "error":
                raise ValueError
            if end == "database error":
                with connection.cursor() as cursor:
                    cursor.execute("SELECT 1 / 0")
        assert not connection.in_atomic_block
        assert eyes() == NOBODYS
        assert current_scope() == NOBODY
        with pytest.raises(ProgrammingError, match="permission denied"):
            visible_refs()

    on_a_connection_of_its_own(work)


def test_threads_do_not_share_a_scope(partner: Scope, stranger: Scope) -> None:
    both_are_inside = Barrier(2, timeout=20)
    seen: dict[int | None, tuple[str, str, str]] = {}

    def work(reader: Scope) -> None:
        try:
            with scope(reader):
                both_are_inside.wait()
                seen[reader.partner] = eyes()
                both_are_inside.wait()
        finally:
            connection.close()

    threads = [Thread(target=work, args=[reader]) for reader in (partner, stranger)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen == {
        reader.partner: ("portal_partner", str(reader.partner), "") for reader in (partner, stranger)
    }


@pytest.fixture
def committed(world: World) -> Iterator[dict[str, User]]:
    """Two people of two partners whom every connection sees."""

    def make() -> dict[str, User]:
        with scope(PROVIDER):
            return {
                name: User.objects.create_user(
                    email=f"{name}@committed.example",
                    role=UserRole.PARTNER_ADMIN,
                    partner=Partner.objects.create(ref=f"P-{name}", name=name, country="SE"),
                )
                for name in ("one", "two")
            }

    def remove() -> None:
        with connections["owner"].cursor() as cursor:
            cursor.execute("DELETE FROM django_session")
            cursor.execute("DELETE FROM accounts_user WHERE email LIKE '%@committed.example'")
            cursor.execute("DELETE FROM organisations_partner WHERE ref IN ('P-one', 'P-two')")
        connections["owner"].close()

    people = cast("dict[str, User]", on_a_connection_of_its_own(make))
    yield people
    on_a_connection_of_its_own(remove)


@pytest.mark.django_db(databases=["default", "owner"])
def test_a_connection_that_is_kept_shows_the_next_one_nothing_of_the_last(
    committed: dict[str, User], settings: Settings
) -> None:
    settings.ROOT_URLCONF = __name__

    def work() -> None:
        clients = {name: Client(raise_request_exception=False) for name in (*committed, "nobody")}
        for name, user in committed.items():
            clients[name].force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        assert connection.connection is not None
        kept = connection.connection
        for turn in ("one", "two", "nobody", "one", "raises", "two", "nobody"):
            if turn == "raises":
                assert clients["one"].post("/raise/").status_code == 500
                continue
            answer = clients[turn].get("/eyes/")
            expected = (
                "portal_auth||" if turn == "nobody" else f"portal_partner|{committed[turn].partner_id}|"
            )
            assert answer.content.decode() == expected
            assert eyes() == NOBODYS
        assert connection.connection is kept

    on_a_connection_of_its_own(work)


# Requests


def note() -> None:
    """A change that everybody may make and that is easy to find."""
    now = current_scope()
    AuditEntry.objects.create(
        by="test", action="noted", subject="x", partner_id=now.partner, customer_id=now.customer
    )


def noted() -> int:
    return AuditEntry.objects.filter(action="noted").count()


@login_not_required
def show_eyes(request: HttpRequest) -> HttpResponse:
    return HttpResponse("|".join(eyes()))


def note_and_answer(request: HttpRequest) -> HttpResponse:
    note()
    return HttpResponse("noted")


def note_and_raise(request: HttpRequest) -> HttpResponse:
    note()
    raise RuntimeError("the secret of the engine room")


def note_and_miss(request: HttpRequest) -> HttpResponse:
    note()
    raise Http404


def note_and_break_the_database(request: HttpRequest) -> HttpResponse:
    note()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")
    return HttpResponse("never")


def note_and_render(request: HttpRequest) -> TemplateResponse:
    """The template is rendered after the view has returned, and fails."""
    note()
    template = engines["django"].from_string("{{ fails }}")
    return TemplateResponse(request, template, {"fails": lambda: 1 / 0})


def render_rows(request: HttpRequest) -> TemplateResponse:
    template = engines["django"].from_string("{% for each in all %}{{ each.ref }} {% endfor %}")
    return TemplateResponse(request, template, {"all": Customer.objects.all()})


def stream_rows(request: HttpRequest) -> StreamingHttpResponse:
    def lines() -> Iterator[str]:
        yield from Customer.objects.values_list("ref", flat=True)

    return StreamingHttpResponse(lines())


@login_not_required
def read_without_signing_in(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(Customer.objects.count()))


class NotingApi(APIView):
    """Changes something and then answers as asked."""

    def post(self, request: Request, how: str) -> Response:
        note()
        errors: dict[str, Exception] = {
            "refusal": Refusal("no"),
            "missing": NotFoundRefusal("no"),
            "nothing": NotFound(),
            "invalid": ValidationError({"x": "no"}),
            "404": Http404(),
            "raises": RuntimeError("the secret of the engine room"),
        }
        if how in errors:
            raise errors[how]
        return Response({"noted": True}, status=201)


urlpatterns = [
    path("eyes/", show_eyes),
    path("note/", note_and_answer),
    path("raise/", note_and_raise),
    path("miss/", note_and_miss),
    path("break/", note_and_break_the_database),
    path("render/", note_and_render),
    path("rows/", render_rows),
    path("stream/", stream_rows),
    path("open/", read_without_signing_in),
    path("api/<str:how>/", NotingApi.as_view()),
    # What the pages of errors link to.
    path("language/", show_eyes, name="set_language"),
    path("accounts/login/", show_eyes, name="account_login"),
]


@pytest.fixture
def test_pages(settings: Settings) -> None:
    settings.ROOT_URLCONF = __name__


def count_noted() -> int:
    with scope(PROVIDER):
        return noted()


@pytest.mark.usefixtures("test_pages")
@pytest.mark.parametrize(
    ("address", "status", "stays"),
    [
        ("/note/", 200, 1),
        ("/raise/", 500, 0),
        ("/miss/", 404, 0),
        ("/break/", 500, 0),
        ("/render/", 500, 0),
        ("/api/works/", 201, 1),
        ("/api/refusal/", 409, 0),
        ("/api/missing/", 404, 0),
        ("/api/nothing/", 404, 0),
        ("/api/invalid/", 400, 0),
        ("/api/404/", 404, 0),
        ("/api/raises/", 500, 0),
    ],
)
@pytest.mark.parametrize("name", ["alice", "bob"])
def test_a_request_that_fails_leaves_nothing_behind(
    browser_of: Callable[..., Client], name: str, address: str, status: int, stays: int
) -> None:
    answer = browser_of(name, raise_request_exception=False).post(address)

    assert answer.status_code == status
    assert count_noted() == stays
    assert "engine room" not in answer.content.decode()
    assert eyes() == NOBODYS


@pytest.mark.usefixtures("test_pages")
def test_a_template_that_is_rendered_late_still_has_the_scope(browser_of: Callable[..., Client]) -> None:
    assert set(browser_of("bob").get("/rows/").content.decode().split()) == REFS["home"]
    assert set(browser_of("charlie").get("/rows/").content.decode().split()) == REFS["strange"]


@pytest.mark.usefixtures("test_pages")
def test_streaming_reads_nothing_when_the_scope_is_left(browser_of: Callable[..., Client]) -> None:
    answer = browser_of("bob").get("/stream/")
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        b"".join(answer)


@pytest.mark.usefixtures("test_pages")
def test_a_page_for_everybody_sees_no_tenants_rows(browser_of: Callable[..., Client]) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        browser_of("").get("/open/")
    assert browser_of("").get("/eyes/").content == b"portal_auth||"
    assert browser_of("").get("/note/").status_code == 302


@pytest.mark.usefixtures("test_pages")
def test_the_scope_is_the_users_whatever_the_request_says(
    browser_of: Callable[..., Client], world: World
) -> None:
    client = browser_of("charlie")
    own, other = world.strange.partner.pk, world.home.partner.pk
    session = client.session
    session.update(
        {
            "role": "portal_provider",
            "portal.partner": str(other),
            "partner": other,
            "scope": "portal_provider",
        }
    )
    session.save()
    client.cookies["portal.partner"] = str(other)
    for answer in (
        client.get(f"/eyes/?partner={other}&portal.partner={other}&role=portal_provider&customer=1"),
        client.post("/eyes/", {"partner": other, "role": "portal_provider"}),
        client.get(
            "/eyes/", headers={"X-Partner": str(other), "X-Role": "portal_provider", "X-User": "dana"}
        ),
        client.get("/eyes/", headers={"Forwarded": f"by={other}", "Authorization": "Basic ZGFuYTp4"}),
    ):
        assert answer.content.decode() == f"portal_partner|{own}|"


@pytest.mark.usefixtures("test_pages")
def test_who_moves_to_another_organisation_sees_that_one_at_once(
    browser_of: Callable[..., Client], world: World
) -> None:
    client = browser_of("charlie")
    assert set(client.get("/rows/").content.decode().split()) == REFS["strange"]

    with scope(PROVIDER):
        User.objects.filter(pk=world.people["charlie"].pk).update(partner=world.home.partner)
    assert set(client.get("/rows/").content.decode().split()) == REFS["home"]

    with scope(PROVIDER):
        User.objects.filter(pk=world.people["charlie"].pk).update(is_active=False)
    assert client.get("/rows/").status_code == 302


# Background work

ARGUMENTS: dict[str, Callable[[World], tuple[Any, ...]]] = {
    "apps.invoicing.tasks.compare_control_paper": lambda world: (_waiting_paper(),),
    "apps.invoicing.tasks.compare_waiting_papers": lambda world: (),
    "apps.invoicing.tasks.render_invoice_pdf": lambda world: (_first(Invoice),),
    "apps.invoicing.tasks.render_pending_pdfs": lambda world: (),
    "apps.invoicing.tasks.verify_closed_cycles": lambda world: ([_first(ClosedCycle)],),
    "apps.invoicing.tasks.verify_rotating_part": lambda world: (),
    "apps.reconciliation.tasks.reconcile_customers": lambda world: (
        _first(Run),
        [world.home.customers[0].pk],
    ),
    "apps.reconciliation.tasks.reconcile_stale": lambda world: (),
    "apps.usage.tasks.forget_old_answers": lambda world: (),
    "apps.usage.tasks.read_delivery": lambda world: (_first(Delivery),),
    "apps.usage.tasks.read_waiting": lambda world: (),
    "apps.usage.tasks.tidy_files": lambda world: (),
}


def _first(model: Any) -> int:
    with scope(PROVIDER):
        return int(model.objects.order_by("pk").values_list("pk", flat=True)[0])


def _waiting_paper() -> int:
    paper_id = _first(ControlPaper)
    with scope(PROVIDER):
        ControlPaper.objects.filter(pk=paper_id).update(state=ControlPaper.State.WAITING, leased_until=None)
    return paper_id


def test_each_task_opens_its_scope_and_leaves_none(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    current_app.loader.import_default_modules()
    tasks = {name: task for name, task in current_app.tasks.items() if name.startswith("apps.")}
    assert set(tasks) == set(ARGUMENTS)
    for task in tasks.values():
        monkeypatch.setattr(task, "delay", lambda *arguments: None)
    for name, task in tasks.items():
        task(*ARGUMENTS[name](world))
        assert eyes() == NOBODYS, name
        assert current_scope() == NOBODY, name
    with scope(PROVIDER):
        assert Run.objects.get(pk=_first(Run)).items.filter(state="done").exists()
        assert ControlPaper.objects.get(pk=_first(ControlPaper)).state == ControlPaper.State.COMPARED
