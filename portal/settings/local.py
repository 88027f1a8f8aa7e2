"""On one's own machine: the embedded services, and a secret key made on first use and kept in PORTAL_HOME."""

import os

from django.core.management.utils import get_random_secret_key

from portal.embedded.places import prepare_home
from portal.settings.base import *  # noqa: F403
from portal.settings.base import PORTAL_HOME, env


def _kept_secret_key() -> str:
    path = PORTAL_HOME / "secret-key"
    if not path.exists():
        prepare_home(PORTAL_HOME)
        made = path.with_name(f"secret-key-{os.getpid()}")
        made.touch(mode=0o600)
        made.write_text(get_random_secret_key())
        try:
            os.link(made, path)  # the first of two starts at once wins
        except FileExistsError:
            pass
        finally:
            made.unlink()
    return path.read_text()


SECRET_KEY = env("SECRET_KEY", default="") or _kept_secret_key()
