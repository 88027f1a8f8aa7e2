"""The API of voice calls. Read only."""

from __future__ import annotations

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import KeyScope
from apps.core.described import described
from apps.organisations.guards import visible_customer
from apps.reconciliation.api.cycles import chosen_cycle, of_cycle, read_day
from apps.reconciliation.api.shapes import CYCLE_PARAMETER, UNTIL_PARAMETER, VOICE
from apps.reconciliation.voice import get_voice
from apps.reconciliation.voice_export import voice_json


class VoiceView(APIView):
    """``GET /api/v1/customers/<ref>/voice/?cycle=&until=``: each day's calls against what was accepted (R9).

    Without ``cycle``: the newest with usage. ``until`` is the last complete day to use.
    """

    key_scope = KeyScope.USAGE_READ

    @described(
        VOICE,
        tag="customers",
        name="customers_voice",
        parameters=[CYCLE_PARAMETER, UNTIL_PARAMETER],
        refuses=(400, 404, 409),
    )
    def get(self, request: Request, ref: str) -> Response:
        customer, today = visible_customer(ref), timezone.now().date()
        first_day, until = read_day(request, "cycle"), read_day(request, "until")
        cycle = chosen_cycle(customer, first_day, today=today)
        voice = get_voice(customer, cycle, today=today, until=until)
        return Response(
            {
                **of_cycle(customer, cycle, until=voice.until, is_closed=voice.is_closed),
                "results": voice_json(voice),
            }
        )
