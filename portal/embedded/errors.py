"""The one error of this package."""


class EmbeddedError(Exception):
    """The embedded services cannot be used; the message is one clear line for whoever started the command."""
