"""Bodies of calls that send usage: read with limits of size and of time, unpacked, and told into records.

Nothing here asks the database: it is done before the tenant's transaction opens.
"""

from __future__ import annotations

import hashlib
import json
import threading
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest
from django.utils.http import parse_header_parameters
from django.utils.translation import gettext as _

from apps.core.problems import Problem

MOST_RECORDS = 10_000
MOST_BYTES = 8 * 2**20  # of a body, packed and unpacked: 800 a record
MOST_PASSED_OVER = 8 * MOST_BYTES
# Commas, brackets and braces: what a record of thirty values has. More of them would only fill the memory.
MOST_SIGNS = 30 * MOST_RECORDS
JSON, LINES = "application/json", ("application/x-ndjson", "application/jsonl")
LARGE = 512 * 2**10  # a body that has more, or is packed, is alone in its process
SECONDS_FOR_ROOM = 30
_PIECE = 64 * 2**10
_MOST_MEMBERS = 100  # of a gzip file
_GZIP = 16 + zlib.MAX_WBITS
_LONGEST_NUMBER = 30
_room = threading.Lock()


@dataclass(frozen=True, slots=True)
class Sent:
    """What came: JSON values, the line of each where the body had lines, and the SHA-256 of the plain body."""

    records: Sequence[object]
    line_numbers: Sequence[int] | None
    sha256: str


def read_records(request: HttpRequest, until_answered: ExitStack) -> Sent:
    """Read the body of a call to its end. Of large ones only one is held as records, ``until_answered`` is closed.

    Raises:
        Problem: 400 cut short or not JSON, 408 too slow, 413 too large, 415 of another type, 503 too much at once.
    """
    too_large = _too_large(_("A body has at most %(bytes)s bytes, packed and unpacked."), MOST_BYTES)
    with _body_of(request) as body:
        media_type = _media_type(request)
        is_packed = _is_packed(request)
        plain = body.read(MOST_BYTES, too_large)
    if is_packed or len(plain) > LARGE:
        _take_room(until_answered)
    if is_packed:
        plain = _joined(_unpacked(plain), MOST_BYTES, too_large)
    sha256 = hashlib.sha256(plain).hexdigest()
    if sum(map(plain.count, (b",", b"[", b"{"))) > MOST_SIGNS:
        raise Problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _("The body has more values than its records can have.")
        )
    if media_type == JSON:
        return Sent(_array(plain), None, sha256)
    line_numbers, records = _lines(plain)
    return Sent(records, line_numbers, sha256)


def read_file(request: HttpRequest, *, most: int) -> bytes:
    """The body of a call that is a file, as it comes: at most ``most`` bytes, which are held in memory.

    Raises:
        Problem: 400 cut short, 408 too slow, 413 too large, 415 packed.
    """
    with _body_of(request) as body:
        if _is_packed(request):
            raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, _("Send the file as it is, not packed."))
        return bytes(body.read(most, _too_large(_("The file has more than %(bytes)s bytes."), most)))


# The headers


def _media_type(request: HttpRequest) -> str:
    media_type, parameters = parse_header_parameters(request.headers.get("Content-Type", ""))
    charset = parameters.get("charset", "utf-8").lower()
    if media_type not in (JSON, *LINES) or charset not in ("utf-8", "utf8", "us-ascii"):
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            _("Send application/json (an array) or application/x-ndjson, in UTF-8."),
            headers={"Accept-Post": ", ".join((JSON, *LINES))},
        )
    return media_type


def _is_packed(request: HttpRequest) -> bool:
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("gzip", "x-gzip", "identity", ""):
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            _("Of encodings only gzip is understood."),
            headers={"Accept-Encoding": "gzip"},
        )
    return "gzip" in encoding


def _length(request: HttpRequest) -> int | None:
    """The length that is told; None where the body comes in chunks."""
    if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
        return None
    told = request.META.get("CONTENT_LENGTH") or "0"
    if not (told.isascii() and told.isdigit()):
        raise Problem(HTTPStatus.BAD_REQUEST, _("The length of the body is none."))
    return int(told)


# The bytes


@contextmanager
def _body_of(request: HttpRequest) -> Iterator[_Coming]:
    """A body on its way. What is refused the client may still finish sending."""
    body = _Coming(request)
    try:
        yield body
    except Problem:
        body.pass_over()
        raise


class _Coming:
    """A body on its way, never read further than was told.

    From what the web server hands on: Django's own stream is left untouched, for what asks it later. How slowly it may
    arrive is the web server's to say.
    """

    def __init__(self, request: HttpRequest) -> None:
        self.length = _length(request)
        self._stream: Any = request.META.get("wsgi.input", request)
        self._left = MOST_PASSED_OVER if self.length is None else self.length

    def pieces(self) -> Iterator[bytes]:
        """What comes, to its end.

        Raises:
            Problem: it took too long, or ended too early.
        """
        is_broken = False
        while self._left > 0:
            try:
                piece = self._stream.read(min(_PIECE, self._left))
            except TimeoutError:
                self._left = 0
                raise Problem(HTTPStatus.REQUEST_TIMEOUT, _("The body took too long to arrive.")) from None
            except Exception:  # gone, or whatever the web server finds wrong with it
                piece, is_broken = b"", True
            if not piece:
                break
            self._left -= len(piece)
            yield piece
        if is_broken or (self.length is not None and self._left):
            raise Problem(HTTPStatus.BAD_REQUEST, _("The body ended before its length."))

    def read(self, most: int, too_large: Problem) -> bytearray:
        """All that comes.

        Raises:
            Problem: as ``pieces``, or ``too_large`` where it is more than ``most`` bytes.
        """
        if (self.length or 0) > most:
            raise too_large
        return _joined(self.pieces(), most, too_large)

    def pass_over(self) -> None:
        """Let a client finish what is refused, within reason: many look for the answer only then."""
        if (self.length or 0) <= MOST_PASSED_OVER:
            with suppress(Problem):
                for _piece in self.pieces():
                    pass


def _take_room(until_answered: ExitStack) -> None:
    """Wait until no other large body is held."""
    if not _room.acquire(timeout=SECONDS_FOR_ROOM):
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            _("Too much is being sent at once. Try again in a moment."),
            headers={"Retry-After": str(SECONDS_FOR_ROOM)},
        )
    until_answered.callback(_room.release)


def _joined(pieces: Iterable[bytes], most: int, too_large: Problem) -> bytearray:
    """The pieces together, read no further than ``most`` bytes."""
    joined = bytearray()
    for piece in pieces:
        joined += piece
        if len(joined) > most:
            raise too_large
    return joined


def _too_large(line: str, most: int) -> Problem:
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, line % {"bytes": most})


def _unpacked(packed: bytearray) -> Iterator[bytes]:
    """What gzip holds, member by member, never more than a piece at a time."""
    inflating, members = zlib.decompressobj(_GZIP), 1
    try:
        for start in range(0, len(packed), _PIECE):
            rest = bytes(packed[start : start + _PIECE])
            while rest:
                if inflating.eof:
                    inflating, members = zlib.decompressobj(_GZIP), members + 1
                    if members > _MOST_MEMBERS:
                        raise _not_gzip()
                yield inflating.decompress(rest, _PIECE)
                rest = inflating.unused_data if inflating.eof else inflating.unconsumed_tail
        while not inflating.eof and (plain := inflating.decompress(b"", _PIECE)):
            yield plain
    except zlib.error:
        raise _not_gzip() from None
    if not inflating.eof:
        raise _not_gzip()


def _not_gzip() -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, _("The body is no gzip, or was cut short."))


# The records


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _whole_number(text: str) -> int | str:
    """A number; one that nothing here can count stays what it was written as."""
    return int(text) if len(text) <= _LONGEST_NUMBER else text


def _object(pairs: list[tuple[str, object]]) -> object:
    """A record; one that says something twice says nothing, and is kept aside as it came."""
    said = dict(pairs)
    return said if len(said) == len(pairs) else pairs


_decode = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_refuse_constant, parse_int=_whole_number
).decode


def _array(plain: bytearray) -> list[object]:
    try:
        text = plain.decode("utf-8-sig")
        plain.clear()
        records = _decode(text)
    except (ValueError, RecursionError) as error:
        place = getattr(error, "pos", None)
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            _("The body is not JSON in UTF-8.")
            if place is None
            else _("The body is not JSON: see character %(place)s.") % {"place": place + 1},
        ) from None
    if not isinstance(records, list):
        raise Problem(HTTPStatus.BAD_REQUEST, _("The body is no array of records."))
    if len(records) > MOST_RECORDS:
        raise _too_many_records()
    return records


def _lines(plain: bytearray) -> tuple[list[int], list[object]]:
    """The records of lines and where each stands. A line that is not JSON stays text, and so is no record."""
    if plain.count(b"\n") > MOST_RECORDS:
        raise _too_many_records()
    text = plain.decode("utf-8-sig", "surrogateescape")
    plain.clear()
    numbers: list[int] = []
    records: list[object] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            numbers.append(number)
            records.append(_line(line))
    if len(records) > MOST_RECORDS:
        raise _too_many_records()
    return numbers, records


def _line(line: str) -> object:
    try:
        return _decode(line)
    except (ValueError, RecursionError):
        return line.rstrip("\r")


def _too_many_records() -> Problem:
    return Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        _("A body has at most %(most)s records, and lines.") % {"most": MOST_RECORDS},
    )
