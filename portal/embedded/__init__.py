"""PostgreSQL and Redis that come with the portal, for a machine that has none of its own to offer."""

from portal.embedded.errors import EmbeddedError
from portal.embedded.life import ensure_running
from portal.embedded.places import home
from portal.embedded.urls import Addresses, addresses

__all__ = ["Addresses", "EmbeddedError", "addresses", "ensure_running", "home"]
