"""The world of the security tests serves here too."""

from tests.security.conftest import browser_of, built_world, world

__all__ = ["browser_of", "built_world", "world"]
