"""``what_if``: what past cycles would have come to under other commitments, surge protection or prices."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from django.utils.datastructures import MultiValueDict

from apps.core.commands import PortalCommand
from apps.core.domain.money import money_text
from apps.invoicing.domain.whatif import Sums
from apps.invoicing.whatif import WhatIf, visible_sides, what_if
from apps.invoicing.whatif_export import what_if_json
from apps.invoicing.whatif_form import WhatIfForm
from apps.organisations.selectors import get_customer
from apps.reconciliation.domain.whatif import Commitment
from apps.reconciliation.whatif import ReRated


class Command(PortalCommand):
    """Prints cycles as they are and as they would be; nothing is changed."""

    help = "Prints what billing cycles of a customer would come to. A quantity is absolute (12) or relative (+3, -3)."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--customer", required=True)
        parser.add_argument(
            "--cycle", required=True, action="append", help="First day of a cycle; may be repeated."
        )
        for commitment in Commitment:
            parser.add_argument(f"--{commitment}", metavar="N", help="Committed quantity.")
        parser.add_argument("--since", help="Day from which on quantities change.")
        parser.add_argument("--surge", metavar="PCT", help="Surge protection percentage.")
        parser.add_argument(
            "--price",
            action="append",
            metavar="SKU=UNIT[/DISCOUNT]",
            help="Wholesale price; may be repeated. Without a discount the discounts stay.",
        )
        parser.add_argument(
            "--retail-price", action="append", metavar="SKU=UNIT[/DISCOUNT]", help="Likewise."
        )

    def work(self, *, customer: str, format: str, **options: Any) -> None:
        found = get_customer(customer)
        given = {name: options[name] for name in WhatIfForm.base_fields if options[name] is not None}
        written = {name: value if isinstance(value, list) else [value] for name, value in given.items()}
        form = WhatIfForm(MultiValueDict(written), sides=visible_sides(found))
        for name, problems in form.errors.items():
            raise CommandError(f"--{name.replace('_', '-')}: {problems[0]}")
        answer = what_if(
            found,
            form.cleaned_data["cycle"],
            form.changes,
            today=timezone.now().date(),
            prices=form.prices,
        )
        if format == "json":
            self.print_json(what_if_json(answer))
        else:
            self._print_text(answer)

    def _print_text(self, answer: WhatIf) -> None:
        for each in answer.cycles:
            self._print_cycle(each)
        for money in answer.money:
            for of_cycle in money.cycles:
                period = of_cycle.cycle.cycle.period
                self.stdout.write(f"{money.side}, {period.first} – {period.last}:")
                for position in of_cycle.positions:
                    self.stdout.write(
                        f"  {position.kind:<9}  {position.sku:<20}"
                        f"  {money_text(position.before.amount, money.currency)}"
                        f" → {money_text(position.after.amount, money.currency)}"
                    )
            self.stdout.write(f"{money.side}, all: {_sums(money.sums, money.currency)}")

    def _print_cycle(self, each: ReRated) -> None:
        notes = ["closed" if each.is_closed else f"open, to {each.until}"]
        notes += [] if each.is_up_to_date else ["not up to date: reconcile first"]
        self.stdout.write(f"{each.cycle.first} – {each.cycle.last} ({', '.join(notes)})")
        before, after = each.comparison.before, each.comparison.after
        for usage_type in each.comparison.usage_types:
            self.stdout.write(
                f"  {usage_type:<22}  billed {before.billed_of(usage_type).quantity}"
                f" → {after.billed_of(usage_type).quantity}"
            )
        self.stdout.write(
            f"  voice: at most {each.comparison.calls.used.max()} calls at once; minutes above what is accepted"
            f" {before.voice.minutes_above.sum()} → {after.voice.minutes_above.sum()},"
            f" by at most {before.voice.most_above.max()} → {after.voice.most_above.max()}"
        )


def _sums(sums: Sums, currency: str) -> str:
    return (
        f"{money_text(sums.before, currency)} → {money_text(sums.after, currency)} {currency},"
        f" difference {money_text(sums.difference, currency)}"
    )
