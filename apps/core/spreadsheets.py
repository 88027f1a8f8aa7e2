"""Files for programs and spreadsheets: their words do not depend on who fetches them, and no cell is a formula."""

import re

FILE_LANGUAGE = "en"
# Wide signs count in some languages. After what separates cells in some (";" where a comma is a decimal sign), a cell
# may start inside a text too.
_START_OF_FORMULA = re.compile(r"^(?= *[=+\-@＝＋－＠\t\n])|(?<=[;\t\n])(?= *[=+\-@＝＋－＠])")


def harmless(text: str) -> str:
    """A text that a spreadsheet does not take for a formula, whatever it takes for the end of a cell."""
    return _START_OF_FORMULA.sub("'", text.replace("\r\n", "\n").replace("\r", "\n"))
