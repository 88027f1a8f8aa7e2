"""The portfolio file (formats.md): its shape, and what is wrong with one, by place."""

from __future__ import annotations

import unicodedata
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

_LARGEST_COUNT = 10_000_000
_EARLIEST, _LATEST = date(1900, 1, 1), date(2999, 12, 31)


class PortfolioError(ValueError):
    """The file is not a portfolio; ``str()`` names the first place and how many more there are."""


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool | float) or not isinstance(value, str | int):
        raise ValueError('a decimal is written as text, like "12.50"')
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"{value!r} is not a decimal") from None
    if not number.is_finite():
        raise ValueError(f"{value!r} is not a decimal")
    return number


def _day(value: Any) -> Any:
    if value is None or (isinstance(value, str) and len(value) == 10):
        return value
    raise ValueError("a day is written like 2024-06-09")


def _whole(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("a whole number is expected")
    return value


def _without_control_characters(value: str) -> str:
    if any(unicodedata.category(char) == "Cc" for char in value):
        raise ValueError("a text has no control characters")
    return value


Text = Annotated[
    str,
    StringConstraints(strict=True, strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_without_control_characters),
]
Ref = Annotated[
    str,
    StringConstraints(strict=True, pattern=r"^[^\s/\\?#%]+$", max_length=64),
    AfterValidator(_without_control_characters),
]
Country = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Z]{2}$")]
Currency = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Z]{3}$")]
Day = Annotated[date, BeforeValidator(_day)]
Whole = Annotated[int, BeforeValidator(_whole)]
Money = Annotated[Decimal, BeforeValidator(_decimal), Field(ge=0, max_digits=18, decimal_places=6)]
Percent = Annotated[Decimal, BeforeValidator(_decimal), Field(ge=0, le=100, decimal_places=4)]
SurgePercent = Annotated[Decimal, BeforeValidator(_decimal), Field(ge=0, le=1000, decimal_places=2)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PriceEntry(_Part):
    """A SKU's price from a day on."""

    sku: Ref
    unit_price: Money
    discount_pct: Percent = Decimal(0)
    valid_from: Day = Field(alias="from")


class PriceBookEntry(_Part):
    """A price book; two prices of a SKU from the same day are refused (R14)."""

    ref: Ref
    currency: Currency
    prices: tuple[PriceEntry, ...] = ()

    @model_validator(mode="after")
    def _no_price_twice(self) -> Self:
        seen = set()
        for price in self.prices:
            if (price.sku, price.valid_from) in seen:
                raise ValueError(f"{price.sku} has two prices from {price.valid_from}")
            seen.add((price.sku, price.valid_from))
        return self


class LineEntry(_Part):
    """So many of a SKU; ``from`` and ``to`` left out mean the subscription's own."""

    sku: Ref
    quantity: Annotated[Whole, Field(ge=0, le=_LARGEST_COUNT)]
    valid_from: Day | None = Field(default=None, alias="from")
    valid_to: Day | None = Field(default=None, alias="to")

    @model_validator(mode="after")
    def _ends_after_start(self) -> Self:
        if self.valid_from and self.valid_to and self.valid_to < self.valid_from:
            raise ValueError(f"the line ends on {self.valid_to}, before it starts on {self.valid_from}")
        return self


class SubscriptionEntry(_Part):
    """A subscription with its lines."""

    number: Ref
    offer: Ref
    starts_on: Annotated[Day, Field(ge=_EARLIEST, le=_LATEST)]
    ends_on: Day | None = None
    bill_day: Annotated[Whole, Field(ge=1, le=31)]
    licence_model: Literal["named", "concurrent"] | None = None
    lines: tuple[LineEntry, ...] = ()

    @model_validator(mode="after")
    def _ends_after_start(self) -> Self:
        if self.ends_on and self.ends_on < self.starts_on:
            raise ValueError(f"the subscription ends on {self.ends_on}, before it starts on {self.starts_on}")
        return self


class CustomerEntry(_Part):
    """A customer with its subscriptions. What is left out stays as it is."""

    ref: Ref
    name: Text
    country: Country
    surge_pct: SurgePercent | None = None
    retail_price_book: Ref | None = None
    subscriptions: tuple[SubscriptionEntry, ...] = ()


class PartnerEntry(_Part):
    """A partner with its customers."""

    ref: Ref
    name: Text
    country: Country
    price_book: Ref | None = None
    tax_rate_pct: Percent | None = None
    payment_terms_days: Annotated[Whole, Field(ge=0, le=3650)] | None = None
    customers: tuple[CustomerEntry, ...] = ()


class Portfolio(_Part):
    """The whole file."""

    price_books: tuple[PriceBookEntry, ...] = ()
    partners: tuple[PartnerEntry, ...] = ()


def read_portfolio(text: str | bytes) -> Portfolio:
    """Parse a portfolio file.

    Raises:
        PortfolioError: it is not JSON, or a field is missing, unknown or wrong.
    """
    try:
        return Portfolio.model_validate_json(text, strict=False)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise PortfolioError(f"{_place(problems[0]['loc'])}: {_said(problems[0])}{more}") from None


def _place(location: tuple[int | str, ...]) -> str:
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    return place or "portfolio"


def _said(problem: Any) -> str:
    if problem["type"] == "missing":
        return "is missing"
    if problem["type"] == "extra_forbidden":
        return "is not a field of a portfolio"
    said: str = problem["msg"]
    return said.removeprefix("Value error, ")
