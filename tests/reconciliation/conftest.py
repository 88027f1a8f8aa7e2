"""What the tests of this folder share."""

from tests.factories.committed import committed

__all__ = ["committed"]
