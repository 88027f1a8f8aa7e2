"""What the tests of this folder share."""

from tests.factories.commands import shell
from tests.factories.committed import committed

__all__ = ["committed", "shell"]
