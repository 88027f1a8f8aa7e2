"""What a file holds, whatever it came in: plain, gzip or zip, UTF-8 or UTF-16. Read as a stream, never as a whole."""

from __future__ import annotations

import codecs
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Protocol

from apps.usage.domain.refusals import TellingError
from apps.usage.domain.refusals import marked as _

BLOCK = 1 << 20
LONGEST_LINE = 10_000_000
MOST_GROWTH = 200  # what is packed grows tenfold or twentyfold; two hundred is no file of usage
_GROWS_UNSEEN = 100_000_000
_ENCRYPTED = 1
# How the library calls the damage helps nobody who sends a file.
_DAMAGED = _("the packed file is damaged")

_ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_NO_TEXT = (
    b"MZ",
    b"\x7fELF",
    b"%PDF",
    b"\xd0\xcf\x11\xe0",
    b"\x89PNG",
    b"7z\xbc\xaf",
    b"Rar!",
    b"\x28\xb5\x2f\xfd",
)


class UnreadableFileError(TellingError):
    """The file as a whole is not one of its kind."""


class Bytes(Protocol):
    """A stream of bytes."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end."""


class UnpackedLimit:
    """Hands bytes on until they are more than the packed ones can honestly hold."""

    def __init__(self, stream: Bytes, packed: int) -> None:
        self._stream = stream
        self._left = max(_GROWS_UNSEEN, packed * MOST_GROWTH)

    def read(self, size: int, /) -> bytes:
        """As a stream's.

        Raises:
            UnreadableFileError: it grows beyond the limit, is cut off, or is damaged.
        """
        try:
            found = self._stream.read(size)
        except EOFError:
            raise UnreadableFileError(_("the packed file is cut off: its end is missing")) from None
        except (
            OSError,
            zlib.error,
            zipfile.BadZipFile,
            RuntimeError,
            NotImplementedError,
        ):
            raise UnreadableFileError(_DAMAGED) from None
        self._left -= len(found)
        if self._left < 0:
            # No hole for ``MOST_GROWTH``: pages translate what a worker has written down, as it stands.
            raise UnreadableFileError(_("the packed file grows more than 200 times"))
        return found


def is_workbook(raw: IO[bytes]) -> bool:
    """Whether this is an XLSX file; the position is left at the start."""
    start = raw.read(4)
    raw.seek(0)
    if not start.startswith(b"PK\x03\x04"):
        return False
    try:
        with zipfile.ZipFile(raw) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return False
    finally:
        raw.seek(0)


def unpack(raw: IO[bytes], size: int) -> Bytes:
    """The bytes of the one file that ``raw`` is or holds. ``size`` is that of the packed file, in bytes.

    Raises:
        UnreadableFileError: an archive that is damaged or holds none or several files.
    """
    start = raw.read(4)
    raw.seek(0)
    if start.startswith(b"\x1f\x8b"):
        return UnpackedLimit(gzip.GzipFile(fileobj=raw, mode="rb"), size)
    if not start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return raw
    try:
        archive = zipfile.ZipFile(raw)
        names = [
            each.filename
            for each in archive.infolist()
            if not each.is_dir() and not each.filename.startswith("__MACOSX/")
        ]
        if len(names) != 1:
            raise UnreadableFileError(
                _("the archive holds %(count)s files: send one in each"), count=len(names)
            )
        if archive.getinfo(names[0]).flag_bits & _ENCRYPTED:
            raise UnreadableFileError(_("the archive is protected by a password"))
        return UnpackedLimit(archive.open(names[0]), size)
    except UnreadableFileError:
        raise
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, ValueError):
        raise UnreadableFileError(_DAMAGED) from None


def read_text(stream: Bytes) -> Iterator[str]:
    """The text, block by block, line ends as they are; bytes that are no UTF-8 come as lone surrogates.

    Raises:
        UnreadableFileError: this is no text.
    """
    block = _at_least(stream, 4)
    encoding, mark = "utf-8", b""
    for found, name in _ENCODINGS:
        if block.startswith(found):
            encoding, mark = name, found
    if not mark and (block.startswith(_NO_TEXT) or block[:4_096].count(b"\0") > 16):
        raise UnreadableFileError(_("this is no text file"))
    errors = "surrogateescape" if encoding == "utf-8" else "replace"
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    block = block[len(mark) :]
    while block:
        yield decoder.decode(block)
        block = stream.read(BLOCK)
    yield decoder.decode(b"", True)


def _at_least(stream: Bytes, count: int) -> bytes:
    block = stream.read(BLOCK)
    while 0 < len(block) < count and (more := stream.read(BLOCK)):
        block += more
    return block


def read_lines(texts: Iterator[str]) -> Iterator[list[str]]:
    """Lines with their ends (LF, CRLF or CR), block by block.

    Of a line longer than ``LONGEST_LINE`` the beginning alone is kept, without an end: nothing holds it as a whole.
    """
    rest = ""
    skipping = False
    for text in texts:
        if skipping:
            text, skipping = _after_the_line(text)
        lines = _split(rest + text)
        # A line that is not over yet, and a CR whose LF may still come, wait for the next block.
        rest = lines.pop() if lines and not lines[-1].endswith("\n") else ""
        if len(rest) > LONGEST_LINE:
            lines.append(rest[: LONGEST_LINE + 1] + "\n")
            rest, skipping = "", not rest.endswith("\r")
        if lines:
            yield lines
    if rest:
        yield _split(rest)


def _split(text: str) -> list[str]:
    return list(io.StringIO(text, newline=""))


def _after_the_line(text: str) -> tuple[str, bool]:
    """What follows the end of the line that ``text`` goes on with, and whether that end is still to come."""
    ends = [at for at in (text.find("\n"), text.find("\r")) if at >= 0]
    if not ends:
        return "", True
    end = min(ends)
    return text[end + (2 if text[end : end + 2] == "\r\n" else 1) :], False
