"""What is measured, each on data of its own. A value is the median of five; a ratio compares within one run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from statistics import median

import numpy as np
from django.test import Client

from apps.accounts.models import Role, User
from apps.core.domain.periods import Period
from apps.core.tenancy import PROVIDER, scope
from apps.organisations.models import Customer
from apps.reconciliation.domain.agents import concurrent_samples
from apps.reconciliation.domain.intervals import (
    MICROSECONDS_A_DAY,
    MICROSECONDS_A_MINUTE,
    Intervals,
    start_of,
)
from apps.reconciliation.domain.ports import contacts_by_minute
from apps.reconciliation.services import reconcile_customer
from apps.subscriptions.services import import_portfolio
from portal.demo.partner import make_customers, make_portfolio
from tests.conftest import NOW, SAMPLE, import_file
from tests.oracle import World

REPEAT = 5
AUGUST = SAMPLE / "bank-august"
MONTH = Period(date(2024, 6, 1), date(2024, 6, 30))


@dataclass(frozen=True)
class Measured:
    """A figure; ``ratio`` is None where there is nothing to compare with in the same run."""

    value: float
    unit: str
    ratio: float | None = None


def seconds(
    work: Callable[[], object], *, repeat: int = REPEAT, before: Callable[[], object] = lambda: None
) -> float:
    """The median time of ``work``; ``before`` is not counted."""
    took = []
    for _ in range(repeat):
        before()
        begun = time.perf_counter()
        work()
        took.append(time.perf_counter() - begun)
    return median(took)


def main_job() -> Measured:
    """Import the legs and sessions of the real August and reconcile the month; the ratio is the literal rules' time."""
    with scope(PROVIDER):
        import_portfolio(text=(AUGUST / "portfolio.json").read_bytes(), by="bench")

    def job() -> None:
        import_file(
            "ivr-legs", AUGUST / "ivr-legs.csv", customer="C-200", source=f"run-{time.monotonic_ns()}"
        )
        import_file("agent-sessions", AUGUST / "agent-sessions.csv", customer="C-200")
        with scope(PROVIDER):
            reconcile_customer(customer=Customer.objects.get(ref="C-200"), today=NOW.date())

    took = seconds(job, repeat=1)
    begun = time.perf_counter()
    World.load(AUGUST / "portfolio.json", [("ivr-legs", AUGUST / "ivr-legs.csv", "C-200")]).daily_detail_csv(
        "C-200", date(1999, 8, 1)
    )
    return Measured(round(took, 3), "s", round((time.perf_counter() - begun) / took, 1))


def _intervals(count: int, actors: int, length: int) -> Intervals:
    random = np.random.default_rng(7)
    start = start_of(MONTH.first) + random.integers(0, MONTH.days * MICROSECONDS_A_DAY, count)
    return Intervals(
        actor=random.integers(0, actors, count),
        start=start,
        end=start + random.integers(0, 2 * length, count),
        premium=random.random(count) < 0.2,
    )


def kernel_ivr() -> Measured:
    """Intervals in arrays to minute counts; the ratio is the time of reading the arrays once."""
    legs = _intervals(1_000_000, 1_000_000, MICROSECONDS_A_MINUTE)
    took = seconds(lambda: contacts_by_minute(legs, MONTH))
    reading = seconds(lambda: (legs.start.sum(), legs.end.sum(), legs.actor.sum()))
    return Measured(round(len(legs) / took), "intervals/s", round(took / reading, 1))


def kernel_agents() -> Measured:
    """Intervals in arrays to sample counts; the ratio is the time of reading the arrays once."""
    sessions = _intervals(200_000, 5_000, 4 * 60 * MICROSECONDS_A_MINUTE)
    took = seconds(lambda: concurrent_samples(sessions, MONTH))
    reading = seconds(lambda: (sessions.start.sum(), sessions.end.sum(), sessions.actor.sum()))
    return Measured(round(len(sessions) / took), "intervals/s", round(took / reading, 1))


def page_customers() -> Measured:
    """A partner's list of 200 customers, in milliseconds; the ratio is that of the sign-in page."""
    with scope(PROVIDER):
        import_portfolio(text=make_portfolio(make_customers()), by="bench")
        partner = Customer.objects.select_related("partner").get(ref="C-3001").partner
        bob = User.objects.create_user(email="bench@example.com", role=Role.PARTNER_ADMIN, partner=partner)
    client = Client()
    client.force_login(bob, backend="allauth.account.auth_backends.AuthenticationBackend")
    client.get("/customers/")
    took = seconds(lambda: client.get("/customers/"))
    plain = seconds(lambda: Client().get("/accounts/login/"))
    return Measured(round(took * 1000, 1), "ms", round(took / plain, 1))


MEASUREMENTS: dict[str, Callable[[], Measured]] = {
    "main_job": main_job,
    "kernel_ivr": kernel_ivr,
    "kernel_agents": kernel_agents,
    "page_customers": page_customers,
}
