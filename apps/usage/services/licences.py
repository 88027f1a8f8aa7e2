"""Licence lists: which licence each agent has from which day on."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.services import record_change
from apps.core.problems import Refusal
from apps.organisations.models import Customer
from apps.organisations.selectors import get_customer
from apps.usage.domain.licences import LicenceListError, LicenceRow, read_licence_list
from apps.usage.models import AgentLicence
from apps.usage.reasons import in_words

_AT_ONCE = 5_000


class LicencesRefused(Refusal):
    """The list as a whole cannot be taken."""


@dataclass(frozen=True, slots=True)
class LicencesImported:
    """How many rows were new, said something else than before, or were known."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0


@transaction.atomic
def import_licences(*, text: str | bytes, by: User | str, customer_ref: str = "") -> LicencesImported:
    """Take a licence list (``agent_id, licence, from`` and perhaps ``customer``) with the rights of the open scope.

    ``customer_ref`` is of the customer that rows without one fall to. Nothing is taken away: a row says what holds from
    its day on, and another for the same agent and day takes its place. What is stored already as a session keeps the
    licence that it has (R13); sessions that were kept aside for want of a licence can be sent again.

    Raises:
        LicencesRefused: a line is wrong; nothing was taken.
        UnknownCustomer: ``customer_ref`` names nobody.
    """
    default = get_customer(customer_ref) if customer_ref else None
    try:
        rows = read_licence_list(text if isinstance(text, str) else text.decode("utf-8"))
    except LicenceListError as error:
        raise LicencesRefused(in_words(error)) from None
    except UnicodeDecodeError:
        raise LicencesRefused(_("The list is no text in UTF-8.")) from None
    of_customers = _by_customer(rows, default)
    total = LicencesImported()
    for customer, known_rows in of_customers.items():
        counts = _take(customer, known_rows)
        total = LicencesImported(*(a + b for a, b in zip(_counts(total), _counts(counts), strict=True)))
        if counts.added or counts.changed:
            record_change(
                by=by,
                action="licences.imported",
                subject=customer.ref,
                customer=customer,
                after=dict(asdict(counts)),
            )
    return total


def _counts(imported: LicencesImported) -> tuple[int, int, int]:
    return imported.added, imported.changed, imported.unchanged


def _by_customer(rows: list[LicenceRow], default: Customer | None) -> dict[Customer, list[LicenceRow]]:
    refs = {row.customer for row in rows if row.customer}
    customers = {each.ref: each for each in Customer.objects.filter(ref__in=refs)}
    found: dict[Customer, list[LicenceRow]] = defaultdict(list)
    said: dict[tuple[Customer, str, object], LicenceRow] = {}
    for row in rows:
        customer = customers.get(row.customer) if row.customer else default
        if customer is None:
            raise LicencesRefused(
                _("Line %(line)s: unknown customer.") % {"line": row.line_number}
                if row.customer
                else _("Line %(line)s: no customer.") % {"line": row.line_number}
            )
        before = said.setdefault((customer, row.agent_id, row.first_day), row)
        if before.premium != row.premium:
            raise LicencesRefused(
                _("Line %(line)s says another licence than line %(before)s for the same agent and day.")
                % {"line": row.line_number, "before": before.line_number}
            )
        if before is row:
            found[customer].append(row)
    return found


def _take(customer: Customer, rows: list[LicenceRow]) -> LicencesImported:
    stored = {
        (agent_id, first_day): premium
        for agent_id, first_day, premium in AgentLicence.objects.filter(customer=customer).values_list(
            "agent_id", "first_day", "premium"
        )
    }
    fresh = [row for row in rows if stored.get((row.agent_id, row.first_day)) != row.premium]
    AgentLicence.objects.bulk_create(
        [
            AgentLicence(
                partner_id=customer.partner_id,
                customer=customer,
                agent_id=row.agent_id,
                first_day=row.first_day,
                premium=row.premium,
            )
            for row in fresh
        ],
        batch_size=_AT_ONCE,
        update_conflicts=True,
        unique_fields=["customer", "agent_id", "first_day"],
        update_fields=["premium"],
    )
    changed = sum((row.agent_id, row.first_day) in stored for row in fresh)
    return LicencesImported(len(fresh) - changed, changed, len(rows) - len(fresh))
