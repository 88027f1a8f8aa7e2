"""The parts of a proof in words: steps, times, rules and settings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.catalogue.domain.kinds import UsageType
from apps.core.formatting import EN_DASH, MINUS, NO_BREAK, day_short, number
from apps.reconciliation.domain.detail import Row
from apps.reconciliation.domain.formulas import Value
from apps.reconciliation.domain.proof import Column, Ground
from apps.reconciliation.domain.witnesses import Peak
from apps.reconciliation.domain.workings import Rule, Step
from apps.reconciliation.summaries import licence_model_name, time_of
from apps.usage.domain.evidence import StoredRecord


def column_name(column: Column) -> str:
    """A column of the Daily Detail, in the vendor's words."""
    return {
        Column.USED: _("Units Used"),
        Column.COMMITTED: _("Units Commitment"),
        Column.SUBSTITUTED: _("Units Substituted"),
        Column.OVERAGE: _("Units Overage"),
        Column.MARK: _("Overage peak"),
    }[column]


def step_name(step: Step, usage_type: UsageType) -> str:
    """What a step comes to."""
    is_ports = usage_type is UsageType.IVR_PORT
    names = {
        "used": column_name(Column.USED),
        "committed": _("Ports in all") if is_ports else column_name(Column.COMMITTED),
        "substituted": column_name(Column.SUBSTITUTED),
        "overage": column_name(Column.OVERAGE),
        "above": _("Above the ports") if is_ports else _("Above the commitment"),
        "premium_used": _("Premium used"),
        "premium_committed": _("Premium committed"),
        "premium_left": _("Unused Premium commitment"),
        "premium_overage": _("Premium overage"),
        "standard_used": _("Standard used"),
        "standard_committed": _("Standard committed"),
        "standard_above": _("Standard above its commitment"),
        "standard_substituted": _("Standard covered by Premium"),
        "standard_overage": _("Standard overage"),
        "bundled": _("Bundled ports"),
        "additional": _("Additional ports"),
        "ports": _("Ports in all"),
        "agents_billed": _("Agents billed as overage for the cycle"),
        "family_overage": _("Overage of the family on this day"),
        "largest": _("Largest of all days"),
        "billed": _("Billed"),
    }
    return names[step.key]


def step_rows(steps: Sequence[Step], usage_type: UsageType, *, position: int) -> list[dict[str, str]]:
    """Steps for ``components/sum.html``; of those that are worked out day by day the day at ``position``."""
    return [
        {
            "label": step_name(step, usage_type),
            "note": step.rule.value,
            "expression": _expression(step, position),
            "result": shown(step.result, position),
        }
        for step in steps
    ]


def _expression(step: Step, position: int) -> str:
    """The formula with its numbers; nothing where it is a number alone."""
    highest = re.fullmatch(r"highest\((\w+)\)", step.formula)
    if highest:
        days = step.inputs[highest[1]]
        count = 1 if isinstance(days, int) else len(days)
        return ngettext("largest of %(count)s day", "largest of %(count)s days", count) % {
            "count": number(count)
        }
    if re.fullmatch(r"\w+", step.formula):
        return ""
    with_numbers = re.sub(
        r"[a-z_]\w*",
        lambda name: shown(step.inputs[name[0]], position) if name[0] in step.inputs else name[0],
        step.formula,
    )
    return (
        with_numbers.replace("*", "×")
        .replace("-", MINUS)
        .replace(" ", NO_BREAK)
        .replace(f"+{NO_BREAK}", "+ ")
    )


def shown(value: Value, position: int = 0) -> str:
    """A value in digits; of one a day that of the day at ``position``."""
    return number(value if isinstance(value, int) else value[position])


def peak_time(peak: Peak) -> str:
    """The sample, minute or instant of a peak: 10:45–11:00 UTC."""
    if peak.reading == "sample":
        end = f"{peak.end:%H:%M}" if peak.end.date() == peak.start.date() else "24:00"
        return _("%(time)s UTC") % {"time": f"{peak.start:%H:%M}{EN_DASH}{end}"}
    if peak.reading == "minute":
        return time_of(peak.start.hour * 60 + peak.start.minute)
    return _("%(time)s UTC") % {"time": clock(peak.start)}


def clock(moment: datetime) -> str:
    """A time of the day as exact as it is: 10:45:00, or 10:45:00.25."""
    seconds = f"{moment:%H:%M:%S}"
    return f"{seconds}.{moment.microsecond:06}".rstrip("0") if moment.microsecond else seconds


def record_time(record: StoredRecord, row: Row) -> str:
    """From when to when a record lasts; with days where it does not start or end on the row's."""
    start, end = record.started_at, record.ended_at
    if end is None:
        until = _("still open")
    else:
        until = clock(end) if end.date() == start.date() else f"{day_short(end.date())} {clock(end)}"
    since = clock(start) if start.date() == row.day else f"{day_short(start.date())} {clock(start)}"
    return f"{since} {EN_DASH} {until}"


def minutes(time: timedelta) -> str:
    """A length of time in minutes and seconds: 14:05."""
    seconds = time // timedelta(seconds=1)
    return f"{seconds // 60}:{seconds % 60:02}"


def rule_text(rule: Rule, ground: Ground) -> str:
    """A rule in a sentence or two, as the settings read it."""
    settings = ground.settings
    return {
        Rule.CONCURRENT: _(
            "The day has 96 quarter-hours, its samples. An agent is present in a sample when logged in for at least"
            " 60 seconds of it, and counted in a sample when present in it and in the three before. Who uses Premium"
            " in any of the four, however briefly, is Premium there, otherwise Standard."
        ),
        Rule.NAMED: _(
            "Every agent who logged in from the cycle's first day on is counted once. One who uses Premium on any day"
            " of the cycle is Premium in the whole cycle, from the first login on."
        ),
        Rule.SUBSTITUTION: _("Unused Premium commitment covers Standard; Standard never covers Premium."),
        Rule.OVERAGE: _("Overage is what is used above the commitment and covered by nothing else."),
        Rule.BILLED: _("Billed is each usage type's largest daily overage of the cycle.")
        if settings.billed_peak == "per_type"
        else _("Billed is each usage type's overage on the marked day of its family."),
        Rule.MARK: _(
            "In each family one row is marked: of the first day with the largest overage of its types together, the"
            " first row with any."
        ),
        Rule.PORTS: _(
            "A contact occupies a port in every clock minute that it touches, once, however many legs it has there. Two"
            " ports come with every agent licence, committed or incurred as overage."
        )
        if settings.ivr_peak == "minute"
        else _(
            "A contact occupies a port at every instant that it is there, once, however many legs it has then. Two"
            " ports come with every agent licence, committed or incurred as overage."
        ),
        Rule.COMMITMENTS: _("The quantities in force on the day are added up over all subscriptions."),
        Rule.WFO: _(
            "Every agent who used workforce optimization from the cycle's first day on is counted once; nothing is"
            " substituted."
        ),
    }[rule]


def setting_items(ground: Ground) -> list[tuple[str, str]]:
    """What else decides: the settings and the rules' version."""
    settings = ground.settings
    hours = settings.longest_open_hours
    return [
        (_("Licence model"), licence_model_name(ground.licence_model)),
        (
            _("Billed peak"),
            _("Each type's own") if settings.billed_peak == "per_type" else _("That of the marked day"),
        ),
        (
            _("IVR peak"),
            _("Contacts of a clock minute")
            if settings.ivr_peak == "minute"
            else _("Contacts at one instant"),
        ),
        (
            _("A record still open lasts at most"),
            ngettext("%(count)s hour", "%(count)s hours", hours) % {"count": number(hours)},
        ),
        (_("Version of the rules"), ground.rules_version),
    ]
