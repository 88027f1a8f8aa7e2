"""One random history after the other, until time is up, in a database that is made for it and dropped."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from django.db import connection, connections, reset_queries, transaction
from django.test.utils import setup_databases, teardown_databases
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.oracle.strategies import Story, at_once, histories, months
from tests.soak.comparison import Comparison
from tests.soak.stories import smallest, write_story

DATABASE = "portal_soak"
TOGETHER = 6
SECONDS_TO_SHRINK = 120

STORIES = st.one_of(months(settings=True).map(at_once), histories(settings=True))


class Differs(Exception):
    """Portal and oracle do not agree; the story that shows it is in a file."""

    def __init__(self, difference: str, path: Path) -> None:
        super().__init__(difference)
        self.path = path


@contextmanager
def own_database() -> Iterator[None]:
    """A database of its own on the server of the settings, with all tables, and never the one that is there."""
    for name in ("default", "owner"):
        connections[name].close()
        connections[name].settings_dict["TEST"]["NAME"] = DATABASE
    made = setup_databases(
        verbosity=0, interactive=False, aliases=dict.fromkeys(("default", "owner")), serialized_aliases=set()
    )
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_database()")
            assert cursor.fetchone() == (DATABASE,)
        yield
    finally:
        connections["default"].close()
        teardown_databases(made, verbosity=0)


def soak(
    *, seconds: float, first_seed: int, reproduction: Path, progress: Callable[[Counter[str]], None]
) -> None:
    """Rounds of random histories, each round of the next seed, until ``seconds`` are over; at least one.

    ``progress`` is told what each round compared.

    Raises:
        Differs: at the first difference, which is made as small as two minutes allow.
    """
    deadline = time.monotonic() + seconds
    for number in count(first_seed):
        stories = draw_together(number)
        try:
            compared = live(stories)
        except Exception as error:
            raise _reproduced(stories, error, number, reproduction) from error
        progress(compared)
        if time.monotonic() >= deadline:
            return


def draw_together(number: int) -> list[Story]:
    """The histories of a seed: the same ones each time."""
    drawn: list[list[Story]] = []

    @seed(number)
    @settings(
        max_examples=2,  # the first is the simplest there is, whatever the seed
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(STORIES, min_size=TOGETHER, max_size=TOGETHER))
    def draw(stories: list[Story]) -> None:
        drawn.append(stories)

    draw()
    return drawn[-1]


def live(stories: Sequence[Story]) -> Counter[str]:
    """Portal and oracle side by side; nothing stays in the database.

    Raises:
        AssertionError: they differ.
    """
    reset_queries()
    with tempfile.TemporaryDirectory() as folder, transaction.atomic():
        try:
            return Comparison(stories, Path(folder)).live()
        finally:
            transaction.set_rollback(True)


def differs(story: Story) -> bool:
    """Whether a history by itself shows a difference."""
    try:
        live([story])
    except Exception:
        return True
    return False


def _reproduced(stories: Sequence[Story], error: Exception, number: int, path: Path) -> Differs:
    """The first story that differs by itself, as small as it can be made, written to ``path``."""
    found = next((story for story in stories if differs(story)), None)
    if found is None:
        return Differs(f"{error} (only together: seed {number})", path)
    found = smallest(found, differs, seconds=SECONDS_TO_SHRINK)
    difference = str(error)
    try:
        live([found])
    except Exception as smaller:
        difference = f"{type(smaller).__name__}: {smaller}"
    write_story(found, path, seed=number, difference=difference)
    return Differs(difference, path)
