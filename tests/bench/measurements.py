"""What is measured, each on data of its own. A value is the median of five; a ratio compares within one run."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date

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
    Int64,
    Intervals,
    start_of,
)
from apps.reconciliation.domain.ports import contacts_by_minute
from apps.reconciliation.services import reconcile_customer
from apps.subscriptions.services import import_portfolio
from portal.demo.partner import make_customers, make_portfolio
from tests.bench import importing, reconciling, rest
from tests.bench.timing import Measured, seconds
from tests.conftest import NOW, SAMPLE, import_file
from tests.oracle import World

AUGUST = SAMPLE / "bank-august"
MONTH = Period(date(2024, 6, 1), date(2024, 6, 30))


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


def _intervals(actor: Int64, start: Int64, length: Int64) -> Intervals:
    """Intervals of the month in the order in which the tables give them, that of their starts; a fifth is Premium."""
    premium = np.random.default_rng(7).random(len(start)) < 0.2
    start = start + start_of(MONTH.first)
    return Intervals(actor, start, start + length, premium).take(np.argsort(start))


def _kernel(work: Callable[[Intervals, Period], object], intervals: Intervals) -> Measured:
    took = seconds(lambda: work(intervals, MONTH))
    reading = seconds(lambda: (intervals.start.sum(), intervals.end.sum(), intervals.actor.sum()))
    return Measured(round(len(intervals) / took), "intervals/s", round(took / reading, 1))


def kernel_ivr() -> Measured:
    """Legs in arrays to minute counts; a tenth share contacts. The ratio is the time of reading the arrays once."""
    random, legs, shared = np.random.default_rng(7), 1_000_000, 50_000
    contact, start = random.permutation(legs), random.integers(0, MONTH.days * MICROSECONDS_A_DAY, legs)
    contact[-shared:] = contact[:shared]
    start[-shared:] = start[:shared] + random.integers(0, 2 * MICROSECONDS_A_MINUTE, shared)
    length = random.integers(0, 2 * MICROSECONDS_A_MINUTE, legs)
    return _kernel(contacts_by_minute, _intervals(contact, start, length))


def kernel_agents() -> Measured:
    """Sessions in arrays to sample counts: of 5,000 agents, mostly short. The ratio is as that of ``kernel_ivr``."""
    random, sessions = np.random.default_rng(7), 1_000_000
    agent, start = (
        random.integers(0, 5_000, sessions),
        random.integers(0, MONTH.days * MICROSECONDS_A_DAY, sessions),
    )
    hours = np.minimum(random.exponential(1, sessions), 8)
    return _kernel(
        concurrent_samples, _intervals(agent, start, (hours * 60 * MICROSECONDS_A_MINUTE).astype(np.int64))
    )


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
    **reconciling.MEASUREMENTS,
    **importing.MEASUREMENTS,
    **rest.MEASUREMENTS,
}
