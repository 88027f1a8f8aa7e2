"""gunicorn's threaded worker, which gives a thread to a request only when the request is here.

Heads, and bodies up to ``MOST_COLLECTED`` bytes, are collected where nobody waits for them: by the loop that watches
all connections. Longer bodies are read by the threads as they come, but never by so many of them that none is left for
the others; each has to keep coming. Packed bodies stand in the same line, for what they take once they are here. A
client that is slow, or silent, costs a connection and its bytes, and no thread.
"""

from __future__ import annotations

import errno
import re
import selectors
import socket
import time
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any

from django.conf import settings
from gunicorn import util
from gunicorn.http import get_parser
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn, ThreadWorker

MOST_OF_A_HEAD = 64 * 2**10
MOST_COLLECTED = 512 * 2**10  # of a request: what is longer is read as it comes
MOST_HELD = 16 * 2**20  # of all requests that are being collected
BYTES_A_SECOND = 50_000  # as slow as a body may arrive, once ``BODY_SECONDS`` are over
SECONDS_IN_LINE = 60  # for long bodies
SECONDS_TO_SEND = 30  # each part of an answer
SECONDS_TO_LEAVE = 2  # for a client that was answered and goes on sending
_EVERY = 0.25  # seconds between looks at the clock
_PIECE = 64 * 2**10
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n", re.IGNORECASE)
_DIGITS = 18  # a number of more is cut, and still is too long
_PACKED = re.compile(rb"\r\ncontent-encoding:", re.IGNORECASE)
_READ_AS_IT_COMES = re.compile(rb"\r\n(?:transfer-encoding|expect):", re.IGNORECASE)
_NOTHING_TO_ACCEPT = (errno.EAGAIN, errno.ECONNABORTED, errno.EMFILE, errno.ENFILE)


class Coming(SocketUnreader):
    """What a client sends: collected while it comes, then read by the thread that serves it."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection)
        self._pieces: deque[bytes] = deque()
        self.begin()

    def begin(self) -> None:
        """A request may begin, perhaps with what came behind the one before."""
        left = self.take_buffered()
        self._pieces = deque([left] if left else [])
        self._head = bytearray(left)
        self._length: int | None = None  # of head and body; None until the head is here
        self.held = len(left)
        self.is_long = self.is_packed = self.has_ended = False
        self.deadline = time.monotonic() + settings.BODY_SECONDS
        self._look(0)

    @property
    def has_head(self) -> bool:
        """Whether all of it is here."""
        return self._length is not None

    @property
    def is_here(self) -> bool:
        """Whether a thread can take it without waiting, or as well as anybody could."""
        return self._length is not None and (self.is_long or self.has_ended or self.held >= self._length)

    def receive(self) -> None:
        """Take what is there, without waiting.

        Raises:
            OSError: nothing is, or the connection is broken.
        """
        wanted = MOST_OF_A_HEAD if self._length is None else self._length - self.held
        piece = self.sock.recv(wanted)
        self.has_ended = not piece
        if piece:
            self._pieces.append(piece)
            self.held += len(piece)
            if self._length is None:
                searched = max(0, len(self._head) - 3)
                self._head += piece
                self._look(searched)
            else:
                self._go_on(len(piece))

    def read_on(self) -> None:
        """A thread reads the rest: its time begins now."""
        self.deadline = time.monotonic() + settings.BODY_SECONDS

    def chunk(self, size_hint: int | None = None) -> bytes:
        """The next piece, for whoever reads the request.

        Raises:
            TimeoutError: it does not come fast enough.
        """
        if self._pieces:
            return self._pieces.popleft()
        if self.has_ended:
            return b""
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the request took too long to arrive")
        before = self.sock.gettimeout()
        self.sock.settimeout(seconds if before is None else min(seconds, before))
        try:
            piece: bytes = self.sock.recv(min(max(size_hint or 0, self.mxchunk), _PIECE))
        finally:
            self.sock.settimeout(before)
        self._go_on(len(piece))
        return piece

    def _look(self, searched: int) -> None:
        end = self._head.find(b"\r\n\r\n", searched)
        if end < 0:
            return
        head = bytes(self._head[: end + 4])
        self._head = bytearray()
        told = _LENGTH.search(head)
        self._length = len(head) + (int(told[1].lstrip(b"0")[:_DIGITS] or 0) if told else 0)
        self.is_long = self._length > MOST_COLLECTED or _READ_AS_IT_COMES.search(head) is not None
        self.is_packed = _PACKED.search(head) is not None

    def _go_on(self, count: int) -> None:
        """The more comes, the longer it may take; what is fast at first must not stop for long after that."""
        longest = time.monotonic() + 3 * settings.BODY_SECONDS
        self.deadline = min(self.deadline + count / BYTES_A_SECOND, longest)


class Connection(TConn):
    """A connection whose requests are collected."""

    def __init__(self, worker: PatientWorker, sock: socket.socket, client: Any, server: Any) -> None:
        super().__init__(worker.cfg, sock, client, server)
        self._worker = worker
        self.coming = Coming(sock)
        self.parser = get_parser(worker.cfg, sock, client)
        self.parser.unreader = self.coming
        self.initialized = True

    def init(self) -> None:
        """As a thread takes it: nobody is waited for without end."""
        self.sock.settimeout(SECONDS_TO_SEND)
        if self.coming.is_long:
            self.coming.read_on()

    def close(self, graceful: bool = False) -> None:
        """With time for the client to read the answer; but the loop does not wait for it."""
        if graceful:
            self._worker.let_leave(self.sock)
        else:
            util.close(self.sock)


class PatientWorker(ThreadWorker):
    """The worker: see above. Speaks HTTP/1 without TLS, which is the proxy's."""

    def init_process(self) -> None:
        self._collected: dict[Connection, None] = {}
        self._held = 0
        self._in_line: deque[Connection] = deque()
        self._long: set[Connection] = set()
        self._most_long = max(1, self.cfg.threads // 2)
        self._leaving: dict[socket.socket, float] = {}
        self._looked_at = 0.0
        super().init_process()

    def accept(self, listener: socket.socket) -> None:
        try:
            sock, client = listener.accept()
        except OSError as error:
            if error.errno not in _NOTHING_TO_ACCEPT:
                raise
            return
        self.nr_conns += 1
        self._collect(Connection(self, sock, client, listener.getsockname()))

    def enqueue_req(self, conn: Connection) -> None:
        """On a connection that was kept a request begins."""
        conn.sock.setblocking(False)
        conn.coming.begin()
        self._collect(conn)

    def finish_request(self, conn: Connection, fs: Future[Any]) -> None:
        if conn in self._long:
            self._long.discard(conn)
            if self._in_line:
                self._serve(self._in_line.popleft())
        super().finish_request(conn, fs)

    def murder_pending(self) -> None:
        """Look at the clock: the loop does this each time it was woken."""
        now = time.monotonic()
        if now - self._looked_at < _EVERY:
            return
        self._looked_at = now
        for sock, until in [*self._leaving.items()]:
            if now >= until:
                self._left(sock)
        for conn in [*self._collected]:
            if now >= conn.coming.deadline or not (self.alive or conn.coming.held):
                self._stop_collecting(conn)
                self._refuse_or_serve(conn)
        while self._in_line and now >= self._in_line[0].coming.deadline:
            self._refuse(self._in_line.popleft(), 503, "Service Unavailable", "Too much is being sent.")

    def let_leave(self, sock: socket.socket) -> None:
        """Close once the client has, or after a moment: closed at once, it might never see its answer."""
        try:
            sock.shutdown(socket.SHUT_WR)
            sock.setblocking(False)
            self.poller.register(sock, selectors.EVENT_READ, self._pass_over)
        except (OSError, ValueError, KeyError):
            util.close(sock)
        else:
            self._leaving[sock] = time.monotonic() + SECONDS_TO_LEAVE

    def _collect(self, conn: Connection) -> None:
        self._collected[conn] = None
        self._held += conn.coming.held
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._receive, conn))
        self._receive(conn)

    def _receive(self, conn: Connection, _sock: Any = None) -> None:
        if conn not in self._collected:  # given up a moment ago
            return
        coming = conn.coming
        before = coming.held
        try:
            if not coming.is_here:
                coming.receive()
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._stop_collecting(conn)
            self._drop(conn)
            return
        self._held += coming.held - before
        if coming.is_here:
            self._stop_collecting(conn)
            self._serve(conn)
        elif coming.has_ended:
            self._stop_collecting(conn)
            self._drop(conn)
        elif coming.held > MOST_OF_A_HEAD and not coming.has_head:
            self._stop_collecting(conn)
            self._refuse(conn, 431, "Request Header Fields Too Large", "The head is too large.")
        elif self._held > MOST_HELD:
            greediest = max(self._collected, key=lambda each: each.coming.held)
            self._stop_collecting(greediest)
            self._refuse(greediest, 503, "Service Unavailable", "Too much is being sent.")

    def _stop_collecting(self, conn: Connection) -> None:
        del self._collected[conn]
        self._held -= conn.coming.held
        with suppress(OSError, KeyError, ValueError):
            self.poller.unregister(conn.sock)

    def _serve(self, conn: Connection) -> None:
        """Give it to a thread, or let it stand in line where threads enough have long bodies: packed ones are too."""
        if conn.coming.is_long or conn.coming.is_packed:
            if len(self._long) >= self._most_long:
                conn.coming.deadline = time.monotonic() + SECONDS_IN_LINE
                self._in_line.append(conn)
                return
            self._long.add(conn)
        super().enqueue_req(conn)

    def _refuse_or_serve(self, conn: Connection) -> None:
        """Its time is over: a body that is not here is the portal's to refuse, in its own words."""
        if conn.coming.has_head:
            super().enqueue_req(conn)
        elif conn.coming.held:
            self._refuse(conn, 408, "Request Timeout", "The request took too long to arrive.")
        else:
            self._drop(conn)

    def _refuse(self, conn: Connection, status: int, reason: str, line: str) -> None:
        self.log.info("refused a request from %s: %s", conn.client, line)
        with suppress(OSError):
            util.write_error(conn.sock, status, reason, line)
        self.nr_conns -= 1
        self.let_leave(conn.sock)

    def _drop(self, conn: Connection) -> None:
        self.nr_conns -= 1
        conn.close()

    def _pass_over(self, sock: socket.socket) -> None:
        try:
            if sock.recv(_PIECE):
                return
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            pass
        self._left(sock)

    def _left(self, sock: socket.socket) -> None:
        del self._leaving[sock]
        with suppress(OSError, KeyError, ValueError):
            self.poller.unregister(sock)
        util.close(sock)
