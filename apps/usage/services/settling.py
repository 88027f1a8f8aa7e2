"""What becomes of rows that arrive: a block of them at a time, inside one transaction (R13)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray

from apps.organisations.models import Customer
from apps.subscriptions.models import StaleCause
from apps.subscriptions.services import lock_customers
from apps.usage.domain.blocks import LONGEST_TEXT, Block, storable
from apps.usage.domain.columns import Reading, customers_of, read_columns
from apps.usage.domain.records import Content, Fault, Outcome, meet
from apps.usage.models import CustomerAlias, Delivery, Source
from apps.usage.services import storing
from apps.usage.services.contradictions import Contradiction, keep_contradictions
from apps.usage.services.freshness import count_days
from apps.usage.services.marking import mark_changed
from apps.usage.services.storing import Arriving, Records

ASIDE_AT_ONCE = 5_000  # rows in one statement
# As one document: a value for each cell of each row would take longer than all that is done with good rows.
_KEEP_ASIDE = """
    INSERT INTO usage_rowkeptaside
        (partner_id, delivery_id, line_number, part, text, reason, cells, settled_by, outcome)
    SELECT %s, %s, line_number, part, text, reason, cells, '', ''
    FROM json_to_recordset(%s)
        AS rejected (line_number int, part int, text text, reason text, cells jsonb)
    ON CONFLICT DO NOTHING
"""
ACCEPTED, DUPLICATE, CONFLICT, REJECTED = range(4)
OUTCOMES = (Outcome.ACCEPTED, Outcome.DUPLICATE, Outcome.CONFLICT, Outcome.REJECTED)


class Owner(NamedTuple):
    """Whose a record is."""

    customer_id: int
    partner_id: int


@dataclass
class Settled:
    """What became of a block: an outcome for each row (an index into ``OUTCOMES``), and why some were rejected."""

    outcomes: NDArray[np.int8]
    faults: dict[int, Fault] = field(default_factory=dict)

    def first(self, count: int) -> Settled:
        """What became of the first rows."""
        return Settled(
            self.outcomes[:count], {row: fault for row, fault in self.faults.items() if row < count}
        )

    def counts(self) -> dict[str, int]:
        """How many rows came to each outcome."""
        counted = np.bincount(self.outcomes, minlength=len(OUTCOMES)).tolist()
        return {outcome.value: count for outcome, count in zip(OUTCOMES, counted, strict=True)}


@dataclass(frozen=True)
class Prepared:
    """A block, and what can be told of it without asking the database.

    ``names`` are what rows call their customers, each once, and ``whose`` is the place there of each row, shape
    ``(n,)``; ``records`` are the rows that are some, those of a customer together: so are they stored, and found again.
    """

    block: Block
    names: list[str]
    whose: NDArray[np.int64]
    records: Records


def prepare(block: Block, reading: Reading) -> Prepared:
    """Read the rows of a block, and write what travels of them."""
    columns = read_columns(block, reading)
    named = customers_of(block, reading)
    if block.broken:
        named = ["" if row in block.broken else name for row, name in enumerate(named)]
    places = {name: place for place, name in enumerate(dict.fromkeys(named))}
    whose = np.fromiter(map(places.__getitem__, named), np.int64, len(named))
    good = np.ones(len(block), np.bool_)
    good[list(columns.faults)] = False
    rows = np.flatnonzero(good)
    if len(places) > 1:
        rows = rows[np.argsort(whose[rows], kind="stable")]
    records = Records(reading.described.kind, columns, rows)
    if len(records):
        records.write()
    return Prepared(block, list(places), whose, records)


class Desk:
    """Where the blocks of one delivery are settled, each in the caller's transaction and scope.

    It remembers whether records were new so far: then that is tried first.
    """

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery
        self._expects_new = True
        self._owners: dict[str, Owner] = {}

    def settle(self, prepared: Prepared) -> Settled:
        """Store what is new, complete what was open, keep aside what contradicts or is no record.

        Once in a transaction: all locks are then taken in one order.
        """
        block = prepared.block
        customers = self._customers(set(prepared.names))
        faults = self._faults(prepared, customers)
        outcomes = np.full(len(block), REJECTED, np.int8)
        arriving = self._arriving(prepared, customers)
        if len(arriving):
            lock_customers(np.unique(arriving.customer_ids).tolist())
            outcomes[arriving.records.rows] = self._meet_stored(arriving, block)
        self._keep_aside(block, faults)
        return Settled(outcomes, faults)

    def _customers(self, names: set[str]) -> dict[str, Owner]:
        """Whose records they are, by what rows call the customer: a reference, else a name that the source has."""
        if asked := names - self._owners.keys() - {""}:
            found = {
                ref: Owner(pk, partner_id)
                for ref, pk, partner_id in Customer.objects.filter(ref__in=asked).values_list(
                    "ref", "pk", "partner_id"
                )
            }
            self._owners |= self._aliases(asked - found.keys()) | found
        return {name: self._owners[name] for name in names & self._owners.keys()}

    def _aliases(self, names: set[str]) -> dict[str, Owner]:
        """Two partners may call two customers by one name: then nobody who sees both can tell."""
        if not names:
            return {}
        aliases = CustomerAlias.objects.filter(source__name=self.delivery.source_name, name__in=names)
        meant: dict[str, list[Owner]] = {}
        for name, pk, partner_id in aliases.values_list("name", "customer_id", "partner_id"):
            meant.setdefault(name, []).append(Owner(pk, partner_id))
        return {name: owners[0] for name, owners in meant.items() if len(owners) == 1}

    @staticmethod
    def _faults(prepared: Prepared, customers: dict[str, Owner]) -> dict[int, Fault]:
        """What is wrong with rows, whose customer comes first: without it nothing else can be judged."""
        faults = dict(prepared.records.columns.faults)
        known = np.array([name in customers for name in prepared.names], np.bool_)
        for row in np.flatnonzero(~known[prepared.whose]).tolist():
            if row not in prepared.block.broken:
                name = prepared.names[prepared.whose[row]]
                faults[row] = Fault.UNKNOWN_CUSTOMER if name else Fault.NO_CUSTOMER
        return faults

    def _arriving(self, prepared: Prepared, customers: dict[str, Owner]) -> Arriving:
        """The records whose customer is known."""
        nobody = Owner(0, 0)
        owners = [customers.get(name, nobody) for name in prepared.names]
        sources = self._sources({owner.partner_id for owner in customers.values()})
        records = prepared.records
        whose = prepared.whose[records.rows]
        known = np.array([owner != nobody for owner in owners], np.bool_)[whose]
        if not known.all():  # else what travels of them is written already
            records, whose = records.chosen(known), whose[known]
        return Arriving(
            records,
            np.array([owner.customer_id for owner in owners], np.int64)[whose],
            np.array([owner.partner_id for owner in owners], np.int64)[whose],
            np.array([sources.get(owner.partner_id, 0) for owner in owners], np.int64)[whose],
        )

    def _sources(self, partners: set[int]) -> dict[int, int]:
        """The source of each partner, in the partners' order: two that make them never wait for each other."""
        name = self.delivery.source_name
        found = dict(Source.objects.filter(partner__in=partners, name=name).values_list("partner_id", "pk"))
        for partner_id in sorted(partners - found.keys()):
            source, _made = Source.objects.get_or_create(partner_id=partner_id, name=name)
            found[partner_id] = source.pk
        return found

    def _meet_stored(self, arriving: Arriving, block: Block) -> NDArray[np.int8]:
        """The outcome of each record; what is new is stored."""
        outcomes = np.full(len(arriving), DUPLICATE, np.int8)
        first = _first_of_each(arriving)
        firsts = arriving if len(first) == len(arriving) else arriving.chosen(first)
        different: list[NDArray[np.int64]] = []
        if self._expects_new and _inserted(firsts):
            outcomes[first] = ACCEPTED
        else:
            same, other = storing.compare(firsts)
            new = np.ones(len(first), np.bool_)
            new[same], new[other] = False, False
            self._expects_new = bool(new.all())
            if new.any() and not storing.insert(firsts.chosen(new)):
                raise RuntimeError("a record was stored behind the lock of its customer")
            outcomes[first[new]] = ACCEPTED
            different.append(first[other])
        added = outcomes == ACCEPTED
        if len(first) < len(arriving):
            again = np.setdiff1d(np.arange(len(arriving)), first)
            different.append(again[storing.compare(arriving.chosen(again))[1]])
        places = np.sort(np.concatenate(different)) if different else np.empty(0, np.int64)
        completed = self._meet_different(arriving, places, outcomes, block) if len(places) else places
        mark_changed(arriving if added.all() else arriving.chosen(added), cause=StaleCause.ADDED)
        mark_changed(arriving.chosen(completed), cause=StaleCause.REPLACED)
        count_days(arriving, added=added, completed=completed)
        return outcomes

    def _meet_different(
        self, arriving: Arriving, places: NDArray[np.int64], outcomes: NDArray[np.int8], block: Block
    ) -> NDArray[np.int64]:
        """Records that say something else than what is stored: ends that were missing, and contradictions.

        Returns the places of those that complete what is stored.
        """
        others = arriving.chosen(places)
        kind = arriving.kind
        current: dict[tuple[int, str], Content] = {}
        completing: dict[tuple[int, str], int] = {}
        against: list[tuple[int, Contradiction]] = []
        met = zip(
            places.tolist(),
            others.records.rows.tolist(),
            others.identities(),
            storing.list_stored(others),
            strict=True,
        )
        for place, row, identity, stored in met:
            content = arriving.records.columns.content(row, kind)
            outcome = meet(current.setdefault(identity, stored), content)
            if outcome is Outcome.ACCEPTED:
                current[identity] = content
                completing[identity] = place
                outcomes[place] = ACCEPTED
            elif outcome is Outcome.CONFLICT:
                against.append(
                    (
                        place,
                        Contradiction(
                            int(arriving.partner_ids[place]),
                            int(arriving.customer_ids[place]),
                            int(arriving.source_ids[place]),
                            identity[1],
                            content,
                            block.line_numbers[row],
                        ),
                    )
                )
        kept = keep_contradictions([each for _place, each in against], kind=kind, delivery=self.delivery)
        for (place, _each), is_new in zip(against, kept, strict=True):
            outcomes[place] = CONFLICT if is_new else DUPLICATE
        completed = np.array(sorted(completing.values()), np.int64)
        if len(completed):
            storing.complete(arriving.chosen(completed))
        return completed

    def _keep_aside(self, block: Block, faults: dict[int, Fault]) -> None:
        parts = block.parts() if faults else []
        rows = [
            {
                "line_number": block.line_numbers[row],
                "part": parts[row],
                "text": storable(block.texts[row].rstrip("\r\n")[:LONGEST_TEXT]),
                "reason": fault.value,
                "cells": _cells(block, row),
            }
            for row, fault in sorted(faults.items())
        ]
        with connection.cursor() as cursor:
            for since in range(0, len(rows), ASIDE_AT_ONCE):
                some = json.dumps(rows[since : since + ASIDE_AT_ONCE])
                cursor.execute(_KEEP_ASIDE, [self.delivery.partner_id, self.delivery.pk, some])


def _first_of_each(arriving: Arriving) -> NDArray[np.int64]:
    """The places of the first record of each identity, in order."""
    if arriving.records.are_distinct:
        return np.arange(len(arriving))
    seen: dict[tuple[int, str], int] = {}
    for place, identity in enumerate(arriving.identities()):
        seen.setdefault(identity, place)
    return np.fromiter(seen.values(), np.int64, len(seen))


def _inserted(arriving: Arriving) -> bool:
    """Whether all could be stored, because all are new; else nothing was."""
    try:
        with transaction.atomic():
            if storing.insert(arriving):
                return True
            raise _NotNewError
    except _NotNewError:
        return False


class _NotNewError(Exception):
    """Some records are stored already."""


def _cells(block: Block, row: int) -> dict[str, str] | None:
    """What a person can mend: the cells, where the row could be told into them."""
    if block.broken.get(row) in (Fault.NOT_A_ROW, Fault.FORBIDDEN_CHARACTER):
        return None
    return {name: storable(cell[:LONGEST_TEXT]) for name, cell in block.cells(row).items()}
