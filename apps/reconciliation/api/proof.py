"""The API of proofs: why a figure of the Daily Detail, or a billed quantity, is what it is. Read only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.utils import timezone
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import KeyScope
from apps.catalogue.domain.kinds import UsageType
from apps.core.described import described, query
from apps.organisations.guards import visible_customer
from apps.organisations.models import Customer
from apps.reconciliation.api.cycles import chosen_cycle, of_cycle, read_choice, read_day
from apps.reconciliation.api.shapes import (
    BILLED_PROOF,
    CYCLE_PARAMETER,
    DAY,
    PROOF,
    TYPE_IN_ADDRESS,
    TYPE_PARAMETER,
    UNTIL_PARAMETER,
)
from apps.reconciliation.detail_export import OVERAGE_PEAK
from apps.reconciliation.domain.proof import BilledProof, CellProof, Difference, Ground
from apps.reconciliation.domain.witnesses import Peak, Witness
from apps.reconciliation.domain.workings import Commitment, Rule, Step
from apps.reconciliation.proof import prove_billed, prove_cell
from apps.reconciliation.proof_words import billed_verdict, cell_verdict
from apps.subscriptions.domain.cycles import Cycle
from apps.usage.domain.evidence import StoredRecord

MOST_WITNESSES = 10_000
Json = dict[str, Any]


class ProofView(APIView):
    """``GET /api/v1/customers/<ref>/daily-detail/proof/?cycle=&day=&usage_type=&until=``: a row's four figures.

    Without ``cycle``: the newest with usage; without ``day``: the last one used; without ``usage_type``: the first row.
    """

    key_scope = KeyScope.USAGE_READ

    @described(
        PROOF,
        tag="customers",
        name="customers_proof",
        parameters=[
            CYCLE_PARAMETER,
            query("day", "The day; when left out, the last one used.", of=DAY),
            TYPE_PARAMETER,
            UNTIL_PARAMETER,
        ],
        refuses=(400, 404, 409),
    )
    def get(self, request: Request, ref: str) -> Response:
        customer, today = visible_customer(ref), timezone.now().date()
        first_day, day, until = (read_day(request, name) for name in ("cycle", "day", "until"))
        usage_type = read_choice(request, "usage_type", UsageType)
        cycle = chosen_cycle(customer, first_day, today=today)
        proof = prove_cell(customer, cycle, day, usage_type, today=today, until=until)
        return Response({**_of_cycle(customer, cycle, proof.ground), **cell_json(proof)})


class BilledProofView(APIView):
    """``GET /api/v1/customers/<ref>/billed/<usage type>/proof/?cycle=&until=``: what a cycle bills, and its day."""

    key_scope = KeyScope.USAGE_READ

    @described(
        BILLED_PROOF,
        tag="customers",
        name="customers_billed_proof",
        parameters=[TYPE_IN_ADDRESS, CYCLE_PARAMETER, UNTIL_PARAMETER],
        refuses=(400, 404, 409),
    )
    def get(self, request: Request, ref: str, usage_type: str) -> Response:
        customer, today = visible_customer(ref), timezone.now().date()
        first_day, until = read_day(request, "cycle"), read_day(request, "until")
        try:
            billed = UsageType(usage_type)
        except ValueError:
            raise NotFound from None
        cycle = chosen_cycle(customer, first_day, today=today)
        proof = prove_billed(customer, cycle, billed, today=today, until=until)
        return Response({**_of_cycle(customer, cycle, proof.ground), **billed_json(proof)})


def _of_cycle(customer: Customer, cycle: Cycle, ground: Ground) -> Json:
    return of_cycle(customer, cycle, until=ground.period.last, is_closed=ground.closed_at is not None)


def cell_json(proof: CellProof) -> Json:
    """The proof of a row: figures as stated, the steps that give them, and what the steps stand on.

    ``formula`` is over ``inputs``: names, ``+``, ``-``, ``*``, ``max``, ``min``; ``highest`` is the largest of the
    days. A name of an earlier step is its result; ``line_1`` is the first of ``commitments``.
    """
    row = proof.stated
    shown = proof.witnesses[:MOST_WITNESSES]
    return {
        "day": row.day.isoformat(),
        "usage_type": row.usage_type.value,
        "figures": {
            "used": row.used,
            "committed": row.committed,
            "substituted": row.substituted,
            "overage": row.overage,
        },
        "comment": OVERAGE_PEAK if row.is_overage_peak else "",
        "recomputed": proof.recomputed,
        **_agreement(proof.difference, cell_verdict(proof)),
        **_basis(proof.rules, proof.ground),
        "steps": _steps(proof.steps),
        "mark": _steps(proof.mark),
        "peak": _peak(proof.peak),
        "counted": {
            "count": len(proof.witnesses),
            "restated": len(proof.restated),
            "results": [_witness(each) for each in shown],
        },
        "commitments": [_commitment(each) for each in proof.commitments],
        "billed": {
            "quantity": proof.billed.quantity,
            "day": proof.billed.day and proof.billed.day.isoformat(),
        },
    }


def billed_json(proof: BilledProof) -> Json:
    """The proof of a billed quantity; ``of_day`` is that of the row which it hangs on."""
    return {
        "usage_type": proof.usage_type.value,
        "billed": {
            "quantity": proof.stated.quantity,
            "day": proof.stated.day and proof.stated.day.isoformat(),
        },
        "marked": {
            "day": proof.marked_day and proof.marked_day.isoformat(),
            "overage": proof.marked_overage,
        },
        "recomputed": proof.recomputed,
        **_agreement(proof.difference, billed_verdict(proof)),
        **_basis(proof.rules, proof.ground),
        "steps": _steps(proof.steps),
        "days": [
            {
                "day": row.day.isoformat(),
                "used": row.used,
                "committed": row.committed,
                "substituted": row.substituted,
                "overage": row.overage,
            }
            for row in proof.rows
        ],
        "of_day": cell_json(proof.of_day),
    }


def _agreement(difference: Difference | None, sentence: str) -> Json:
    return {"agrees": difference is None, "difference": difference, "verdict": sentence}


def _basis(rules: Sequence[Rule], ground: Ground) -> Json:
    return {
        "rules": rules,
        "rules_version": ground.rules_version,
        "settings": ground.settings.snapshot(ground.licence_model),
    }


def _steps(steps: Iterable[Step]) -> list[Json]:
    return [asdict(step) for step in steps]


def _peak(peak: Peak | None) -> Json | None:
    if peak is None:
        return None
    return {
        "reading": peak.reading,
        "start": _moment(peak.start),
        "end": _moment(peak.end),
        "looks_back_to": _moment(peak.since),
    }


def _witness(witness: Witness) -> Json:
    """An agent or a contact; seconds present in each of the four samples, first days of logins: where there are any."""
    said: Json = {"actor": witness.actor}
    if witness.present:
        said["present_seconds"] = [time.total_seconds() for time in witness.present]
    if witness.first_day is not None:
        said["first_login"] = witness.first_day.isoformat()
        said["first_premium"] = witness.premium_day and witness.premium_day.isoformat()
    return {**said, "records": [_record(record) for record in witness.records]}


def _record(record: StoredRecord) -> Json:
    licence = None if record.premium is None else "premium" if record.premium else "standard"
    return {
        "source": record.source,
        "record_id": record.record_id,
        "licence": licence,
        "started_at": _moment(record.started_at),
        "ended_at": None if record.ended_at is None else _moment(record.ended_at),
        "recorded_at": _moment(record.recorded_at),
    }


def _commitment(line: Commitment) -> Json:
    return {
        "subscription": line.subscription,
        "sku": line.sku,
        "usage_type": line.usage_type.value,
        "quantity": line.quantity,
        "from": line.first.isoformat(),
        "to": line.last and line.last.isoformat(),
    }


def _moment(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
