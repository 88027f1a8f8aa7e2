"""Addresses of the services, as URLs."""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from portal.embedded.errors import EmbeddedError
from portal.embedded.places import POSTGRESQL_PORT, REDIS_SOCKET, home, socket_folder

SUPERUSER = "postgres"
DATABASE = "portal"


@dataclass(frozen=True)
class Addresses:
    """How to reach the services. The URLs of PostgreSQL are libpq's; the socket folder stands in ``host``."""

    database_url: str
    database_owner_url: str
    database_admin_url: str
    redis_url: str

    @property
    def broker_url(self) -> str:
        """``redis_url`` as Celery spells it: its scheme for sockets is another one."""
        if self.redis_url.startswith("unix://"):
            path, _, query = self.redis_url.removeprefix("unix://").partition("?")
            return f"redis+socket://{path}" + (f"?{query.replace('db=', 'virtual_host=')}" if query else "")
        return self.redis_url


def addresses() -> Addresses:
    """Where the services are, or will be once started; nothing is started or made by asking.

    ``DATABASE_URL`` and ``REDIS_URL``, where set, name services of your own. Only migrations need the owner's
    URL; processes that do not migrate need not know it (``DATABASE_OWNER_URL`` left out).
    """
    database_url = os.environ.get("DATABASE_URL", "")
    owner_url = os.environ.get("DATABASE_OWNER_URL", "") or database_url
    if owner_url and not database_url:
        raise EmbeddedError("DATABASE_OWNER_URL is set, but DATABASE_URL is not: set both, or neither.")
    sockets = socket_folder(home())
    return Addresses(
        database_url=database_url or _postgresql_url(sockets, "portal_login", DATABASE),
        database_owner_url=owner_url or _postgresql_url(sockets, "portal_owner", DATABASE),
        database_admin_url=os.environ.get("DATABASE_ADMIN_URL", "") if database_url else admin_url(sockets),
        redis_url=os.environ.get("REDIS_URL", "") or f"unix://{sockets / REDIS_SOCKET}?db=0",
    )


def admin_url(sockets: Path) -> str:
    """The superuser's URL of the embedded PostgreSQL whose sockets lie in ``sockets``."""
    return _postgresql_url(sockets, SUPERUSER, "postgres")


def _postgresql_url(sockets: Path, user: str, database: str) -> str:
    return f"postgresql://{user}@/{database}?host={quote(str(sockets), safe='/')}&port={POSTGRESQL_PORT}"
