"""A history as a file, and how small it can be made without losing the difference that it shows."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any

from tests.oracle.strategies import Decide, Deliver, Enter, Issue, Pass, Step, Story

STEPS: dict[str, type[Step]] = {step.__name__: step for step in (Decide, Deliver, Enter, Issue, Pass)}
Json = dict[str, Any]


def write_story(story: Story, path: Path, **more: object) -> None:
    """As JSON, to be read by somebody and to be lived through again."""
    told = {
        **more,
        "customer": story.customer,
        "today": story.today.isoformat(),
        "since": story.since.isoformat(),
        "portfolio": story.portfolio,
        "steps": [{"step": type(step).__name__, **asdict(step)} for step in story.steps],
    }
    path.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def read_story(path: Path) -> Story:
    told = json.loads(path.read_text(encoding="utf-8"))
    steps = [STEPS[step.pop("step")](**step) for step in told["steps"]]
    today, since = (date.fromisoformat(told[day]) for day in ("today", "since"))
    return Story(told["portfolio"], today, since, tuple(steps), told["customer"])


def smallest(story: Story, differs: Callable[[Story], bool], *, seconds: float = 60) -> Story:
    """Leave out steps, rows, subscriptions, lines and prices, as long as `differs` says that it still does."""
    deadline = time.monotonic() + seconds
    smaller = True
    while smaller:
        smaller = False
        for candidate in _smaller(story):
            if time.monotonic() > deadline:
                return story
            if differs(candidate):
                story, smaller = candidate, True
                break
    return story


def _smaller(story: Story) -> Iterator[Story]:
    """The story with something left out: first a lot, then little."""
    for steps in _without_a_part(story.steps):
        yield replace(story, steps=tuple(steps))
    for place, step in enumerate(story.steps):
        if isinstance(step, Deliver):
            for rows in _without_a_part(step.rows):
                yield replace(
                    story, steps=(*story.steps[:place], Deliver(list(rows)), *story.steps[place + 1 :])
                )
    entered = [step.portfolio for step in story.steps if isinstance(step, Enter)]
    for subscription in _subscriptions(story.portfolio):
        if len(_subscriptions(story.portfolio)) > 1:
            yield _changed(story, entered, subscription["number"], None)
        for line in range(len(subscription["lines"])):
            yield _changed(story, entered, subscription["number"], line)


def _without_a_part(whole: Sequence[Any]) -> Iterator[list[Any]]:
    size = max(1, len(whole) // 2)
    while size and whole:
        for first in range(0, len(whole), size):
            yield [*whole[:first], *whole[first + size :]]
        size //= 2


def _subscriptions(portfolio: Json) -> list[Json]:
    found: list[Json] = portfolio["partners"][0]["customers"][0]["subscriptions"]
    return found


def _changed(story: Story, entered: list[Json], number: str, line: int | None) -> Story:
    """Without a subscription, or one of its lines, from the beginning on. What is entered later is as it was."""
    portfolio = json.loads(json.dumps(story.portfolio))
    for subscription in _subscriptions(portfolio):
        if subscription["number"] == number and line is not None:
            del subscription["lines"][line]
    if line is None:
        subscriptions = _subscriptions(portfolio)
        subscriptions[:] = [each for each in subscriptions if each["number"] != number]
    return replace(story, portfolio=portfolio)
