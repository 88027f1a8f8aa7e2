"""Files of usage as they are opened: what they hold, in which format, and block by block what their rows say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO

from django.utils.translation import gettext as _

from apps.catalogue.domain.kinds import SkuKind
from apps.catalogue.models import Sku
from apps.core.ahead import ahead
from apps.core.problems import Refusal
from apps.core.tenancy import Role, Scope
from apps.organisations.models import Partner
from apps.usage.contexts import beside_stored, open_context
from apps.usage.domain.blocks import gather, join, storable
from apps.usage.domain.columns import Reading
from apps.usage.domain.contents import UnreadableFileError
from apps.usage.domain.files import OpenedFile, open_usage_file
from apps.usage.domain.formats import Format, FormatError, UnknownFormatError, choose, hold_once, own_format
from apps.usage.domain.records import KINDS_OF_FILE, Kind, KindOfFile
from apps.usage.domain.translation import Context, translate
from apps.usage.formats import list_formats
from apps.usage.reasons import in_words
from apps.usage.services.settling import Desk, Prepared, Settled, prepare

DEFAULT_SOURCE = "import"
ROWS_AT_ONCE = 50_000
_UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class UsageRefused(Refusal):
    """The file as a whole cannot be imported."""


@dataclass
class Opened:
    """A file ready to be read by its format."""

    file: OpenedFile
    format: Format
    context: Context
    reading: Reading
    unknown_columns: Sequence[str]

    def blocks(self, *, skip: int = 0) -> Iterator[Prepared]:
        """The rows behind the first ``skip`` in the portal's columns, prepared for storing; read ahead."""
        rows = self.file.rows(self.format.wanted, plain=self.format.is_own)
        blocks = gather(translate(rows, self.format, self.context), size=ROWS_AT_ONCE, skip=skip)
        return ahead(prepare(block, self.reading) for block in blocks)

    def settle(self, desk: Desk, prepared: Prepared) -> Settled:
        """Settle rows, of which those that only the database can tell are told first. Runs in the sender's scope.

        The ends of sessions of earlier files are settled with them: no rows of this one, and counted in none.
        """
        told, ends = beside_stored(prepared.block, self.context, source=desk.delivery.source_name)
        if told is prepared.block:
            return desk.settle(prepared)
        rows = told if ends is None else join([told, ends])
        return desk.settle(prepare(rows, self.reading)).first(len(told))


def check_source(source: str) -> None:
    """A source has a name.

    Raises:
        UsageRefused: it has none, or a long one.
    """
    if not source.strip() or len(source) > 64:
        raise UsageRefused(_("The name of a source has 1 to 64 characters."))


def shown_name(name: str) -> str:
    """The name of a file as it can be shown: nothing in it turns the direction of what is read."""
    return _UNSHOWN.sub("�", storable(name))[:255]


def own_partner(sender: Scope) -> Partner | None:
    """The partner in whose scope this runs; it sees but itself. None for the provider."""
    return Partner.objects.get() if sender.role is Role.PARTNER else None


def described_kind(kind: str) -> KindOfFile:
    """The kind of file of this name.

    Raises:
        UsageRefused: there is none.
    """
    described = KINDS_OF_FILE.get(kind)
    if described is None:
        raise UsageRefused(
            _("%(kind)s is not a kind of usage; there are %(kinds)s.")
            % {"kind": kind, "kinds": ", ".join(KINDS_OF_FILE)}
        )
    return described


def recognise_file(raw: IO[bytes], size: int, *, name: str, kind: str = "", format_name: str = "") -> Format:
    """The format of a file, told by its beginning. Runs in the sender's scope.

    Raises:
        UsageRefused: it is none of ``kind``, none that is known, or cannot be read at all.
    """
    return _recognised(raw, size, name, kind, format_name)[1]


def _recognised(
    raw: IO[bytes], size: int, name: str, kind: str, format_name: str
) -> tuple[OpenedFile, Format]:
    if kind:
        described_kind(kind)
    try:
        file = open_usage_file(raw, size)
        format_ = _choose(file, kind, format_name)
        hold_once(format_, file.names)
    except (UnreadableFileError, FormatError) as error:
        raise UsageRefused(f"{name}: {in_words(error)}") from None
    return file, format_


def _choose(file: OpenedFile, kind: str, format_name: str) -> Format:
    try:
        return choose(file.names, list_formats(), kind=kind, name=format_name)
    except UnknownFormatError:
        # Records of JSON may lack what says nothing: the first ones tell a format, but not that it is none.
        if file.has_header or not kind or format_name:
            raise
        return own_format(kind)


def open_file(
    raw: IO[bytes],
    size: int,
    name: str,
    kind: str,
    format_name: str,
    customer_ref: str,
    source: str,
    *,
    now: datetime,
) -> Opened:
    file, format_ = _recognised(raw, size, name, kind, format_name)
    described = format_.described
    known = {*format_.wanted}
    unknown = (
        tuple(dict.fromkeys(name for name in file.names if name not in known)) if file.has_header else ()
    )
    context = open_context(format_, customer_ref=customer_ref, source=source)
    return Opened(
        file,
        format_,
        context,
        Reading(described, now, customer_ref, context.zone, digital_skus(described.kind)),
        unknown,
    )


def digital_skus(kind: Kind) -> frozenset[str]:
    """The SKUs that digital usage may name (R12)."""
    if kind is not Kind.DIGITAL_USAGE:
        return frozenset()
    return frozenset(Sku.objects.filter(kind=SkuKind.DIGITAL_USAGE).values_list("code", flat=True))
