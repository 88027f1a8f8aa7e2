"""Doing the next thing while this one is being looked at."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items; a thread of its own makes the next one while the caller works with one.

    What makes them must not touch the database: connections belong to threads.
    """
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(_next, items)
        while (found := coming.result()) is not None:
            coming = thread.submit(_next, items)
            yield found[0]


def _next(items: Iterator[Item]) -> tuple[Item] | None:
    for item in items:
        return (item,)
    return None
