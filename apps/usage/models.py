"""Facts: usage records, where they came from, and what was kept aside."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.organisations.models import Partner
from apps.subscriptions.models import OfCustomer
from apps.usage.domain.records import DESCRIBED, KINDS_OF_INTERVAL, Content, Kind, KindOfFile, Outcome

_KINDS = [(kind.value, kind.name.lower()) for kind in Kind]
_KINDS_OF_INTERVAL = [(kind.value, kind.name.lower()) for kind in KINDS_OF_INTERVAL]


class Source(models.Model):
    """A system that delivers usage. ``import`` is the one when nothing is said. Names belong to a partner.

    ``time_zone`` is the zone of its times that say none; empty: such a time is rejected.
    """

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=64)
    time_zone = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["partner", "name"], name="usage_one_source_a_name")
        ]

    def __str__(self) -> str:
        return self.name


class CustomerAlias(OfCustomer):
    """What a source calls a customer, where that is not the customer's reference."""

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="aliases")
    name = models.CharField(max_length=200)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["partner", "source", "name"], name="usage_one_customer_an_alias")
        ]

    def __str__(self) -> str:
        return self.name


class AgentLicence(OfCustomer):
    """Which licence an agent had from a day on, told by a licence list; for systems whose sessions do not say it."""

    agent_id = models.CharField(max_length=200)
    first_day = models.DateField()
    premium = models.BooleanField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["customer", "agent_id", "first_day"], name="usage_one_licence_a_day"
            )
        ]

    def __str__(self) -> str:
        return self.agent_id


class FormatDescription(models.Model):
    """How a partner's own files are read: a description (``domain/formats.py``) that it has added."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, null=True, related_name="+")
    name = models.CharField(max_length=64)
    text = models.TextField()
    changed_by = models.CharField(max_length=254)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["partner", "name"], name="usage_one_format_a_name", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return self.name


class Interval(models.Model):
    """A record with a start and an end: a session, a leg or a call, identified for ever (R13).

    There are no foreign keys: the one door (``services.import_usage``) checks set-wise. ``actor`` is the agent or the
    contact; ``premium`` is None where a kind knows no licence; without ``ended_at`` it is still going on.
    """

    pk = models.CompositePrimaryKey("customer_id", "kind", "source_id", "record_id")
    partner_id = models.IntegerField()
    customer_id = models.IntegerField()
    kind = models.SmallIntegerField(choices=_KINDS_OF_INTERVAL)
    source_id = models.IntegerField()
    record_id = models.TextField()
    actor = models.TextField()
    premium = models.BooleanField(null=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["customer_id", "kind", "started_at"], name="usage_interval_by_start"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="usage_interval_ends_after_start",
                condition=models.Q(ended_at=None) | models.Q(ended_at__gte=models.F("started_at")),
            )
        ]

    def __str__(self) -> str:
        return self.record_id


class Event(models.Model):
    """Units of a digital SKU that were used at a moment (R12), identified for ever (R13). No foreign keys either."""

    pk = models.CompositePrimaryKey("customer_id", "source_id", "record_id")
    partner_id = models.IntegerField()
    customer_id = models.IntegerField()
    source_id = models.IntegerField()
    record_id = models.TextField()
    sku = models.TextField()
    quantity = models.BigIntegerField()
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["customer_id", "occurred_at"], name="usage_event_by_time"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(name="usage_event_counts_up", condition=models.Q(quantity__gte=0))
        ]

    def __str__(self) -> str:
        return self.record_id


class Channel(models.IntegerChoices):
    """The way on which a delivery came."""

    COMMAND = 1, _("Command line")
    UPLOAD = 2, _("Upload")
    API = 3, _("API")
    DROP = 4, _("Watched folder")
    MENDED = 5, _("Mended rows")


class DeliveryState(models.IntegerChoices):
    """How far a delivery is."""

    WAITING = 1, _("Waiting")
    READING = 2, _("Being read")
    DONE = 3, _("Done")
    FAILED = 4, _("Failed")


class Delivery(models.Model):
    """One file or call that brought usage, once for each content. Belongs to the organisation that sent it.

    ``partner`` is empty when the provider sent it. ``customer_ref`` is of the customer that rows without one fall to.
    ``rows`` are those settled so far: where reading goes on after an interruption. ``stored_as`` is where a file that
    a worker is to read lies, below the folder of files; ``leased_until`` is when its worker is given up.
    """

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, null=True, related_name="+")
    customer_ref = models.CharField(max_length=64, blank=True)
    kind = models.SmallIntegerField(choices=_KINDS)
    source_name = models.CharField(max_length=64)
    format_name = models.CharField(max_length=64, blank=True)
    channel = models.SmallIntegerField(choices=Channel.choices, default=Channel.COMMAND)
    sent_by = models.CharField(max_length=254, blank=True)
    file_name = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField(default=0)
    stored_as = models.CharField(max_length=255, blank=True)
    state = models.SmallIntegerField(choices=DeliveryState.choices, default=DeliveryState.READING)
    failure = models.TextField(blank=True)
    leased_until = models.DateTimeField(null=True)
    arrived_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    bytes_read = models.BigIntegerField(default=0)
    rows = models.BigIntegerField(default=0)
    accepted = models.PositiveIntegerField(default=0)
    duplicate = models.PositiveIntegerField(default=0)
    conflict = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["partner", "-arrived_at"], name="usage_delivery_newest"),
            models.Index(fields=["partner", "source_name", "-arrived_at"], name="usage_delivery_of_source"),
            models.Index(
                fields=["leased_until"],
                name="usage_delivery_to_do",
                condition=models.Q(state__in=[DeliveryState.WAITING, DeliveryState.READING]),
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["partner", "customer_ref", "kind", "source_name", "format_name", "sha256"],
                name="usage_one_delivery_a_content",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def described(self) -> KindOfFile:
        """The kind of file that it is."""
        return DESCRIBED[self.kind]


class SourceDay(models.Model):
    """How many records a source has brought of one kind and day, and the last moment they speak of: freshness."""

    pk = models.CompositePrimaryKey("partner_id", "source_id", "kind", "day")
    partner_id = models.IntegerField()
    source_id = models.IntegerField()
    kind = models.SmallIntegerField(choices=_KINDS)
    day = models.DateField()
    records = models.BigIntegerField()
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.source_id} {self.day}"


class RowKeptAside(models.Model):
    """A row that could not be a record: its line, its text and the reason. Belongs to who sent it.

    A line that becomes several records has parts. ``cells`` are those of the portal's own columns, None where the row
    could not be told into cells. A row that is settled was sent again and came to ``outcome``, or was set aside for
    good (no outcome).
    """

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, null=True, related_name="+")
    delivery = models.ForeignKey(Delivery, on_delete=models.PROTECT, related_name="rows_kept_aside")
    line_number = models.PositiveIntegerField()
    part = models.PositiveIntegerField(default=0)
    text = models.TextField()
    reason = models.CharField(max_length=100)
    cells = models.JSONField(null=True)
    settled_at = models.DateTimeField(null=True)
    settled_by = models.CharField(max_length=254, blank=True)
    outcome = models.CharField(
        max_length=10, blank=True, choices=[(each.value, each.value) for each in Outcome]
    )

    class Meta:
        ordering = ("delivery", "line_number")
        indexes: ClassVar = [
            models.Index(
                fields=["partner", "reason"], name="usage_rows_to_mend", condition=models.Q(settled_at=None)
            )
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["delivery", "line_number", "part"], name="usage_one_row_aside_a_line"
            )
        ]

    def __str__(self) -> str:
        return f"{self.line_number}: {self.reason}"


class RememberedAnswer(models.Model):
    """What a call with an ``Idempotency-Key`` was answered, so that the same call is answered the same.

    ``sender`` names the API key or the user. ``body`` is compressed.
    """

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, null=True, related_name="+")
    sender = models.CharField(max_length=64)
    key = models.CharField(max_length=255)
    request_sha256 = models.CharField(max_length=64)
    status = models.SmallIntegerField()
    body = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["created_at"], name="usage_answers_by_age")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["partner", "sender", "key"], name="usage_one_answer_a_key", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return self.key


class Decision(models.TextChoices):
    """What was decided about a content: it was taken, what was stored was kept, or it was that and was replaced."""

    ARRIVING = "arriving", _("Arriving taken")
    STORED = "stored", _("Stored kept")
    REPLACED = "replaced", _("Replaced")


class Conflict(OfCustomer):
    """A record whose id is stored with another content; what was stored first counts until somebody decides (R13).

    A content that counted until a decision took another in its place is kept in the same way, without a delivery: all
    that was ever decided about a record stands here, and none of it is a conflict when it arrives again.
    ``opposite`` is the other content that it was decided between, as ``Content.snapshot``; None until then.
    """

    kind = models.SmallIntegerField(choices=_KINDS)
    source_id = models.IntegerField()
    record_id = models.TextField()
    actor = models.TextField()
    premium = models.BooleanField(null=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    quantity = models.BigIntegerField(null=True)
    delivery = models.ForeignKey(Delivery, on_delete=models.PROTECT, null=True, related_name="conflicts")
    line_number = models.PositiveIntegerField(null=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=254, blank=True)
    took_arriving = models.BooleanField(null=True)
    opposite = models.JSONField(null=True)
    reason = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=[
                    "customer",
                    "kind",
                    "source_id",
                    "record_id",
                    "actor",
                    "premium",
                    "started_at",
                    "ended_at",
                    "quantity",
                ],
                name="usage_one_conflict_a_content",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                name="usage_conflict_decided_or_not",
                condition=models.Q(decided_at=None, took_arriving=None)
                | models.Q(decided_at__isnull=False, took_arriving__isnull=False),
            ),
            models.CheckConstraint(
                name="usage_conflict_came_or_was_replaced",
                condition=models.Q(delivery__isnull=False) | models.Q(took_arriving=False),
            ),
        ]

    def __str__(self) -> str:
        return self.record_id

    @property
    def content(self) -> Content:
        """What the record says that was kept aside."""
        return Content(self.actor, self.premium, self.started_at, self.ended_at, self.quantity)

    @property
    def decision(self) -> Decision | None:
        """What was decided about it; None while that is to be done."""
        if self.decided_at is None:
            return None
        if self.delivery_id is None:
            return Decision.REPLACED
        return Decision.ARRIVING if self.took_arriving else Decision.STORED
