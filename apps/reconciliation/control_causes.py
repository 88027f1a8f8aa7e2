"""Why a vendor's figures are not ours, in words: a few for a cell of a table, or a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.core.formatting import MINUS, day, day_short, moment, number
from apps.reconciliation.domain.control_theories import Cause

Plain = Mapping[str, Any]


def hours(minutes: int) -> str:
    """A shift as people say it: ``+2 h``, ``−3:30 h``."""
    whole, rest = divmod(abs(minutes), 60)
    return f"{'+' if minutes > 0 else MINUS}{whole}{f':{rest:02}' if rest else ''} h"


def _listed_days(days: Sequence[str]) -> str:
    said = [day_short(date.fromisoformat(each)) for each in days[:4]]
    left = len(days) - len(said)
    if left:
        said.append(_("%(count)s more") % {"count": number(left)})
    return ", ".join(said)


def _bill_days(details: Plain) -> str:
    """Bill days that do the same; of many the first and the last."""
    days = details["bill_days"]
    if len(days) > 3:
        return _("%(first)s – %(last)s") % {"first": days[0], "last": days[-1]}
    return joined(map(str, days))


def _around(details: Plain) -> dict[str, str]:
    def of(name: str) -> str:
        value = details.get(name)
        return _("none of this cycle") if value is None else number(value)

    return {"records": of("records"), "before": of("before"), "after": of("after")}


def short_reason(explanation: Plain) -> str:
    """Why, in a few words for a cell of a table."""
    details = explanation["details"]
    match Cause(explanation["cause"]):
        case Cause.TIME_ZONE:
            return _("time zone %(shift)s") % {"shift": hours(details["minutes"])}
        case Cause.BILL_DAY:
            return _("bill day %(days)s") % {"days": _bill_days(details)}
        case Cause.MISSING_DAY:
            return _("without %(days)s") % {"days": _listed_days(details["days"])}
        case Cause.LATE_RECORDS:
            return _("late records")
        case Cause.LINE_LEFT_OUT:
            return _("without %(quantity)s × %(sku)s of %(subscription)s") % dict(details)
        case Cause.LINE_ALWAYS:
            return _("%(quantity)s × %(sku)s of %(subscription)s on all days") % dict(details)
        case Cause.ONE_SUBSCRIPTION:
            return _("%(subscription)s alone") % dict(details)
        case Cause.LOOKED_NO_FURTHER:
            return _("looked no further than %(day)s") % {
                "day": day_short(date.fromisoformat(details["until"]))
            }
        case Cause.OF_ANOTHER_DAY:
            return _("as on %(day)s") % {"day": day_short(date.fromisoformat(details["day"]))}
        case cause:
            return str(_SHORT[cause])


_SHORT = {
    Cause.MISSING_ROW: gettext_lazy("no row of theirs"),
    Cause.REPEATED_ROW: gettext_lazy("row stands twice"),
    Cause.NO_RECORDS: gettext_lazy("no records here"),
    Cause.RECORDS_SINCE: gettext_lazy("records came after the closing"),
    Cause.DAILY_COUNT: gettext_lazy("counted every night"),
    Cause.PER_SOURCE: gettext_lazy("counted per source"),
    Cause.ONE_SPELLING: gettext_lazy("two spellings, one id"),
    Cause.PER_RECORD: gettext_lazy("records, not ids"),
    Cause.TWICE: gettext_lazy("twice ours"),
    Cause.LICENCE_MODEL: gettext_lazy("other licence model"),
    Cause.LINES_SINCE: gettext_lazy("lines entered since"),
    Cause.NO_BUNDLED_PORTS: gettext_lazy("no bundled ports"),
    Cause.PORTS_OF_COMMITTED: gettext_lazy("ports of commitments"),
    Cause.PORTS_OF_BILLED: gettext_lazy("ports of billed overage"),
    Cause.NO_SUBSTITUTION: gettext_lazy("no substitution"),
    Cause.ANOTHER_OF_EQUALS: gettext_lazy("equal peaks"),
    Cause.FOLLOWS: gettext_lazy("follows from their row"),
}


def long_reason(explanation: Plain) -> str:
    """Why, in a sentence, with what it was told by."""
    details = explanation["details"]
    said = _LONG[Cause(explanation["cause"])](details)
    of, reproduced = explanation.get("of", 0), explanation.get("reproduced", 0)
    if not of:
        return said
    if reproduced == of:
        return _("%(reason)s This gives all %(of)s of their figures.") % {"reason": said, "of": number(of)}
    return _("%(reason)s This gives %(reproduced)s of their %(of)s figures.") % {
        "reason": said,
        "reproduced": number(reproduced),
        "of": number(of),
    }


_LONG: dict[Cause, Callable[[Plain], str]] = {
    Cause.MISSING_ROW: lambda details: (
        ngettext(
            "Their paper has no row of %(day)s. Here is %(records)s record of that day, %(before)s of the day before"
            " and %(after)s of the day after.",
            "Their paper has no row of %(day)s. Here are %(records)s records of that day, %(before)s of the day before"
            " and %(after)s of the day after.",
            details["records"],
        )
        % {"day": day(date.fromisoformat(details["day"])), **_around(details)}
    ),
    Cause.NO_RECORDS: lambda details: (
        _(
            "Here are no records of %(day)s, but %(before)s of the day before and %(after)s of the day after: a"
            " delivery may be missing."
        )
        % {"day": day(date.fromisoformat(details["day"])), **_around(details)}
    ),
    Cause.REPEATED_ROW: lambda details: (
        (
            _("Their paper has the same row twice, on lines %(lines)s: the first counts here.")
            if details["same"]
            else _("Their paper has two different rows, on lines %(lines)s: the first counts here.")
        )
        % {"lines": ", ".join(map(str, details["lines"]))}
    ),
    Cause.MISSING_DAY: lambda details: (
        ngettext(
            "They lack the records of %(days)s: %(records)s record here (%(before)s of the day before, %(after)s of"
            " the day after).",
            "They lack the records of %(days)s: %(records)s records here (%(before)s of the day before, %(after)s of"
            " the day after).",
            details["records"],
        )
        % {"days": _listed_days(details["days"]), **_around(details)}
    ),
    Cause.RECORDS_SINCE: lambda _details: _(
        "They counted records that came here after the cycle was closed; with these our figures would be theirs."
    ),
    Cause.LOOKED_NO_FURTHER: lambda details: (
        _("They looked no further than %(day)s: who became Premium later is Standard in their paper (R3).")
        % {"day": day(date.fromisoformat(details["until"]))}
    ),
    Cause.LINES_SINCE: lambda _details: _(
        "Their commitment has changes of subscriptions that were entered here after the cycle was closed."
    ),
    Cause.LATE_RECORDS: lambda details: (
        ngettext(
            "They counted without %(records)s record that came here after %(until)s.",
            "They counted without %(records)s records that came here after %(until)s.",
            details["records"],
        )
        % {
            "records": number(details["records"]),
            "until": moment(datetime.fromisoformat(details["until"])),
        }
    ),
    Cause.DAILY_COUNT: lambda _details: _(
        "They counted each day when it ended, without the records of it that came later."
    ),
    Cause.BILL_DAY: lambda details: (
        _("Their counts start again on bill day %(days)s.") % {"days": _bill_days(details)}
    ),
    Cause.TIME_ZONE: lambda details: (
        _("Their days begin at midnight of the time zone UTC %(shift)s.")
        % {"shift": hours(details["minutes"])}
    ),
    Cause.PER_SOURCE: lambda _details: _(
        "They count an agent or a contact that several sources have brought once for each source."
    ),
    Cause.ONE_SPELLING: lambda _details: _(
        "They take ids that differ in capitals or spaces alone for one; here they are several."
    ),
    Cause.PER_RECORD: lambda _details: _(
        "They count records; here each agent or contact counts once, however many records it has."
    ),
    Cause.TWICE: lambda _details: _(
        "Their figures are twice ours: they may have counted every record twice."
    ),
    Cause.LICENCE_MODEL: lambda details: (
        _("They count named agents where we count concurrent ones.")
        if details["model"] == "named"
        else _("They count concurrent agents where we count named ones.")
    ),
    Cause.LINE_LEFT_OUT: lambda details: (
        _("Their commitment is without %(quantity)s × %(sku)s of %(subscription)s.") % dict(details)
    ),
    Cause.LINE_ALWAYS: lambda details: (
        _(
            "Their commitment has %(quantity)s × %(sku)s of %(subscription)s on days on which it is not in force here."
        )
        % dict(details)
    ),
    Cause.ONE_SUBSCRIPTION: lambda details: (
        _("Their commitment is that of %(subscription)s alone.") % dict(details)
    ),
    Cause.OF_ANOTHER_DAY: lambda details: (
        _("Their commitment is that of %(day)s on all days.")
        % {"day": day(date.fromisoformat(details["day"]))}
    ),
    Cause.NO_BUNDLED_PORTS: lambda _details: _(
        "Their commitment has the additional ports alone, without those that come with licences."
    ),
    Cause.PORTS_OF_COMMITTED: lambda _details: _(
        "Their commitment has the ports of committed licences, without those of licences used above them."
    ),
    Cause.PORTS_OF_BILLED: lambda details: (
        _(
            "Their commitment has the ports of the %(agents)s licences billed for the whole cycle, not those of each"
            " day."
        )
        % {"agents": number(details["agents"])}
    ),
    Cause.NO_SUBSTITUTION: lambda _details: _(
        "They let no unused Premium commitment cover Standard use (R4)."
    ),
    Cause.ANOTHER_OF_EQUALS: lambda _details: _(
        "Several days have the largest overage; theirs marks another one of them (R7)."
    ),
    Cause.FOLLOWS: lambda _details: _("It follows from the other figures of their own row."),
}


def joined(reasons: Iterable[str]) -> str:
    """Reasons that are as good as each other."""
    return (" " + _("or") + " ").join(dict.fromkeys(reasons))
