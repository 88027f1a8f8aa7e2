"""A cycle's figures in words: the heads of pages, and why a quantity is billed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.catalogue.domain.kinds import PREMIUM, STANDARD, LicenceModel, UsageType
from apps.core.domain.periods import Period
from apps.core.formatting import day, day_short, number
from apps.reconciliation.cards import PortBundle, TypeFigures
from apps.reconciliation.domain.detail import Family, Row
from apps.reconciliation.domain.overage import BUNDLED_PORTS
from apps.reconciliation.domain.settings import Settings


def vendor_period(period: Period) -> str:
    """A billing cycle as the vendor writes it: 06/09/2024 - 07/08/2024."""
    first, last = period.first, period.last
    return f"{first.month:02}/{first.day:02}/{first.year:04} - {last.month:02}/{last.day:02}/{last.year:04}"


def short_name(usage_type: UsageType) -> str:
    """A usage type beside others: Premium, Standard."""
    if usage_type in PREMIUM.values():
        return _("Premium")
    if usage_type in STANDARD.values():
        return _("Standard")
    return _("WFO") if usage_type is UsageType.WORKFORCE_OPTIMIZATION else _("IVR ports")


def family_name(family: Family | None) -> str:
    """A family as it can be chosen; None are all of them."""
    if family is None:
        return _("All")
    return {Family.AGENTS: _("Agents"), Family.WFO: _("WFO"), Family.IVR: _("IVR ports")}[family]


def licence_model_name(model: LicenceModel | None) -> str:
    """A licence model in words."""
    if model is None:
        return ""
    return _("Named agents") if model is LicenceModel.NAMED else _("Concurrent agents")


def time_of(minute: int) -> str:
    """A minute of the day: 14:05 UTC."""
    return _("%(time)s UTC") % {"time": f"{minute // 60:02}:{minute % 60:02}"}


def moment_of(row: Row) -> str:
    """The day of a row, with the minute of its peak where there is one."""
    if row.peak_at is None or not row.used:
        return day(row.day)
    return _("%(day)s at %(time)s") % {"day": day(row.day), "time": time_of(row.peak_at)}


def each_of(figures: Sequence[TypeFigures], counts: Sequence[int]) -> str:
    """Counts with their usage types: 5 Premium, 20 Standard."""
    return ", ".join(
        _("%(count)s %(type)s") % {"count": number(count), "type": short_name(each.usage_type)}
        for each, count in zip(figures, counts, strict=True)
    )


def agent_stats(agents: Sequence[TypeFigures], *, is_open: bool) -> list[dict[str, Any]]:
    """Licences purchased, used, above or below the allowance on the last day used, and what the cycle bills."""
    last = [each.last for each in agents]
    committed, used = [row.committed for row in last], [row.used for row in last]
    overage, billed = [row.overage for row in last], [each.billed.quantity for each in agents]
    return [
        _stat(_("Licences purchased"), sum(committed), each_of(agents, committed)),
        _stat(
            _("Licences used on %(day)s") % {"day": day_short(last[0].day)}, sum(used), each_of(agents, used)
        ),
        _balance(sum(overage), sum(committed) - sum(used), each_of(agents, overage)),
        _billed_stat(sum(billed), each_of(agents, billed), is_open=is_open),
    ]


def port_stats(ports: TypeFigures, *, is_open: bool) -> list[dict[str, Any]]:
    """The same for IVR ports, with the minutes of the peaks."""
    last, peak = ports.last, max(ports.rows, key=lambda row: row.used)
    return [
        _stat(
            _("Ports on %(day)s") % {"day": day_short(last.day)}, last.committed, _("Bundled and additional")
        ),
        _stat(
            _("Ports used on %(day)s") % {"day": day_short(last.day)},
            last.used,
            _minute_hint(last),
        ),
        _stat(_("Most ports in the cycle"), peak.used, moment_of(peak) if peak.used else ""),
        _billed_stat(
            ports.billed.quantity, moment_of(ports.peak) if ports.billed.day else "", is_open=is_open
        ),
    ]


def _minute_hint(row: Row) -> str:
    if row.peak_at is None or not row.used:
        return ""
    return _("In the minute of %(time)s") % {"time": time_of(row.peak_at)}


def _stat(label: str, value: int, hint: str, tone: str = "") -> dict[str, Any]:
    return {"label": label, "value": number(value), "hint": hint, "tone": tone}


def _balance(overage: int, left: int, hint: str) -> dict[str, Any]:
    if overage:
        return _stat(_("Above the allowance"), overage, hint, "danger")
    return _stat(_("Below the allowance"), left, "", "ok" if left else "")


def _billed_stat(quantity: int, hint: str, *, is_open: bool) -> dict[str, Any]:
    label = _("Billed so far") if is_open else _("Billed for the cycle")
    return _stat(label, quantity, hint if quantity else "", "danger" if quantity else "")


def billed_stats(figures: Sequence[TypeFigures]) -> list[dict[str, Any]]:
    """What is billed of each usage type, and the day it follows from."""
    return [
        _stat(each.name, each.billed.quantity, _billed_hint(each), "danger" if each.billed.quantity else "")
        for each in figures
    ]


def _billed_hint(figures: TypeFigures) -> str:
    if figures.billed.day is None:
        return ""
    row = figures.peak
    if figures.is_first_of_several:
        return _("%(day)s, first day") % {"day": moment_of(row)}
    return moment_of(row)


def billed_sentence(figures: Sequence[TypeFigures]) -> str:
    """``Billed: 2 Premium (13 Jun), 11 Standard (12 Jun, first day)``."""
    parts = [
        (
            _("%(count)s %(type)s (%(day)s, first day)")
            if each.is_first_of_several
            else _("%(count)s %(type)s (%(day)s)")
        )
        % {
            "count": number(each.billed.quantity),
            "type": short_name(each.usage_type),
            "day": day_short(each.billed.day),
        }
        for each in figures
        if each.billed.day is not None
    ]
    return _("Billed: %(what)s.") % {"what": ", ".join(parts)} if parts else _("Nothing is billed.")


def billed_rules(figures: Sequence[TypeFigures], settings: Settings, *, agents_billed: int) -> list[str]:
    """From which rules the billed quantities follow, a sentence for each that plays a part."""
    families = {each.family for each in figures}
    sentences = []
    if families - {Family.IVR} or settings.billed_peak != "per_type":
        sentences.append(
            _(
                "The quantity of a usage type is its largest daily overage in the cycle (rule R6); the types may reach"
                " it on different days, so the sum can be more than the marked day shows."
            )
            if settings.billed_peak == "per_type"
            else _("The quantity of a usage type is its overage on the marked day (rule R6).")
        )
    if Family.IVR in families:
        sentences.append(_port_rule(settings, agents_billed))
    return sentences


def _port_rule(settings: Settings, agents_billed: int) -> str:
    if settings.billed_peak != "per_type":
        return _("Two ports come with every agent licence, that day's overage included (rule R8).")
    if not agents_billed:
        return _("Two ports come with every agent licence (rule R8).")
    return ngettext(
        "Two ports come with every agent licence, also with the %(count)s agent billed as overage for the whole cycle"
        " (rule R8); so a marked day may be billed less than it shows, or nothing.",
        "Two ports come with every agent licence, also with the %(count)s agents billed as overage for the whole cycle"
        " (rule R8); so a marked day may be billed less than it shows, or nothing.",
        agents_billed,
    ) % {"count": number(agents_billed)}


def port_steps(bundle: PortBundle, *, used: int, is_billing: bool) -> list[dict[str, str]]:
    """How many ports there are, step by step, and what is used above them; with the agents that billing takes or with
    those of the day."""
    above = number(max(0, used - bundle.ports))
    return [
        _step(_("Agent licences committed"), number(bundle.committed_agents)),
        _step(
            _("Agents billed as overage for the cycle")
            if bundle.is_of_cycle
            else _("Agents above them on that day"),
            number(bundle.overage_agents),
        ),
        _step(
            _("Bundled ports"),
            number(bundle.bundled),
            f"({number(bundle.committed_agents)} + {number(bundle.overage_agents)}) × {BUNDLED_PORTS}",
        ),
        _step(_("Additional ports"), number(bundle.additional)),
        _step(
            _("Ports in all"), number(bundle.ports), f"{number(bundle.bundled)} + {number(bundle.additional)}"
        ),
        _step(
            _("Ports billed") if is_billing else _("Ports above"),
            above,
            _("%(used)s used, of %(ports)s") % {"used": number(used), "ports": number(bundle.ports)},
        ),
    ]


def _step(label: str, result: str, expression: str = "") -> dict[str, str]:
    return {"label": label, "result": result, "expression": expression}


def ended_note(ends_on: date | None, *, today: date) -> str:
    """A mark for what has ended."""
    return _("ended %(day)s") % {"day": day(ends_on)} if ends_on is not None and ends_on < today else ""
