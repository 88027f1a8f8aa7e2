"""Ringing for work that a worker does."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec

from django.db import transaction

P = ParamSpec("P")


def ring_on_commit(delay: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Tell a worker (``read_delivery.delay``) once what it has to do is stored.

    A broken bell fails nobody: a sweep finds what waits.
    """

    def ring() -> None:  # a partial has no name, and Django logs that of what fails
        delay(*args, **kwargs)

    transaction.on_commit(ring, robust=True)
