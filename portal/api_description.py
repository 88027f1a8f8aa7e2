"""What the description of the API says at its top. Read by the settings."""

DESCRIPTION = """Usage goes in and is read back; what it comes to is read here as on the pages.

**Who asks.** A browser that is signed in, or a program with an API key: `Authorization: Bearer pp_…`. Both see what
their organisation may see; what belongs to somebody else is answered like what does not exist.

**Lists.** `next` is the address of the following page, empty on the last one. Lists by position (`cursor`) keep
their order for ever: what comes in between two pages moves no row. All other parameters are filters, together.

**Days and moments** are UTC, like `2024-06-09` and `2024-06-09T08:15:00Z`.

**Errors** are problems (RFC 9457) with the media type `application/problem+json`.

**Freshness.** Figures with `freshness: stale` wait to be calculated again and must not be relied on.
"""
