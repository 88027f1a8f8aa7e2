"""Numbers, money, days and periods as people read them, in the language of the page."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from django.utils.dates import MONTHS_3, MONTHS_ALT, MONTHS_AP, WEEKDAYS
from django.utils.formats import get_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext, pgettext

from apps.core.domain.money import minor_digits, plain_text
from apps.core.domain.periods import Period

MINUS = "\N{MINUS SIGN}"
NO_BREAK = "\N{NO-BREAK SPACE}"
EN_DASH = "\N{EN DASH}"

# Months of papers are English capitals in every language, as on the invoices of the trade: 17-APR-2023.
_PAPER_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]


def number(value: int | Decimal, *, decimals: int | None = None) -> str:
    """A number with grouped thousands and a true minus; without ``decimals`` as many digits as it has."""
    if decimals is None and isinstance(value, int) and 0 <= value < 1000:
        return str(value)  # nearly all of them: nothing to group
    exact = Decimal(value)
    text = plain_text(exact) if decimals is None else f"{exact:.{decimals}f}"
    whole, _, fraction = text.lstrip("-").partition(".")
    shown = f"{int(whole):,}".replace(",", get_format("THOUSAND_SEPARATOR"))
    if fraction:
        shown = f"{shown}{get_format('DECIMAL_SEPARATOR')}{fraction}"
    negative = text.startswith("-") and any(digit in "123456789" for digit in text)
    return f"{MINUS}{shown}" if negative else shown


def signed(value: int | Decimal) -> str:
    """A difference: ``+3``, ``−3``, ``0``."""
    return f"+{number(value)}" if value > 0 else number(value)


def amount(value: Decimal, currency: str) -> str:
    """An amount of money with the currency's minor digits (more where a unit price has more), without the currency."""
    _, _, fraction = plain_text(value).partition(".")
    return number(value, decimals=max(minor_digits(currency), len(fraction)))


def money(value: Decimal, currency: str) -> str:
    """An amount with its currency: ``1,234.50 USD``."""
    return f"{amount(value, currency)}{NO_BREAK}{currency}"


def money_html(value: Decimal, currency: str) -> SafeString:
    """An amount with its currency in a quieter tone."""
    return format_html(
        '<span class="money">{} <span class="money-currency">{}</span></span>',
        amount(value, currency),
        currency,
    )


def _written(value: date, pattern: str) -> str:
    names = {
        "weekday": WEEKDAYS[value.weekday()],
        "month": MONTHS_ALT[value.month],
        "short": MONTHS_3[value.month],
        "abbreviated": MONTHS_AP[value.month],
    }
    # Django's catalogues do not agree on capitals: English wants them, our other languages never.
    spell = str.title if (get_language() or "en").startswith("en") else str.lower
    spelt = {key: spell(str(name)) for key, name in names.items()}
    return pattern.format(**spelt, day=value.day, number=value.month, year=value.year)


def day(value: date) -> str:
    """A day in a column or a sentence: ``9 Jun 2024``."""
    # Translators: a short date; of the month {short}, {abbreviated}, {month} (names) and {number} may be used.
    # Holes that the English text lacks are no mistake here, xgettext: no-python-brace-format
    return _written(value, pgettext("date", "{day} {short} {year}"))


def day_short(value: date) -> str:
    """A day where the year is known: ``9 Jun``."""
    # As above, xgettext: no-python-brace-format
    return _written(value, pgettext("date", "{day} {short}"))


def day_long(value: date) -> str:
    """A day with its weekday: ``Sunday 9 June 2024``."""
    # As above, xgettext: no-python-brace-format
    return _written(value, pgettext("date", "{weekday} {day} {month} {year}"))


def period(value: Period) -> str:
    """A period of days: ``9 Jun – 8 Jul 2024``."""
    if value.first == value.last:
        return day(value.first)
    first = day_short(value.first) if value.first.year == value.last.year else day(value.first)
    return f"{first} {EN_DASH} {day(value.last)}"


def paper_day(value: date) -> str:
    """A day as invoices write it: ``17-APR-2023``."""
    return f"{value.day:02}-{_PAPER_MONTHS[value.month - 1]}-{value.year:04}"


def paper_period(value: Period) -> str:
    """A period as invoices write it: ``17-APR-2023 to 16-MAY-2023``."""
    return gettext("%(first)s to %(last)s") % {"first": paper_day(value.first), "last": paper_day(value.last)}


def moment(value: datetime) -> str:
    """A moment, in UTC: ``9 Jun 2024, 14:05 UTC``."""
    in_utc = value.astimezone(UTC)
    return pgettext("date", "%(day)s, %(time)s UTC") % {"day": day(in_utc), "time": f"{in_utc:%H:%M}"}


def duration(seconds: float) -> str:
    """How long something took: ``0.4 s``, ``34 s``, ``3 min 12 s``, ``2 h 5 min``. The signs are those of the SI."""
    if seconds < 10:
        return f"{number(Decimal(f'{seconds:.1f}'))}{NO_BREAK}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest if not hours else 0, "s")]
    return NO_BREAK.join(f"{number(count)}{NO_BREAK}{sign}" for count, sign in parts if count)
