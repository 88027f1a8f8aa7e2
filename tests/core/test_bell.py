"""Workers are told of what is stored, and nobody fails where they cannot be."""

from __future__ import annotations

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks

from apps.core.bell import ring_on_commit


@pytest.mark.django_db
def test_a_broken_bell_fails_nobody_and_silences_no_other(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    def no_broker(_delivery_id: int) -> None:
        raise ConnectionError

    rung: list[int] = []
    with django_capture_on_commit_callbacks(execute=True):
        ring_on_commit(no_broker, 1)
        ring_on_commit(rung.append, 2)
        assert rung == []
    assert rung == [2]
