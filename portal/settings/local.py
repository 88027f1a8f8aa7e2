"""On one's own machine: the embedded services, and a secret key made on first use and kept in PORTAL_HOME."""

from django.core.management.utils import get_random_secret_key

from portal.settings.base import *  # noqa: F403
from portal.settings.base import PORTAL_HOME, env


def _kept_secret_key() -> str:
    path = PORTAL_HOME / "secret-key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(get_random_secret_key())
    return path.read_text()


SECRET_KEY = env("SECRET_KEY", default="") or _kept_secret_key()
