"""The world of the security tests serves here too."""

from tests.security.conftest import built_world, world

__all__ = ["built_world", "world"]
