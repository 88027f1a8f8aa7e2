"""What the tests of this folder share."""

from tests.factories.usage import files

__all__ = ["files"]
