"""Descriptions of files of others."""

OUR_SESSIONS = """\
name = "our-sessions"
title = "Ours"
kind = "agent-sessions"
recognise = ["Session", "Agent", "Login"]

[columns]
record_id = "Session"
agent_id = "Agent"
licence = { constant = "standard" }
started_at = "Login"
ended_at = "Logout"
"""
UNITS = """
name = "acme-units"
title = "Acme units"
kind = "digital-usage"
recognise = ["When", "Count"]
decimal = ","
[columns]
record_id = "Id"
sku = { constant = "A-CHAN-U-SMS-INTL" }
quantity = "Count"
occurred_at = "When"
"""
