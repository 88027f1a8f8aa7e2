"""Files on their way in: who may send how much is decided by the headers alone, before anything of a body is read.

What may be sent goes straight to disk, into a folder from which it is moved, not copied, when it has arrived.
"""

from __future__ import annotations

import errno
import logging
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile, StopUpload
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render
from django.template.defaultfilters import filesizeformat
from django.urls import Resolver404, resolve
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.core.problems import is_of_the_api
from apps.usage.domain.controls import LARGEST_PAPER

logger = logging.getLogger(__name__)

TAKES_FILES = frozenset({"usage:deliveries"})
TAKES_PAPERS = frozenset({"invoicing:control"})  # small ones
MOST_FILES = 100  # in one request: each is an open file until its end
_ENVELOPE = 2**20  # what stands around the files
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
TOO_LARGE, NO_ROOM = 413, 507


class UploadGuard:
    """Middleware before the tenant's: answers what is too large, or has no room, without reading it, and then what
    cannot be read."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        refusal = _refusal(request) if request.content_type == "multipart/form-data" else None
        return refusal or _unreadable(request) or self.get_response(request)


def _refusal(request: HttpRequest) -> HttpResponse | None:
    """What the headers of a request that brings files are refused with."""
    length = _content_length(request)
    if _takes(request, TAKES_PAPERS):
        if length > LARGEST_PAPER + _ENVELOPE:
            return refuse(request, _("That is more than this page takes."), TOO_LARGE)
    elif _may_send_files(request):
        if length > settings.MOST_UPLOADED + _ENVELOPE:
            return refuse(request, too_large(), TOO_LARGE)
        if length > shutil.disk_usage(_arriving()).free:
            return refuse(request, no_room(), NO_ROOM)
    elif length > settings.DATA_UPLOAD_MAX_MEMORY_SIZE and not _takes_files(request):
        return refuse(request, _("That is more than this page takes."), TOO_LARGE)
    return None


def _unreadable(request: HttpRequest) -> HttpResponse | None:
    """Read what a page was sent by somebody known; what that is refused with where it cannot be read."""
    if is_of_the_api(request) or not isinstance(getattr(request, "user", None), User):
        return None
    try:
        request.POST  # noqa: B018 - read here
    except MultiPartParserError:
        return refuse(request, _("The form cannot be read: it is damaged, or a name in it is too long."), 400)
    except UnreadablePostError:
        return refuse(request, _("What was sent broke off, or took too long to arrive."), 408)
    return None


class ArrivingFile(TemporaryUploadedFile):
    """A file that is being sent. Its name, which may be anything, becomes no part of a path."""

    def __init__(self, name: str, content_type: str, charset: str | None) -> None:
        file = tempfile.NamedTemporaryFile(dir=_arriving())  # noqa: SIM115 - closed with the request
        UploadedFile.__init__(self, file, name, content_type, 0, charset)


class UploadHandler(FileUploadHandler):
    """Streams files to disk where files are taken from whoever sends them; anywhere else they are passed over.

    ``refusal_of(request)`` says afterwards why files are missing.
    """

    request: HttpRequest
    file: ArrivingFile  # from the first file on; Django closes it when something goes wrong

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self.is_welcome = False
        self.files = 0

    def handle_raw_input(
        self,
        input_data: Any,
        META: dict[str, str],  # noqa: N803 - Django's name
        content_length: int,
        boundary: Any,
        encoding: str | None = None,
    ) -> tuple[QueryDict, MultiValueDict[str, UploadedFile[Any]]] | None:
        """An empty form, of which nothing was read, where somebody sends files to a page that takes none from them."""
        self.is_welcome = _may_send_files(self.request)
        if _takes_files(self.request) and not self.is_welcome:
            return QueryDict(), MultiValueDict()
        return None

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Begin a file.

        Raises:
            SkipFile: it is not taken.
        """
        super().new_file(*args, **kwargs)
        self.files += 1
        if not self.is_welcome:
            raise SkipFile
        if self.files > MOST_FILES:
            _note(self.request, too_many())
            raise SkipFile
        self.file = ArrivingFile(self.file_name or "", self.content_type or "", self.charset)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Write on.

        Raises:
            StopUpload: there is no room left.
        """
        try:
            self.file.write(raw_data)
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            logger.error("no room for a file that is being uploaded: %s", error)
            _note(self.request, no_room())
            raise StopUpload(connection_reset=False) from None

    def file_complete(self, file_size: int) -> UploadedFile[Any] | None:
        """The file, at its begin. None where what the system kept back has no room."""
        try:
            self.file.seek(0)
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            _note(self.request, no_room())
            return None
        self.file.size = file_size
        return self.file

    def upload_interrupted(self) -> None:
        """Somebody went away in the middle: nothing of the file stays."""
        if hasattr(self, "file"):
            self.file.close()


def refusal_of(request: HttpRequest) -> str:
    """Why files of this request were not taken, as one line; empty when nothing was wrong."""
    return getattr(request, "_files_refused", "")


def refuse(request: HttpRequest, line: str, status: int) -> HttpResponse:
    """An answer of one clear line, as a page or, for who asks for that, as JSON."""
    if wants_json(request):
        return JsonResponse({"detail": line}, status=status)
    return render(request, "usage/refused.html", {"line": line}, status=status)


def wants_json(request: HttpRequest) -> bool:
    """Whether a script asks."""
    return request.headers.get("Accept", "").startswith("application/json")


def too_large() -> str:
    """What is said of more bytes than are taken at once."""
    return _("More than %(most)s cannot be sent at once. Send the file compressed, or in parts.") % {
        "most": filesizeformat(settings.MOST_UPLOADED)
    }


def too_many() -> str:
    """What is said of more files than are taken at once."""
    return _("More than %(most)s files cannot be sent at once; none of these was taken.") % {
        "most": MOST_FILES
    }


def no_room() -> str:
    """What is said when the disk is full."""
    return _("There is no room for this file at the moment. Nothing was taken; try again later.")


def _note(request: HttpRequest, line: str) -> None:
    request._files_refused = line  # type: ignore[attr-defined]


def _may_send_files(request: HttpRequest) -> bool:
    """Administrators of partners and of the provider, where files are taken."""
    user = getattr(request, "user", None)
    return isinstance(user, User) and user.is_administrator and _takes_files(request)


def _takes_files(request: HttpRequest) -> bool:
    return _takes(request, TAKES_FILES | TAKES_PAPERS)


def _takes(request: HttpRequest, views: frozenset[str]) -> bool:
    try:
        return request.method == "POST" and resolve(request.path_info).view_name in views
    except Resolver404:
        return False


def _content_length(request: HttpRequest) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0  # as Django reads it: nothing follows


def _arriving() -> Path:
    """The folder that files arrive in, made when it is first needed."""
    folder = Path(settings.UPLOADS_ARRIVE_IN)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
