"""Doing the next thing while this one is being looked at."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


_AHEAD = 2  # one to be taken, and one that is being made when that takes longer than usual


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items; a thread of its own makes the next ones while the caller works with one.

    What makes them must not touch the database: connections belong to threads.
    """
    thread = ThreadPoolExecutor(1)
    try:
        coming = deque(thread.submit(_next, items) for _ in range(_AHEAD))
        while (found := coming.popleft().result()) is not None:
            coming.append(thread.submit(_next, items))
            yield found[0]
    finally:  # who stops here waits for the one that is being made, and none is begun
        thread.shutdown(cancel_futures=True)


def _next(items: Iterator[Item]) -> tuple[Item] | None:
    for item in items:
        return (item,)
    return None
