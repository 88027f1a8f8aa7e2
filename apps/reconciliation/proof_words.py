"""Proofs in sentences: what a figure says, why it may be another than expected, and whether it agrees."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.catalogue.domain.kinds import UsageType
from apps.core.formatting import day, day_short, number
from apps.reconciliation.domain.proof import BilledProof, CellProof, Column, Difference, Ground
from apps.reconciliation.domain.settings import RULES_VERSION
from apps.reconciliation.domain.workings import results_of
from apps.reconciliation.proof_parts import column_name, peak_time, shown
from apps.reconciliation.summaries import short_name, time_of


def cell_sentences(proof: CellProof) -> list[str]:
    """What a row says: who was counted, and what that comes to."""
    sentences = [_use(proof), _balance(proof)] if proof.witnesses else [_use(proof)]
    if proof.mark:
        sentences.append(
            _(
                'The row is marked as "Overage peak": this is the first day on which its family has the largest'
                " overage of the cycle, %(largest)s (rule R7)."
            )
            % {"largest": shown(results_of(proof.mark)["largest"])}
        )
        sentences += _mark_and_bill(proof)
    return sentences


def _use(proof: CellProof) -> str:
    row, peak = proof.stated, proof.peak
    said = {"count": number(len(proof.witnesses)), "type": short_name(row.usage_type), "day": day(row.day)}
    if not proof.witnesses:
        return _("Nobody was counted on %(day)s.") % said
    if peak is None:
        said |= {"first": day_short(proof.ground.period.first)}
        if row.usage_type is UsageType.WORKFORCE_OPTIMIZATION:
            sentence = ngettext(
                "%(count)s agent had used workforce optimization from the cycle's first day, %(first)s, to %(day)s.",
                "%(count)s agents had used workforce optimization from the cycle's first day, %(first)s, to %(day)s.",
                len(proof.witnesses),
            )
        else:
            sentence = ngettext(
                "%(count)s %(type)s agent had logged in from the cycle's first day, %(first)s, to %(day)s.",
                "%(count)s %(type)s agents had logged in from the cycle's first day, %(first)s, to %(day)s.",
                len(proof.witnesses),
            )
    elif peak.reading == "sample":
        said |= {"time": peak_time(peak)}
        sentence = ngettext(
            "%(count)s %(type)s agent was counted in the quarter-hour %(time)s, the first with the most on %(day)s.",
            "%(count)s %(type)s agents were counted in the quarter-hour %(time)s, the first with the most on %(day)s.",
            len(proof.witnesses),
        )
    elif peak.reading == "minute":
        said |= {"time": peak_time(peak)}
        sentence = ngettext(
            "%(count)s contact was in menus and prompts in the minute %(time)s, the first with the most on %(day)s.",
            "%(count)s contacts were in menus and prompts in the minute %(time)s, the first with the most on %(day)s.",
            len(proof.witnesses),
        )
    else:
        said |= {"time": peak_time(peak)}
        sentence = ngettext(
            "%(count)s contact was in menus and prompts at %(time)s, the first instant with the most on %(day)s.",
            "%(count)s contacts were in menus and prompts at %(time)s, the first instant with the most on %(day)s.",
            len(proof.witnesses),
        )
    return sentence % said


def _balance(proof: CellProof) -> str:
    figures = proof.recomputed
    said = {name: number(value) for name, value in figures.items()}
    above = figures["overage"] + figures["substituted"]
    if not above:
        return _("The commitment of %(committed)s covers that.") % said
    if not figures["substituted"]:
        return _("Above the commitment of %(committed)s, that is an overage of %(overage)s.") % said
    return _(
        "That is %(above)s above the commitment of %(committed)s; unused Premium covers %(substituted)s, and the"
        " overage is %(overage)s."
    ) % {**said, "above": number(above)}


def _mark_and_bill(proof: CellProof) -> list[str]:
    """A marked row may be billed as something else (R6, R8)."""
    row, billed = proof.stated, proof.billed
    if (billed.quantity, billed.day) == (row.overage, row.day):
        return []
    if row.usage_type is UsageType.IVR_PORT:
        return [_ports_billed(row.overage, billed.quantity)]
    return [
        _(
            "Billed is the largest daily overage of the usage type by itself: %(quantity)s, on %(day)s (rule R6)."
        )
        % {"quantity": number(billed.quantity), "day": day(billed.day or row.day)}
    ]


def _ports_billed(overage: int, quantity: int) -> str:
    said = {"overage": number(overage), "quantity": number(quantity)}
    if not quantity:
        return (
            _(
                "The marked row shows %(overage)s, and yet nothing is billed: billing takes the agents billed as"
                " overage for the whole cycle, each of whom brings two ports on every day (rule R8)."
            )
            % said
        )
    return (
        _(
            "The marked row shows %(overage)s and %(quantity)s are billed: billing takes the agents billed as overage"
            " for the whole cycle, each of whom brings two ports on every day (rule R8)."
        )
        % said
    )


def billed_sentences(proof: BilledProof) -> list[str]:
    """What is billed, on account of which day, and why the marked day may show something else."""
    stated = proof.stated
    if stated.day is None:
        if proof.marked_overage:
            return [_ports_billed(proof.marked_overage, 0)]
        return [_("Nothing is billed: there is no overage to bill on any day of the cycle.")]
    said = {"count": number(stated.quantity), "day": day(stated.day)}
    if proof.ground.settings.billed_peak == "combined_day":
        return [_("Billed is the overage of %(day)s, the marked day: %(count)s.") % said]
    sentences = [_("Billed is the largest daily overage of the cycle: %(count)s, on %(day)s.") % said]
    reached = days_like_the_billed(proof)
    if reached > 1:
        sentences.append(
            _("It is reached on %(count)s days; the first of them is named.") % {"count": number(reached)}
        )
    if proof.usage_type is UsageType.IVR_PORT:
        if proof.marked_overage > stated.quantity:
            sentences.append(_ports_billed(proof.marked_overage, stated.quantity))
    elif proof.marked_day is not None and proof.marked_overage < stated.quantity:
        sentences.append(
            _(
                'The mark "Overage peak" stands on %(marked)s, when Premium and Standard together have the most; on'
                " that day this usage type shows %(shown)s. Each type is billed by its own largest day, so the sum"
                " billed can be more than the marked day shows (rules R6, R7)."
            )
            % {"marked": day(proof.marked_day), "shown": number(proof.marked_overage)}
        )
    return sentences


def days_like_the_billed(proof: BilledProof) -> int:
    """On how many days the billed quantity is reached."""
    results = results_of(proof.steps)
    by_day = results.get("above") or [row.overage for row in proof.rows]
    assert not isinstance(by_day, int)
    return list(by_day).count(proof.stated.quantity)


# Whether it agrees


def verdict(ground: Ground, difference: Difference | None, *, stated: str, now: str) -> str:
    """Whether what is stated is what the records and commitments come to now, in one sentence."""
    said = {
        "stated": stated,
        "now": now,
        "then": ground.rules_version,
        "version": RULES_VERSION,
        "day": day(ground.closed_at.date()) if ground.closed_at else "",
    }
    if difference is None:
        return _("Worked out again from the records and commitments just now: it agrees.")
    if difference is Difference.LATE_RECORDS:
        return (
            _(
                "Records arrived after the invoice was issued on %(day)s: it states %(stated)s, the records as they are"
                " now come to %(now)s. What is issued stays; the difference is settled later (rule R13)."
            )
            % said
        )
    if difference is Difference.LATE_TERMS:
        return (
            _(
                "Commitments were entered after the invoice was issued on %(day)s: it states %(stated)s, as they are"
                " now it would be %(now)s. What is issued stays; the difference is settled later (rule R13)."
            )
            % said
        )
    if difference is Difference.OTHER_RULES:
        return (
            _(
                "It was calculated by the rules %(then)s and states %(stated)s; by the rules %(version)s it would be"
                " %(now)s."
            )
            % said
        )
    return (
        _("It states %(stated)s, but worked out again just now it is %(now)s. Please report this figure.")
        % said
    )


def cell_verdict(proof: CellProof) -> str:
    """Whether a row agrees; names the figures that do not."""
    stated, now = [], []
    for column in (Column.USED, Column.COMMITTED, Column.SUBSTITUTED, Column.OVERAGE):
        before, after = getattr(proof.stated, column.value), proof.recomputed[column.value]
        if before != after:
            stated.append(f"{column_name(column)} {number(before)}")
            now.append(f"{column_name(column)} {number(after)}")
    if not stated and proof.peak is not None:
        stated, now = [time_of(proof.stated.peak_at or 0)], [peak_time(proof.peak)]
    return verdict(proof.ground, proof.difference, stated=", ".join(stated), now=", ".join(now))


def billed_verdict(proof: BilledProof) -> str:
    """Whether a billed quantity agrees."""
    return verdict(
        proof.ground,
        proof.difference,
        stated=number(proof.stated.quantity),
        now=number(proof.recomputed),
    )
