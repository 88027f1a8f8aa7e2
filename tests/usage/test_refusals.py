"""What a file is told by, and what is said of one that cannot be told: never a guess, one line, in each language."""

from __future__ import annotations

import ast
import io
import json
import zipfile
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import translation

from apps.accounts.models import User
from apps.core.tenancy import PROVIDER, scope
from apps.organisations.models import Customer
from apps.usage.domain.formats import FormatError, choose
from apps.usage.domain.licences import LicenceListError
from apps.usage.domain.records import KINDS_OF_FILE
from apps.usage.domain.refusals import TellingError, listed
from apps.usage.formats import shipped_formats
from apps.usage.models import Delivery, DeliveryState, RowKeptAside
from apps.usage.reasons import KINDS_IN_WORDS, in_words, kind_of_file
from apps.usage.services import UsageRefused, import_usage
from tests.conftest import NOW
from tests.core.test_translations import compiled
from tests.factories.commands import Shell, shell
from tests.factories.pages import Browser
from tests.factories.usage import UsageFiles

__all__ = ["compiled", "shell"]

DOMAIN = Path(__file__).parents[2] / "apps" / "usage" / "domain"
TELLING = {"UnreadableFileError", "FormatError", "UnknownFormatError", "LicenceListError"}
SESSIONS_OF_BOTH = "these columns fit agent sessions and workforce optimization sessions: say which of them"
TOLD_BY_ITSELF = {
    "agent-sessions": SESSIONS_OF_BOTH,
    "wfo-sessions": SESSIONS_OF_BOTH,
    "ivr-legs": "these columns fit IVR legs and voice calls: say which of them the file holds",
    "voice-calls": "these columns fit IVR legs and voice calls: say which of them the file holds",
    "digital-usage": "",
}


# Which kind


@pytest.mark.parametrize(("kind", "line"), list(TOLD_BY_ITSELF.items()))
def test_a_kind_is_told_by_the_portals_own_columns_where_no_other_has_them(kind: str, line: str) -> None:
    names = KINDS_OF_FILE[kind].columns
    assert choose(names, shipped_formats(), kind=kind).kind == kind
    if not line:
        assert choose(names, shipped_formats()).kind == kind
        return
    with pytest.raises(FormatError) as refused:
        choose(names, shipped_formats())
    assert in_words(refused.value).startswith(line)


@pytest.mark.parametrize("pair", list(combinations(KINDS_OF_FILE, 2)))
def test_a_file_with_the_columns_of_two_kinds_is_neither_until_somebody_says(pair: tuple[str, str]) -> None:
    names = {name for kind in pair for name in KINDS_OF_FILE[kind].columns}
    with pytest.raises(FormatError, match="say which of them the file holds") as refused:
        choose(names, shipped_formats())
    fitting = refused.value.holes["kinds"]
    assert {*pair} <= {*fitting}  # type: ignore[misc]
    for kind in pair:
        assert choose(names, shipped_formats(), kind=kind).kind == kind


def test_sessions_whose_licence_was_forgotten_are_not_taken_for_wfo_sessions(
    guide_example: Customer, files: UsageFiles
) -> None:
    path = files.write("record_id,agent_id,started_at,ended_at\nr1,a1,2024-06-10T08:00:00Z,\n")
    with pytest.raises(UsageRefused, match=SESSIONS_OF_BOTH):
        import_usage(kind="", path=path, sha256="0" * 64, sender=PROVIDER, now=NOW, customer_ref="C-100")
    with pytest.raises(UsageRefused, match="the header lacks licence"):
        files.take(path, customer="C-100")
    with scope(PROVIDER):
        assert not Delivery.objects.filter(file_name=path.name).exists()
    assert files.take(path, kind="wfo-sessions", customer="C-100").accepted == 1


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_the_page_says_it_in_one_line_and_stores_nothing(
    client_of: Browser, bob: User, folders: Path, accept: str
) -> None:
    with scope(PROVIDER):
        before = Delivery.objects.count()
    for kind, line in TOLD_BY_ITSELF.items():
        if not line:
            continue
        content = ",".join(KINDS_OF_FILE[kind].columns).encode()
        said = {"kind": "", "source": "acd", "customer": "", "format": ""}
        sent = {**said, "file": [SimpleUploadedFile("own.csv", content)]}
        browser = client_of(bob)
        answer = browser.post("/deliveries/", sent, headers={"accept": accept}, follow=accept == "text/html")
        assert f"own.csv: {line}" in answer.content.decode()
    with scope(PROVIDER):
        assert Delivery.objects.count() == before


def test_a_watched_folder_takes_each_file_for_what_it_is_told_by(
    shell: Shell, guide_example: Customer, tmp_path: Path
) -> None:
    samples = Path(__file__).parent / "samples"
    for name in ("webex-activities.csv", "webex-connect-usage.csv", "daily-detail.csv"):
        (tmp_path / name).write_bytes((samples / name).read_bytes())
    (tmp_path / "own.csv").write_text("record_id,contact_id,started_at,ended_at\n")
    said = ("--source", "acd", "--customer", "C-100", "--once", "--settle", "0")
    assert shell("watch_drop", tmp_path, *said).code == 0
    done = {path.name for path in (tmp_path / "done").glob("*.csv")}
    assert done == {"webex-activities.csv", "webex-connect-usage.csv"}
    failures = {
        path.name: json.loads(path.read_text())["failure"] for path in (tmp_path / "failed").glob("*.json")
    }
    assert failures == {
        "own.csv.json": f"own.csv: {TOLD_BY_ITSELF['ivr-legs']}",
        "daily-detail.csv.json": "daily-detail.csv: Daily Detail: these are control totals, no usage. They are"
        " compared with the portal's figures under Control totals",
    }


# In words


def test_every_line_of_the_domain_is_marked_for_translation() -> None:
    """Whatever it refuses, it refuses with a line that the catalogues have; holes are named."""
    seen = 0
    for path in DOMAIN.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or getattr(node.func, "id", "") not in TELLING:
                continue
            seen += 1
            (line,) = node.args
            named = isinstance(line, ast.Name) and line.id.startswith("_")
            assert named or (isinstance(line, ast.Call) and getattr(line.func, "id", "") == "_"), path
    assert seen > 40


def test_a_line_is_filled_with_names_numbers_and_kinds() -> None:
    error = TellingError(
        "%(count)s of %(kinds)s lack %(columns)s", count=2, kinds=["ivr-legs"], columns="abc"
    )
    assert str(error) == "2 of ivr-legs lack abc"
    assert in_words(error) == "2 of IVR legs lack abc"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert in_words(TellingError("%(columns)s", columns=["a", "b", "c"])) == "a, b and c"
    assert in_words(TellingError("%(text)s is 100 %%", text="100 %(x)s")) == "100 %(x)s is 100 %"


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        ("fr", ["le fichier est vide", "les colonnes manquantes dans l'en-tête sont\u00a0: licence et from"]),
        ("sv", ["filen är tom", "rubrikraden saknar licence och from"]),
        ("cs", ["soubor je prázdný", "v záhlaví chybí licence a from"]),
    ],
)
def test_a_refusal_speaks_the_language_of_its_reader(compiled: None, language: str, lines: list[str]) -> None:
    with translation.override(language):
        told = [
            in_words(TellingError("the file is empty")),
            in_words(LicenceListError("the header lacks %(columns)s", columns=["licence", "from"])),
        ]
    assert told == lines


@pytest.mark.parametrize(
    ("language", "kinds"),
    [
        ("en", "fit IVR legs and voice calls: say"),
        ("fr", "natures (segments IVR et appels vocaux)"),
        ("sv", "med IVR-ben och röstsamtal: ange"),
        ("cs", "druhům (úseky IVR a hlasové hovory): uveďte"),
    ],
)
def test_kinds_begin_with_a_capital_where_a_line_begins_with_them_alone(
    compiled: None, language: str, kinds: str
) -> None:
    names = {name for kind in ("ivr-legs", "voice-calls") for name in KINDS_OF_FILE[kind].columns}
    with pytest.raises(FormatError) as refused:
        choose(names, shipped_formats())
    with translation.override(language):
        assert kinds in in_words(refused.value)
        for name, words in KINDS_IN_WORDS.items():
            assert str(words)[0].islower() or str(words).startswith("IVR")
            assert kind_of_file(name)[0].isupper()
            assert kind_of_file(name)[1:] == str(words)[1:]


@pytest.mark.parametrize(
    "content", [b"PK\x03\x04 no zip", b"\x1f\x8b\x08\x00 none, and no word of the library" * 9]
)
def test_no_word_of_a_library_reaches_the_sender(
    guide_example: Customer, files: UsageFiles, content: bytes
) -> None:
    with pytest.raises(UsageRefused) as refused:
        files.take(files.write(content), customer="C-100")
    assert str(refused.value).partition(": ")[2] == "the packed file is damaged"


def test_why_a_delivery_failed_is_told_in_the_language_of_who_looks(
    client_of: Browser, bob: User, compiled: None
) -> None:
    """A worker wrote it down, in English."""
    with scope(bob.scope):
        failed = Delivery.objects.create(
            partner=bob.partner,
            kind=1,
            source_name="acd",
            file_name="a.csv.gz",
            sha256="0" * 64,
            state=DeliveryState.FAILED,
            failure="the packed file is cut off: its end is missing",
            finished_at=NOW,
        )
    page = client_of(bob).get(f"/deliveries/{failed.pk}/", headers={"accept-language": "sv"})
    assert "den packade filen är avkortad: slutet saknas" in page.content.decode()


def test_an_archive_with_a_password_says_so(guide_example: Customer, files: UsageFiles) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("usage.csv", "record_id")
    content = bytearray(packed.getvalue())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the flag of an encrypted file, in the directory
    with pytest.raises(UsageRefused, match="the archive is protected by a password"):
        files.take(files.write(bytes(content)), customer="C-100")


# The text and the line of rows kept aside


def kept_aside() -> list[tuple[int, int, str]]:
    with scope(PROVIDER):
        rows = RowKeptAside.objects.order_by("delivery", "line_number", "part")
        return list(rows.values_list("line_number", "part", "text"))


def test_a_row_of_a_workbook_is_kept_as_csv_would_have_it(guide_example: Customer, files: UsageFiles) -> None:
    book, out = openpyxl.Workbook(), io.BytesIO()
    assert book.active is not None
    start = datetime(2024, 6, 9, 8, tzinfo=UTC).replace(tzinfo=None)
    for row in (
        [],
        ["record_id", "agent_id", "licence", "started_at", "ended_at"],
        ["r1", "Berg, Anna", "gold", start, None],
        [None] * 5,
        ["r2", 'two\n"lines"', "premium", "never", 12.5],
    ):
        book.active.append(row)
    book.save(out)
    assert files.take(files.write(out.getvalue()), customer="C-100").rejected == 2
    assert kept_aside() == [
        (3, 0, 'r1,"Berg, Anna",gold,2024-06-09T08:00:00'),
        (5, 0, 'r2,"two\n""lines""",premium,never,12.5'),
    ]


def test_an_event_is_kept_as_it_was_written_but_for_what_nobody_asked_for(
    guide_example: Customer, files: UsageFiles
) -> None:
    def event(number: int, kind: str, time: str) -> dict[str, str]:
        return {"AgentARN": "one", "EventId": f"e{number}", "EventType": kind, "EventTimestamp": time}

    out, odd = event(1, "LOGOUT", "2024-06-09T08:00:00Z"), event(2, "LOGIN", "never")
    lines = [json.dumps({**out, "CurrentAgentSnapshot": {"Name": "Anna"}}), "", json.dumps(odd), "{"]
    path = files.write("\n".join(lines))
    assert files.take(path, customer="C-100").rejected == 3
    (first, *_), (third, *_), (fourth, *_) = found = kept_aside()
    assert (first, third, fourth) == (1, 3, 4)
    assert json.loads(found[0][2]) == out
    assert [text for *_line, text in found[1:]] == lines[2:]


def test_a_record_of_a_list_inside_of_a_line_is_kept_with_its_line_and_its_own_text(
    guide_example: Customer, files: UsageFiles
) -> None:
    nodes = [{"id": f"n{n}", "eventName": "ivr-connected", "createdTime": "never"} for n in range(3)]
    tasks = [
        {"id": f"t{n}", "activities": {"nodes": of_task}} for n, of_task in enumerate((nodes[:2], nodes[2:]))
    ]
    wrapped = json.dumps({"data": {"taskDetails": {"tasks": tasks}}}, indent=1)
    expected = [(1, 0, json.dumps(nodes[0])), (1, 1, json.dumps(nodes[1])), (2, 0, json.dumps(nodes[2]))]
    for content in ("\n".join(map(json.dumps, tasks)), wrapped):
        assert files.take(files.write(content), kind="ivr-legs", customer="C-100").rejected == 3
    assert kept_aside() == expected * 2
