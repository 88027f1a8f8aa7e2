"""Control totals in words: why a paper was refused, why figures differ, and what a comparison came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.catalogue.domain.kinds import UsageType
from apps.core.formatting import day, moment, number
from apps.core.problems import Refusal
from apps.reconciliation.control_causes import short_reason
from apps.reconciliation.domain.control_papers import PaperRefused
from apps.reconciliation.domain.control_rows import Column
from apps.reconciliation.domain.control_theories import Cause, Certainty
from apps.reconciliation.domain.control_world import TOGETHER

Plain = Mapping[str, Any]


class NoPaper(Refusal):
    """A file cannot be read as a paper of control totals."""


def refusal_of(refused: PaperRefused) -> NoPaper:
    """A paper's fault as one line, with the line of the file and what stands there."""
    said = _(refused.fault.value)
    if refused.line and refused.found:
        return NoPaper(
            _("Line %(line)s, “%(found)s”: %(fault)s")
            % {"line": refused.line, "found": refused.found, "fault": said}
        )
    if refused.line:
        return NoPaper(_("Line %(line)s: %(fault)s") % {"line": refused.line, "fault": said})
    return NoPaper(said)


def certainty_name(certainty: str) -> tuple[str, str]:
    """How sure an explanation is, in a word and a tone."""
    return {
        Certainty.EXACT: (_("Reproduced"), "ok"),
        Certainty.PARTLY: (_("In part"), "warning"),
        Certainty.FITS: (_("Fits"), "info"),
    }[Certainty(certainty)]


def column_name(column: str) -> str:
    """What differs, in the vendor's words."""
    return {
        Column.USED: _("Units Used"),
        Column.COMMITTED: _("Units Commitment"),
        Column.SUBSTITUTED: _("Units Substituted"),
        Column.OVERAGE: _("Units Overage"),
        Column.MARK: _("Comment"),
    }[Column(column)]


def about_name(about: str) -> str:
    """What is counted, or a usage type, in a few words."""
    names = {
        "agents": _("agents"),
        "together": _("agents at once"),
        TOGETHER: _("agents at once"),
        "wfo": _("workforce optimization"),
        "ivr": _("IVR ports"),
        UsageType.PREMIUM_NAMED: _("Premium named agents"),
        UsageType.STANDARD_NAMED: _("Standard named agents"),
        UsageType.PREMIUM_CONCURRENT: _("Premium concurrent agents"),
        UsageType.STANDARD_CONCURRENT: _("Standard concurrent agents"),
        UsageType.WORKFORCE_OPTIMIZATION: _("workforce optimization"),
        UsageType.IVR_PORT: _("IVR ports"),
    }
    return names.get(about, about)


def type_name(key: str) -> str:
    """A row's usage type as a Daily Detail has it."""
    return {
        TOGETHER: _("Concurrent agents, both licences"),
        UsageType.PREMIUM_NAMED: "Premium Named Agent",
        UsageType.STANDARD_NAMED: "Standard Named Agent",
        UsageType.PREMIUM_CONCURRENT: "Premium Concurrent Agent",
        UsageType.STANDARD_CONCURRENT: "Standard Concurrent Agent",
        UsageType.WORKFORCE_OPTIMIZATION: "Workforce Optimization Agent",
        UsageType.IVR_PORT: "IVR Port",
    }.get(key, key)


def grouped(explanations: Sequence[Plain]) -> list[Plain]:
    """What to read first: each cause once for what it is about, the surest first.

    Rows that are missing day by day are one; what follows from the rest goes last.
    """
    rank = {Certainty.EXACT.value: 0, Certainty.PARTLY.value: 1, Certainty.FITS.value: 2}
    found: dict[tuple[Any, ...], Plain] = {}
    for each in explanations:
        of_days = each["cause"] in (Cause.MISSING_ROW, Cause.NO_RECORDS)
        details = (
            () if of_days else tuple(sorted((key, str(value)) for key, value in each["details"].items()))
        )
        found.setdefault((each["cause"], each["about"], details), each)
    return sorted(found.values(), key=lambda each: (each["cause"] == Cause.FOLLOWS, rank[each["certainty"]]))


def causes_of(result: Plain) -> list[str]:
    """The reasons in a few words, without those that follow from others; each once."""
    said = [short_reason(each) for each in grouped(result["explanations"]) if each["cause"] != Cause.FOLLOWS]
    return list(dict.fromkeys(said))


def verdict(result: Plain) -> tuple[str, str]:
    """What a comparison of days came to, in a sentence and a tone."""
    days, differing, unexplained = result["days"], result["differing_days"], result["unexplained_days"]
    if not differing:
        said = ngettext("%(days)s of %(days)s day agrees.", "%(days)s of %(days)s days agree.", days) % {
            "days": number(days)
        }
        return said, "ok"
    counts = {"count": number(differing), "days": number(days), "unexplained": number(unexplained)}
    said = (
        ngettext("%(count)s of %(days)s days differs.", "%(count)s of %(days)s days differ.", differing)
        % counts
    )
    if not unexplained:
        return said + " " + _("All of it is explained."), "warning"
    left = ngettext(
        "%(unexplained)s day cannot be explained.", "%(unexplained)s days cannot be explained.", unexplained
    )
    return f"{said} {left % counts}", "danger"


def notes(result: Plain) -> list[str]:
    """What was compared, and what not."""
    said = []
    if result.get("closed_at"):
        said.append(
            _("The cycle is closed: compared with the figures of its closing on %(moment)s.")
            % {"moment": moment(datetime.fromisoformat(result["closed_at"]))}
        )
    if result.get("after"):
        said.append(
            ngettext(
                "Compared up to %(day)s: the last day of the cycle is not in their paper or not over.",
                "Compared up to %(day)s: the last %(count)s days of the cycle are not in their paper or not over.",
                result["after"],
            )
            % {"day": day(date.fromisoformat(result["until"])), "count": number(result["after"])}
        )
    if result.get("outside"):
        said.append(
            ngettext(
                "%(count)s row of theirs lies on another day and is not compared.",
                "%(count)s rows of theirs lie on other days and are not compared.",
                result["outside"],
            )
            % {"count": number(result["outside"])}
        )
    if result.get("left_out"):
        said.append(
            _("Their paper does not have: %(types)s.")
            % {"types": ", ".join(map(type_name, result["left_out"]))}
        )
    return said
