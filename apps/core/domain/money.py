"""Money: decimals only, rounded once, by name (R14)."""

from decimal import Decimal
from fractions import Fraction

# ISO 4217: minor digits where they are not 2.
_MINOR_DIGITS = (
    dict.fromkeys(
        [
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ],
        0,
    )
    | dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3)
    | dict.fromkeys(["CLF", "UYW"], 4)
)


def minor_digits(currency: str) -> int:
    """Digits after the point of a currency's amounts: 2 for EUR, 0 for JPY, 3 for KWD."""
    return _MINOR_DIGITS.get(currency, 2)


def round_to_minor_unit(amount: Decimal | Fraction, currency: str) -> Decimal:
    """``amount`` in the currency's minor unit, halves away from zero; never ``-0`` (R14)."""
    digits = minor_digits(currency)
    exact = Fraction(amount) * 10**digits
    units = (2 * abs(exact.numerator) + exact.denominator) // (2 * exact.denominator)
    return Decimal(-units if exact < 0 else units).scaleb(-digits)


def money_text(amount: Decimal, currency: str) -> str:
    """An amount as text with the currency's minor digits, or more where a unit price has more: ``288.00``."""
    digits = minor_digits(currency)
    plain = plain_text(amount)
    _, _, decimals = plain.partition(".")
    return plain if len(decimals) > digits else f"{Decimal(plain).quantize(Decimal(1).scaleb(-digits)):f}"


def plain_text(number: Decimal) -> str:
    """A decimal without needless zeros and without an exponent: ``10``, ``12.5``."""
    text = f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
