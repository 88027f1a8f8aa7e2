"""Files for programs and spreadsheets: their words do not depend on who fetches them, and no cell is a formula."""

FILE_LANGUAGE = "en"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def harmless(text: str) -> str:
    """A text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA_STARTS) else text
