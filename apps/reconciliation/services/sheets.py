"""The sheet of a cycle while it is calculated: what its days used, filled stretch by stretch, then settled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from apps.catalogue.domain.kinds import LicenceModel, UsageType
from apps.core.domain.periods import ONE_DAY, Period
from apps.organisations.models import Customer
from apps.reconciliation.domain.counting import (
    Counted,
    Facts,
    Stretch,
    count_days,
    peaked_types,
    use_of_logins,
)
from apps.reconciliation.domain.detail import Family, Figures, Use, settle
from apps.reconciliation.domain.logins import Logins, first_logins
from apps.reconciliation.domain.profiles import Measure
from apps.reconciliation.domain.settings import Settings
from apps.reconciliation.domain.staleness import Work
from apps.reconciliation.domain.steps import Steps
from apps.reconciliation.profiles import read_known_profiles
from apps.reconciliation.selectors import (
    LOOK_BACK_TIME,
    as_facts,
    inputs_of,
    model_of,
    read_known_logins,
    read_known_use,
)
from apps.subscriptions.domain.commitments import Line, committed_by_day
from apps.usage.domain.records import Kind
from apps.usage.selectors import Window, count_records, read_records

RECORDS_AT_ONCE = 200_000
DAYS_AT_ONCE = 4_000
FEW_DAYS = 3


class Sheet:
    """A cycle of a customer: its days' use, its first logins, and, once all are there, its figures."""

    def __init__(self, customer: Customer, work: Work, lines: Sequence[Line], settings: Settings) -> None:
        self.customer = customer
        self.work = work
        self.settings = settings
        self.period = work.period
        self.licence_model = model_of(work.cycle)
        self.committed = committed_by_day(lines, self.period)
        self.use = {
            usage_type: (np.zeros(self.period.days, np.int64), np.zeros(self.period.days, np.int64))
            for usage_type in peaked_types(self.licence_model)
        }
        self.logins = {Family.AGENTS: Logins.none(), Family.WFO: Logins.none()}
        self.known_profiles: Mapping[Measure, Steps] = {}
        self.records = 0
        self._counted: list[tuple[Period, dict[Measure, Steps]]] = []

    def take_use(self, period: Period, use: Mapping[UsageType, Use]) -> None:
        """What these days used; of a type that is not in ``use`` nothing."""
        begin = (period.first - self.period.first).days
        days = slice(begin, begin + period.days)
        for usage_type, (used, peak_at) in self.use.items():
            of_days = use.get(usage_type)
            used[days] = 0 if of_days is None else of_days.used
            peak_at[days] = 0 if of_days is None or of_days.peak_at is None else of_days.peak_at

    def take_counts(self, period: Period, counted: Counted) -> None:
        """What was counted of these days, which lie after those taken before."""
        self._counted.append((period, counted.profiles))
        self.take_use(period, counted.use)

    def take_facts(self, period: Period, facts: Facts) -> None:
        """The first logins of the records that touch these days."""
        named = {Family.WFO: facts.wfo}
        if self.licence_model is LicenceModel.NAMED:
            named[Family.AGENTS] = facts.agents
        for family, found in named.items():
            if len(found):
                logins = first_logins(found.intervals, found.names, self._whole_days(period))
                self.logins[family] = self.logins[family].merged(logins)
        self.records += facts.records

    def _whole_days(self, period: Period) -> Period:
        """A session that started on an earlier day of the cycle logged in then."""
        return Period(self.period.first, period.last)

    @cached_property
    def figures(self) -> Figures:
        """What the cycle comes to."""
        use = {usage_type: Use(*columns) for usage_type, columns in self.use.items()} | use_of_logins(
            self.logins[Family.AGENTS], self.logins[Family.WFO], self.period, self.licence_model
        )
        return settle(
            period=self.period,
            licence_model=self.licence_model,
            committed=self.committed,
            use=use,
            settings=self.settings,
        )

    @cached_property
    def profiles(self) -> dict[Measure, Steps]:
        """The counts of each measure through the whole cycle: those counted, between them those known before."""
        measures = {*self.known_profiles, *(measure for _period, found in self._counted for measure in found)}
        profiles = {measure: self._profile(measure) for measure in Measure if measure in measures}
        return {measure: steps for measure, steps in profiles.items() if not steps.is_empty}

    def _profile(self, measure: Measure) -> Steps:
        known = self.known_profiles.get(measure) or Steps.none(self.work.cycle.period.days * measure.slots)
        parts: list[Steps] = []
        reached = 0
        for period, found in self._counted:
            begin = (period.first - self.period.first).days * measure.slots
            length = period.days * measure.slots
            if reached < begin:
                parts.append(known.cut(reached, begin))
            parts.append(found.get(measure) or Steps.none(length))
            reached = begin + length
        used = self.period.days * measure.slots
        if reached < used:
            parts.append(known.cut(reached, used))
        if used < known.length:
            parts.append(Steps.none(known.length - used))
        return Steps.joined(parts)

    @property
    def inputs_hash(self) -> str:
        """One hash over all that the figures follow from."""
        return self.figures.hash_of(
            inputs_of(self.work.cycle, self.period.last, self.settings, self.committed)
        )


class _Piece(NamedTuple):
    """Days of a sheet that are counted in one go, and about how many records they have."""

    sheet: Sheet
    period: Period
    expected: int


def count_stretches(sheets: Sequence[Sheet], *, expected: Mapping[int, int] | None = None) -> None:
    """Fill the sheets: with what is stored, then with what must be counted again."""
    _take_what_is_known([sheet for sheet in sheets if not sheet.work.is_whole])
    for batch in _batches(_pieces(sheets, _expect(sheets) if expected is None else expected)):
        records = read_records(
            [Window(piece.sheet.customer.pk, piece.period) for piece in batch],
            tuple(Kind),
            look_back=LOOK_BACK_TIME,
            longest_open=max(piece.sheet.settings.longest_open for piece in batch),
        )
        facts = [
            as_facts(of_piece, piece.sheet.settings) for piece, of_piece in zip(batch, records, strict=True)
        ]
        del records
        found = count_days(
            [Stretch(piece.period, piece.sheet.licence_model, piece.sheet.settings) for piece in batch], facts
        )
        for piece, of_piece, counted in zip(batch, facts, found, strict=True):
            piece.sheet.take_counts(piece.period, counted)
            piece.sheet.take_facts(piece.period, of_piece)


def _take_what_is_known(sheets: Sequence[Sheet]) -> None:
    if not sheets:
        return
    cycles = [(sheet.customer.pk, sheet.period) for sheet in sheets]
    use, logins, profiles = read_known_use(cycles), read_known_logins(cycles), read_known_profiles(cycles)
    for sheet, known, kept, counted in zip(sheets, use, logins, profiles, strict=True):
        sheet.take_use(sheet.period, known)
        sheet.logins |= kept
        sheet.known_profiles = counted


def _expect(sheets: Sequence[Sheet]) -> dict[int, int]:
    """How many records there are to read; a few days of one customer are read without asking."""
    periods = [period for sheet in sheets for period in sheet.work.recount]
    if sum(period.days for period in periods) <= FEW_DAYS:
        return {}
    return count_records([sheet.customer.pk for sheet in sheets], since=min(periods).first)


def _pieces(sheets: Sequence[Sheet], expected: Mapping[int, int]) -> Iterator[_Piece]:
    """The days to be counted again; where they have too many records for one go, a few days at a time."""
    days: dict[int, int] = {}
    for sheet in sheets:
        of_sheet = sum(period.days for period in sheet.work.recount)
        days[sheet.customer.pk] = days.get(sheet.customer.pk, 0) + of_sheet
    for sheet in sheets:
        for period in sheet.work.recount:
            records = expected.get(sheet.customer.pk, 0) * period.days // days[sheet.customer.pk]
            parts = min(period.days, 1 + records // RECORDS_AT_ONCE)
            for part in _split(period, parts):
                yield _Piece(sheet, part, records // parts)


def _split(period: Period, parts: int) -> Iterator[Period]:
    for part in range(parts):
        begin, end = period.days * part // parts, period.days * (part + 1) // parts
        yield Period(period.first + begin * ONE_DAY, period.first + (end - 1) * ONE_DAY)


def _batches(pieces: Iterator[_Piece]) -> Iterator[list[_Piece]]:
    """As many pieces at once as memory should hold."""
    batch: list[_Piece] = []
    records = days = 0
    for piece in pieces:
        if batch and (records + piece.expected > RECORDS_AT_ONCE or days + piece.period.days > DAYS_AT_ONCE):
            yield batch
            batch, records, days = [], 0, 0
        batch.append(piece)
        records += piece.expected
        days += piece.period.days
    if batch:
        yield batch
