"""The catalogues are complete, say the terms of the glossary, and reach the page."""

from __future__ import annotations

import io
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse
from django.utils import translation
from django.utils.translation import ngettext
from django.utils.translation.template import templatize
from pytest_django import Settings

from apps.core import formatting
from apps.core.domain.periods import Period
from apps.dashboard.customers_csv import customers_csv
from apps.invoicing.exports import invoices_csv
from apps.invoicing.models import Invoice

ROOT = Path(django_settings.BASE_DIR)
LOCALE = ROOT / "portal" / "locale"
LANGUAGES = [code for code, _name in django_settings.LANGUAGES if code != "en"]

# Those terms of the glossary that stand alone somewhere: English, French, Swedish, Czech.
GLOSSARY = """
Current usage|Utilisation actuelle|Aktuell användning|Aktuální využití
Daily detail|Détail quotidien|Daglig detalj|Denní detail
Usage date|Date d'utilisation|Användningsdatum|Datum využití
Usage Date|Date d'utilisation|Användningsdatum|Datum využití
Usage type|Type d'utilisation|Användningstyp|Typ využití
Usage Type|Type d'utilisation|Användningstyp|Typ využití
Units used|Unités utilisées|Använda enheter|Využité jednotky
Units Used|Unités utilisées|Använda enheter|Využité jednotky
Units commitment|Unités engagées|Bekräftade enheter|Smluvní jednotky
Units Commitment|Unités engagées|Bekräftade enheter|Smluvní jednotky
Units substituted|Unités substituées|Ersatta enheter|Nahrazené jednotky
Units Substituted|Unités substituées|Ersatta enheter|Nahrazené jednotky
Units overage|Unités excédentaires|Överförbrukade enheter|Jednotky nad rámec
Units Overage|Unités excédentaires|Överförbrukade enheter|Jednotky nad rámec
Usage unit|Unité d'utilisation|Användningsenhet|Jednotka využití
Usage Unit|Unité d'utilisation|Användningsenhet|Jednotka využití
Comment|Commentaire|Kommentar|Komentář
Overage|Dépassement|Överförbrukning|Překročení
Overage peak|Pic de dépassement|Överförbrukningstopp|Špička překročení
Subscription|Abonnement|Prenumeration|Předplatné
Primary|Principal|Primär|Primární
Billing cycle|Cycle de facturation|Faktureringscykel|Fakturační cyklus
Usage period|Période d'utilisation|Användningsperiod|Období využití
Concurrent agent|Agent simultané|Samtidig agent|Souběžný agent
Named agent|Agent nommé|Namngiven agent|Jmenovaný agent
Surge protection|Protection contre les pics|Toppskydd|Ochrana proti špičkám
Invoice|Facture|Faktura|Faktura
Unit Price|Prix unitaire|Enhetspris|Jednotková cena
Extended Amount|Montant de ligne|Radbelopp|Částka řádku
Tax|Taxe|Skatt|Daň
Due date|Échéance|Förfallodag|Splatnost
Due Date|Échéance|Förfallodag|Splatnost
Reason|Motif|Orsak|Důvod
Credit note|Avoir|Kreditfaktura|Dobropis
Partner|Partenaire|Partner|Partner
Customer|Client|Kund|Zákazník
Trial|Essai|Testversion|Zkušební verze
Next|Suivant|Nästa|Další
"""

# What a date of another language may name (apps/core/formatting.py).
PARTS_OF_A_DATE = {"day", "weekday", "short", "abbreviated", "month", "number", "year"}
HOLE = re.compile(r"%\((\w+)\)[sd]")
TAG = re.compile(r"<[^>]+>")


def catalogue(language: str) -> Catalog:
    with (LOCALE / language / "LC_MESSAGES" / "django.po").open("rb") as file:
        return read_po(file, locale=language)


def messages(language: str) -> list[Message]:
    return [message for message in catalogue(language) if message.id]


def english(message: Message) -> tuple[str, ...]:
    return (message.id,) if isinstance(message.id, str) else tuple(message.id)


def translated(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or ("",))


@pytest.fixture
def compiled(tmp_path: Path, settings: Settings) -> None:
    """The catalogues as they are now, not as they were compiled last."""
    for language in LANGUAGES:
        folder = tmp_path / language / "LC_MESSAGES"
        folder.mkdir(parents=True)
        with (folder / "django.mo").open("wb") as file:
            write_mo(file, catalogue(language))
    settings.LOCALE_PATHS = [tmp_path]


def marked_texts() -> set[tuple[str | None, str]]:
    """Context and text of everything that is marked for translation, by Python alone."""
    keywords = {
        **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop"), None),
        **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
        **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
        **dict.fromkeys(("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3)),
    }
    sources = [
        (path, path.read_text())
        for folder in ("apps", "portal")
        for path in (ROOT / folder).rglob("*.py")
        if "migrations" not in path.parts
    ]
    sources += [
        (path, re.sub(r"(?m)^\s+", "", templatize(path.read_text(), origin=str(path))))
        for path in (ROOT / "templates").rglob("*")
        if path.suffix in {".html", ".txt"}
    ]
    return {
        (context, text if isinstance(text, str) else text[0])
        for _path, source in sources
        for _line, text, _comments, context in extract("python", io.BytesIO(source.encode()), keywords)
    }


def test_no_text_was_added_without_its_translations() -> None:
    """Otherwise: ``manage.py makemessages -l fr -l sv -l cs --no-location``, and translate what is new."""
    marked = marked_texts()
    assert len(marked) > 400
    for language in LANGUAGES:
        held = {(message.context, english(message)[0]) for message in messages(language)}
        assert not marked - held, language


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated_and_none_is_a_guess(language: str) -> None:
    found = catalogue(language)
    assert not found.fuzzy
    for message in messages(language):
        assert all(translated(message)), message.id
        assert not message.fuzzy, message.id
        assert not list(message.check(found)), message.id
    assert not found.obsolete


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_have_the_holes_the_markup_and_the_edges_of_the_english(language: str) -> None:
    for message in messages(language):
        texts = english(message)
        for index, ours in enumerate(translated(message)):
            text = texts[min(index, len(texts) - 1)]
            assert sorted(HOLE.findall(ours)) == sorted(HOLE.findall(text)), message.id
            assert sorted(TAG.findall(ours)) == sorted(TAG.findall(text)), message.id
            assert ours == ours.strip(), message.id
            assert text[-1] not in ".:?" or ours[-1] == text[-1], message.id
            if message.context == "date" and "{" in text:
                assert set(re.findall(r"\{(\w*)\}", ours)) <= PARTS_OF_A_DATE, message.id


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_terms_are_those_of_the_glossary(language: str) -> None:
    held = {english(message)[0]: message.string for message in messages(language)}
    for line in GLOSSARY.split("\n")[1:-1]:
        term, *in_languages = line.split("|")
        assert held[term] == dict(zip(("fr", "sv", "cs"), in_languages, strict=True))[language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_name_address_or_place_of_whoever_made_them_is_kept(language: str) -> None:
    text = (LOCALE / language / "LC_MESSAGES" / "django.po").read_text()
    header = text.split("\n\n")[0]
    assert "@" not in header
    assert "Translator:" not in header
    assert "\n#: " not in text


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "heading", "language_label"),
    [("fr", "Se connecter", "Langue"), ("sv", "Logga in", "Språk"), ("cs", "Přihlásit se", "Jazyk")],
)
def test_a_page_speaks_the_language_of_its_reader(
    client: Client, compiled: None, language: str, heading: str, language_label: str
) -> None:
    page = client.get(reverse("account_login"), headers={"accept-language": language}).content.decode()
    assert f'<html lang="{language}">' in page
    assert re.search(rf"<h1>\s*{heading}\s*</h1>", page)
    assert f'aria-label="{language_label}"' in page
    chosen = client.post(reverse("set_language"), {"language": language, "next": reverse("account_login")})
    assert re.search(rf"<h1>\s*{heading}\s*</h1>", client.get(chosen["Location"]).content.decode())


@pytest.mark.parametrize(
    ("language", "day", "day_long", "period", "moment", "number"),
    [
        (
            "fr",
            "9 juil. 2024",
            "mardi 9 juillet 2024",
            "9 juil. – 8 août 2024",
            "9 juil. 2024 à 14:05 UTC",
            "42 059,5",
        ),
        (
            "sv",
            "9 jul 2024",
            "tisdag 9 juli 2024",
            "9 jul – 8 aug 2024",
            "9 jul 2024 kl. 14:05 UTC",
            "42 059,5",
        ),
        (
            "cs",
            "9. 7. 2024",
            "úterý 9. července 2024",
            "9. 7. – 8. 8. 2024",
            "9. 7. 2024 14:05 UTC",
            "42 059,5",
        ),
    ],
)
def test_days_and_numbers_are_written_as_each_language_does(
    compiled: None, language: str, day: str, day_long: str, period: str, moment: str, number: str
) -> None:
    with translation.override(language):
        shown = [
            formatting.day(date(2024, 7, 9)),
            formatting.day_long(date(2024, 7, 9)),
            formatting.period(Period(date(2024, 7, 9), date(2024, 8, 8))),
            formatting.moment(datetime(2024, 7, 9, 14, 5, tzinfo=UTC)),
            formatting.number(Decimal("42059.5")),
        ]
    assert [text.replace(formatting.NO_BREAK, " ") for text in shown] == [
        day,
        day_long,
        period,
        moment,
        number,
    ]


def test_czech_counts_in_three_forms(compiled: None) -> None:
    with translation.override("cs"):
        counted = [
            ngettext("%(count)s invoice", "%(count)s invoices", n) % {"count": n} for n in (1, 2, 5, 0)
        ]
    assert counted == ["1 faktura", "2 faktury", "5 faktur", "0 faktur"]


def test_files_are_the_same_for_readers_of_every_language(compiled: None) -> None:
    organisation = {"name": "Kungsgatan", "ref": "C-100"}
    invoice = Invoice(
        number="INV-000001",
        seller=Invoice.Seller.PROVIDER,
        seller_details=organisation,
        recipient_details=organisation,
        customer_details=organisation,
        period_from=date(2024, 6, 9),
        period_to=date(2024, 7, 8),
        transaction_date=date(2024, 7, 9),
        due_date=date(2024, 8, 8),
        currency="USD",
        subtotal=Decimal(100),
        taxes=Decimal(0),
        total=Decimal(100),
    )
    on = date(2024, 7, 9)
    in_english = invoices_csv([invoice], on=on), customers_csv([])
    assert ",Wholesale," in in_english[0]
    assert ",Open," in in_english[0]
    for language in LANGUAGES:
        with translation.override(language):
            assert (invoices_csv([invoice], on=on), customers_csv([])) == in_english
