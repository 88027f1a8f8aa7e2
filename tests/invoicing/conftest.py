"""What the tests of this folder share."""

from tests.factories.clock import to_day
from tests.factories.commands import shell
from tests.factories.committed import committed
from tests.factories.usage import files

__all__ = ["committed", "files", "shell", "to_day"]
