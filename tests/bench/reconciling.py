"""How long the reconciliation of stored intervals takes, against rivals that come to the same figures."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.pool import Pool
from pathlib import Path
from statistics import median

from django.db import connections
from psycopg.conninfo import make_conninfo

from apps.core.tenancy import PROVIDER, scope
from apps.reconciliation.models import RunItem
from apps.reconciliation.services import finish_run, list_tasks, open_run, reconcile_customer, work_items
from apps.usage.domain.records import Kind
from apps.usage.models import Interval
from tests.bench import rival_pandas, rival_sql
from tests.bench.comparing import calculated, must_be_the_same, stored, written_by
from tests.bench.data import CYCLE, Filled, Size, filled, start_over
from tests.bench.rivals import make_tables
from tests.bench.timing import REPEAT, Measured, once, seconds
from tests.bench.workers import peak_megabytes, workers
from tests.conftest import NOW, import_file

SCALE = float(os.environ.get("BENCH_SCALE", "1"))  # 0.01: a hundredth of the customers and intervals
PROCESSES = 2
LONGEST_RIVAL = 60  # seconds; a rival that takes longer is measured once
COMPARED_ONE_BY_ONE = 3

MILLION = Size(customers=1_000, intervals=1_000_000)
TEN_MILLION = Size(customers=10_000, intervals=10_000_000)
ONE_IS_LARGE = Size(customers=9_001, intervals=10_000_000, largest=1_000_000)
ONE_CUSTOMER = Size(customers=1, intervals=100_000)


def scaled(size: Size) -> Size:
    """That size, or the part of it that ``BENCH_SCALE`` asks for."""
    return replace(
        size,
        customers=max(1, round(size.customers * SCALE)),
        intervals=round(size.intervals * SCALE),
        largest=None if size.largest is None else round(size.largest * SCALE),
    )


def reconcile_everything(pool: Pool) -> float:
    """Open a run of all that is stale and work it off in the pool; returns the most memory a worker held, in MB."""
    today = NOW.date()
    with scope(PROVIDER):
        run = open_run(today=today)
        waiting = run.items.order_by("customer_id").values_list("customer_id", "expected")
        tasks = [(run.pk, customer_ids) for customer_ids in list_tasks(waiting)]
    peak = max(pool.starmap(reconcile_some, tasks, chunksize=1))
    with scope(PROVIDER):
        assert not run.items.exclude(state=RunItem.State.DONE).exists()
        finish_run(run_id=run.pk)
    return peak


def reconcile_some(run_id: int, customer_ids: list[int]) -> float:
    """What a worker does of a run; returns the most memory it held so far, in MB."""
    with scope(PROVIDER):
        work_items(run_id=run_id, customer_ids=customer_ids, today=NOW.date())
    return peak_megabytes()


def reconcile_1m() -> Measured:
    """A million stored intervals of a thousand customers to stored figures, on two processes."""
    with filled(scaled(MILLION), name="million") as data, _pool() as pool:
        took = seconds(lambda: reconcile_everything(pool), before=lambda: start_over(data))
    return Measured(round(took, 2), "s")


def reconcile_vs_sql() -> Measured:
    """The same by the best SQL; the ratio is its time to ours, measured in turns."""
    with filled(scaled(MILLION), name="sql") as data, _pool() as pool:
        return _against(
            data, pool, "rival_sql", lambda address: rival_sql.reconcile(address, data.ids, CYCLE)
        )


def reconcile_vs_pandas() -> Measured:
    """The same by a pandas script as an analyst would write it; the ratio is its time to ours, measured in turns."""
    return _against_pandas(tuned=False)


def reconcile_vs_pandas_tuned() -> Measured:
    """The same script after its slowest steps were written anew."""
    return _against_pandas(tuned=True)


def _against_pandas(*, tuned: bool) -> Measured:
    with (
        filled(scaled(MILLION), name="tuned" if tuned else "pandas") as data,
        _pool() as pool,
        workers(PROCESSES, rival_pandas.__name__) as processes,
    ):
        return _against(
            data,
            pool,
            "rival_pandas",
            lambda address: rival_pandas.reconcile(processes, address, data.ids, CYCLE, tuned=tuned),
        )


def _against(data: Filled, pool: Pool, rival: str, reconcile: Callable[[str], object]) -> Measured:
    """Product and rival in turns on the same data; the figures of both must be the same."""
    address = _owner_address()
    ours: list[float] = []
    theirs: list[float] = []
    for turn in range(REPEAT):
        start_over(data)
        ours.append(once(lambda: reconcile_everything(pool)))
        if turn == 0 or theirs[0] <= LONGEST_RIVAL:
            make_tables(address, rival)
            theirs.append(once(lambda: reconcile(address)))
    must_be_the_same(stored(data.customers, CYCLE), written_by(address, rival, data.customers))
    few = data.customers[:COMPARED_ONE_BY_ONE]
    must_be_the_same(calculated(few, CYCLE), written_by(address, rival, few))
    _drop_tables(rival)
    return Measured(round(median(theirs), 2), "s", round(median(theirs) / median(ours), 1))


def reconcile_growth_10x() -> Measured:
    """How many times longer ten times the customers and intervals take."""
    with _pool() as pool:

        def took(size: Size, name: str, repeat: int) -> float:
            with filled(scaled(size), name=name) as data:
                return seconds(
                    lambda: reconcile_everything(pool), repeat=repeat, before=lambda: start_over(data)
                )

        one = took(MILLION, "one", REPEAT)
        ten = took(TEN_MILLION, "ten", 3)
    return Measured(round(ten, 2), "s", round(ten / one, 2))


def reconcile_two_workers() -> Measured:
    """A million intervals on two processes; the ratio is the time on one to that on two."""
    with filled(scaled(MILLION), name="workers") as data, _pool(1) as one, _pool(2) as two:

        def took(pool: Pool) -> float:
            return seconds(lambda: reconcile_everything(pool), before=lambda: start_over(data))

        alone, together = took(one), took(two)
    return Measured(round(together, 2), "s", round(alone / together, 2))


def reconcile_memory() -> Measured:
    """The most memory a worker holds at ten million intervals, of which one customer has a million."""
    with filled(scaled(ONE_IS_LARGE), name="large") as data, _pool() as pool:
        start_over(data)
        peak = reconcile_everything(pool)
    return Measured(round(peak), "MB")


def late_record() -> Measured:
    """One more record of a customer with 100,000 in its cycle: how long until its figures are right again."""
    with filled(scaled(ONE_CUSTOMER), name="late") as data, tempfile.TemporaryDirectory() as folder:
        (customer,) = data.customers

        def reconcile() -> None:
            with scope(PROVIDER):
                reconcile_customer(customer=customer, today=NOW.date())

        reconcile()
        with scope(PROVIDER):
            agent = Interval.objects.filter(customer_id=customer.pk, kind=Kind.AGENT_SESSION).values_list(
                "actor", flat=True
            )[0]
        files = _late_files(Path(folder), agent)
        took = seconds(
            reconcile, before=lambda: import_file("agent-sessions", next(files), customer=customer.ref)
        )
        must_be_the_same(calculated([customer], CYCLE), stored([customer], CYCLE))
    return Measured(round(took * 1000, 1), "ms")


def _late_files(folder: Path, agent: str) -> Iterator[Path]:
    """Files of one session of an agent each, all on one day of the cycle."""
    for hour in range(23):
        path = folder / f"late-{hour}.csv"
        with path.open("w", newline="", encoding="utf-8") as out:
            lines = csv.writer(out)
            lines.writerow(["record_id", "agent_id", "licence", "started_at", "ended_at"])
            times = (f"2024-06-12T{hour:02}:10:00Z", f"2024-06-12T{hour + 1:02}:25:00Z")
            lines.writerow([f"late-{hour}", agent, "standard", *times])
        yield path


@contextmanager
def _pool(count: int = PROCESSES) -> Iterator[Pool]:
    with workers(count, __name__) as pool:
        yield pool


def _owner_address() -> str:
    """The bench database for psycopg, as its owner."""
    given = connections["owner"].get_connection_params()
    return make_conninfo(
        **{name: given[name] for name in ("dbname", "user", "password", "host", "port") if given.get(name)}
    )


def _drop_tables(rival: str) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"DROP SCHEMA {rival} CASCADE")


MEASUREMENTS: dict[str, Callable[[], Measured]] = {
    "reconcile_1m": reconcile_1m,
    "reconcile_vs_sql": reconcile_vs_sql,
    "reconcile_vs_pandas": reconcile_vs_pandas,
    "reconcile_vs_pandas_tuned": reconcile_vs_pandas_tuned,
    "reconcile_two_workers": reconcile_two_workers,
    "late_record": late_record,
    "reconcile_growth_10x": reconcile_growth_10x,
    "reconcile_memory": reconcile_memory,
}
