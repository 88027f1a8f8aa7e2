"""What an invoice is in one word. Overdue is derived from a day and stored nowhere."""

from __future__ import annotations

from datetime import date

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.invoicing.models import Invoice


class Status(models.TextChoices):
    """The states that an invoice has so far."""

    DRAFT = "draft", _("Draft")
    OPEN = "open", _("Open")
    OVERDUE = "overdue", _("Overdue")
    CREDITED = "credited", _("Credited")


TONES = {Status.DRAFT: "warning", Status.OPEN: "info", Status.OVERDUE: "danger", Status.CREDITED: "ok"}


def status_of(invoice: Invoice, *, on: date | None) -> Status:
    """The status on a day; ``on`` None: as on the paper itself, which knows no later day."""
    if not invoice.number:
        return Status.DRAFT
    if invoice.is_credit_note:
        return Status.CREDITED
    return Status.OVERDUE if on is not None and is_overdue(invoice, on=on) else Status.OPEN


def is_overdue(invoice: Invoice, *, on: date) -> bool:
    """Issued, with something to pay, and its due date is over."""
    return bool(invoice.number) and invoice.total > 0 and on > invoice.due_date


def overdue_on(day: date) -> Q:
    """``is_overdue`` as a condition of a query."""
    return Q(total__gt=0, due_date__lt=day)


def in_status(status: Status, *, on: date) -> Q:
    """``status_of`` as a condition of a query on issued invoices."""
    if status is Status.CREDITED:
        return Q(total__lt=0)
    if status is Status.OVERDUE:
        return overdue_on(on)
    return Q(total__gte=0) & ~overdue_on(on)
