"""How gunicorn serves the portal, here and in the image (``--config portal/serving.py``)."""

import ctypes
from contextlib import suppress

worker_class = "portal.web_worker.PatientWorker"
workers = 2
threads = 4
worker_connections = 500
preload_app = True

# So many arenas of memory at most: each thread has its own otherwise, and keeps what a large body once needed.
_M_ARENA_MAX = -8
with suppress(AttributeError, OSError):  # another C library
    ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)
