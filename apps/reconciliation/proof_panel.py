"""What the panel "Why this figure?" shows of a proof."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.catalogue.domain.kinds import UsageType
from apps.core.formatting import day, day_long, number
from apps.core.formatting import period as period_text
from apps.reconciliation.detail_export import detail_records
from apps.reconciliation.domain.detail import Family, Row
from apps.reconciliation.domain.proof import BilledProof, CellProof, Column, Difference, Ground
from apps.reconciliation.domain.witnesses import Peak, Witness
from apps.reconciliation.domain.workings import Commitment, Rule, types_behind
from apps.reconciliation.proof_addresses import ProofAddresses
from apps.reconciliation.proof_parts import (
    column_name,
    minutes,
    peak_time,
    record_time,
    rule_text,
    setting_items,
    step_rows,
)
from apps.reconciliation.proof_words import billed_sentences, billed_verdict, cell_sentences, cell_verdict
from apps.reconciliation.summaries import short_name
from apps.usage.domain.evidence import StoredRecord

MOST_WITNESSES = 100
MOST_RECORDS = 10
_FIGURES = (Column.USED, Column.COMMITTED, Column.SUBSTITUTED, Column.OVERAGE)


def cell_panel(proof: CellProof, addresses: ProofAddresses, asked: Column) -> dict[str, Any]:
    """The panel of a row; ``asked`` is the figure that was chosen."""
    row = proof.stated
    name = _name(row)
    position = (row.day - proof.ground.period.first).days
    behind = [
        each
        for each in types_behind(row.usage_type, proof.ground.licence_model)
        if each is not row.usage_type
    ]
    links = [
        (
            _("%(type)s on this day") % {"type": short_name(each)},
            addresses.of_cell(row.day, each),
        )
        for each in behind
    ]
    if proof.mark or proof.billed.day == row.day:
        links.append(
            (
                _("%(count)s billed for the cycle") % {"count": number(proof.billed.quantity)},
                addresses.of_billed(row.usage_type),
            )
        )
    return {
        "title": name,
        "subtitle": day_long(row.day),
        "figures": [
            {
                "label": column_name(column),
                "value": number(getattr(row, column.value)),
                "tone": "danger" if column is Column.OVERAGE and row.overage else "",
                "is_asked": column is asked or (asked is Column.MARK and column is Column.OVERAGE),
            }
            for column in _FIGURES
        ],
        **_verdict(proof.ground, proof.difference, cell_verdict(proof)),
        "sentences": cell_sentences(proof),
        "steps": step_rows(proof.steps, row.usage_type, position=position),
        "mark_steps": step_rows(proof.mark, row.usage_type, position=position),
        **_evidence(proof),
        "rules": _rules(proof.rules, proof.ground),
        "settings": setting_items(proof.ground),
        "links": links,
        "json_url": addresses.of_cell_as_json(row.day, row.usage_type),
    }


def billed_panel(proof: BilledProof, addresses: ProofAddresses) -> dict[str, Any]:
    """The panel of a billed quantity, with the peak and the commitments of the day that it hangs on."""
    row, ground = proof.of_day.stated, proof.ground
    position = (row.day - ground.period.first).days
    links = [
        (
            _("%(type)s on %(day)s") % {"type": short_name(proof.usage_type), "day": day(row.day)},
            addresses.of_cell(row.day, proof.usage_type),
        )
    ]
    if proof.usage_type is UsageType.IVR_PORT:
        links += (
            (_("%(type)s billed for the cycle") % {"type": short_name(each)}, addresses.of_billed(each))
            for each in types_behind(proof.usage_type, ground.licence_model)
            if each is not proof.usage_type
        )
    return {
        "title": _name(row),
        "subtitle": _("Billed for the cycle %(period)s") % {"period": period_text(ground.period)},
        "figures": [
            {
                "label": _("Billed"),
                "value": number(proof.stated.quantity),
                "tone": "danger" if proof.stated.quantity else "",
                "is_asked": True,
            },
            {
                "label": _("On the marked day"),
                "value": number(proof.marked_overage),
                "hint": day(proof.marked_day) if proof.marked_day else _("No day is marked"),
            },
        ],
        **_verdict(ground, proof.difference, billed_verdict(proof)),
        "sentences": billed_sentences(proof),
        "steps": step_rows(proof.steps, proof.usage_type, position=position),
        "days": [_day_row(each, addresses, proof) for each in proof.rows],
        "of_day": day(row.day),
        **_evidence(proof.of_day),
        "rules": _rules(proof.rules, ground),
        "settings": setting_items(ground),
        "links": links,
        "json_url": addresses.of_billed_as_json(proof.usage_type),
    }


def _name(row: Row) -> str:
    (record,) = detail_records([row])
    return record.usage_type


def _verdict(ground: Ground, difference: Difference | None, text: str) -> dict[str, str]:
    if difference is None:
        return {"verdict": text, "verdict_tone": "ok"}
    is_grave = difference is Difference.UNEXPLAINED
    return {"verdict": text, "verdict_tone": "danger" if is_grave else "warning"}


def _rules(rules: Iterable[Rule], ground: Ground) -> list[tuple[str, str]]:
    in_order = sorted(rules, key=lambda rule: int(rule.value.removeprefix("R")))
    return [(rule.value, rule_text(rule, ground)) for rule in in_order]


def _day_row(row: Row, addresses: ProofAddresses, proof: BilledProof) -> dict[str, Any]:
    return {
        "day": row.day,
        "url": addresses.of_cell(row.day, row.usage_type),
        "used": row.used,
        "committed": row.committed,
        "substituted": row.substituted,
        "overage": row.overage,
        "is_billed": row.day == proof.stated.day,
        "is_marked": row.is_overage_peak,
    }


def _evidence(proof: CellProof) -> dict[str, Any]:
    """The peak, who is counted there by which records, and the commitments."""
    row, peak, count = proof.stated, proof.peak, len(proof.witnesses)
    shown = proof.witnesses[:MOST_WITNESSES]
    return {
        "peak": _peak(proof, peak) if peak else None,
        "witness_heading": _("Contact") if row.family is Family.IVR else _("Agent"),
        "witness_title": _witness_title(proof, count),
        "witness_columns": _witness_columns(proof),
        "record_heading": _record_heading(proof),
        "witnesses": [_witness(proof, each) for each in shown],
        "witnesses_more": _and_more(count - len(shown)),
        "restated": _restated(len(proof.restated)),
        "commitments": [_commitment(each) for each in proof.commitments],
    }


def _peak(proof: CellProof, peak: Peak) -> dict[str, Any]:
    """The line of the day, a value a quarter-hour, and where the peak is in it."""
    a_value = max(1, len(peak.counts) // 96)
    values = [max(peak.counts[first : first + a_value]) for first in range(0, len(peak.counts), a_value)]
    return {
        "time": peak_time(peak),
        "counts": values,
        "commitment": proof.recomputed["committed"],
        "label": _("Through the day, %(type)s; the most, %(count)s, first at %(time)s")
        % {
            "type": short_name(proof.stated.usage_type),
            "count": number(max(values)),
            "time": peak_time(peak),
        },
    }


def _witness_title(proof: CellProof, count: int) -> str:
    if proof.stated.family is Family.IVR:
        return ngettext("%(count)s contact counted", "%(count)s contacts counted", count) % {
            "count": number(count)
        }
    return ngettext("%(count)s agent counted", "%(count)s agents counted", count) % {"count": number(count)}


def _witness_columns(proof: CellProof) -> list[str]:
    """Between the actor and its records: the four samples, or the first logins."""
    if proof.peak is not None and proof.peak.reading == "sample":
        return [f"{start:%H:%M}" for start in proof.peak.samples]
    if proof.stated.family is Family.IVR:
        return []
    is_premium = proof.stated.usage_type is UsageType.PREMIUM_NAMED
    return [_("First login"), *([_("First as Premium")] if is_premium else [])]


def _record_heading(proof: CellProof) -> str:
    if proof.stated.family is Family.IVR:
        return _("Legs")
    return _("Sessions") if proof.peak is not None else _("First sessions")


def _witness(proof: CellProof, witness: Witness) -> dict[str, Any]:
    row, records = proof.stated, witness.records
    cells = [minutes(time) for time in witness.present]
    if witness.first_day is not None:
        cells.append(day(witness.first_day))
        if witness.premium_day is not None:
            cells.append(day(witness.premium_day))
    return {
        "actor": witness.actor,
        "cells": cells,
        "records": [_record(proof.ground, row, record) for record in records[:MOST_RECORDS]],
        "more": _and_more(len(records) - MOST_RECORDS),
    }


def _record(ground: Ground, row: Row, record: StoredRecord) -> dict[str, Any]:
    return {
        "time": record_time(record, row),
        "is_premium": record.premium,
        "is_late": ground.closed_at is not None and record.recorded_at > ground.closed_at,
        "id": record.record_id,
        "source": record.source,
    }


def _and_more(count: int) -> str:
    if count <= 0:
        return ""
    return ngettext("and %(count)s more", "and %(count)s more", count) % {"count": number(count)}


def _restated(count: int) -> str:
    if not count:
        return ""
    return ngettext(
        "%(count)s of them first used Premium on a later day of the cycle, and is Premium from the first login on.",
        "%(count)s of them first used Premium on a later day of the cycle, and are Premium from the first login on.",
        count,
    ) % {"count": number(count)}


def _commitment(line: Commitment) -> dict[str, Any]:
    return {
        "subscription": line.subscription,
        "sku": line.sku,
        "type": short_name(line.usage_type),
        "quantity": line.quantity,
        "first": line.first,
        "last": line.last,
    }
