"""What does each line of a list of accounts say, and what is wrong with it?

A list is CSV as people and spreadsheets write it: any of the usual encodings, separators and headings. Each
line of the text is one record, judged for itself, so that a fault names its line and spoils no other. It is
streamed: all that is kept are the account numbers, to find those that come twice. Pure: it knows no database.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator, validate_email
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

MOST_LINES = 20_000
LONGEST_LINE = 4_000
LONGEST_NAME = 120
LONGEST_TICKET = 200
LONGEST_TAG = 40
MOST_OWNERS = 10
MOST_TAGS = 20
# Of what a cell said, for the report.
SHOWN = 80

SEPARATORS = (",", ";", "\t", "|")
_FORMULA_BEGINS = frozenset("=+@-")
# What spreadsheets are told so that they keep a leading zero.
_QUOTED_NUMBER = re.compile(r'="([0-9 -]+)"')
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
TAG = re.compile(r"[a-z0-9][a-z0-9._:-]*")


class Fault(TextChoices):
    """What is wrong with a line. Stored: add words, never change one."""

    NUMBER_MISSING = "number_missing", _("There is no account number.")
    NUMBER_LOST_ZERO = (
        "number_lost_zero",
        _(
            "The account number has fewer than 12 digits. Spreadsheets drop leading zeros: format the column "
            "as text, and write the zero again."
        ),
    )
    NUMBER_SCIENTIFIC = (
        "number_scientific",
        _(
            "A spreadsheet has shortened the account number, and its last digits are lost. Format the column "
            "as text, and enter it again."
        ),
    )
    NUMBER_DECIMAL = "number_decimal", _("The account number is written as a decimal number.")
    NUMBER_TOO_LONG = "number_too_long", _("The account number has more than 12 digits.")
    NUMBER_NOT_DIGITS = "number_not_digits", _("The account number is not made of the digits 0 to 9.")
    NAME_MISSING = "name_missing", _("There is no name.")
    NAME_TOO_LONG = "name_too_long", _("The name is longer than 120 characters.")
    OWNER_NOT_ADDRESS = "owner_not_address", _("An owner is not an e-mail address.")
    TOO_MANY_OWNERS = "too_many_owners", _("There are more than 10 owners.")
    CONTACT_MISSING = "contact_missing", _("There is neither a contact nor an owner.")
    CONTACT_NOT_ADDRESS = "contact_not_address", _("The contact is not an e-mail address.")
    TICKET_NOT_LINK = "ticket_not_link", _("The ticket is not a link that begins with https:// or http://.")
    TICKET_TOO_LONG = "ticket_too_long", _("The ticket’s link is longer than 200 characters.")
    TAG_NOT_PLAIN = (
        "tag_not_plain",
        _("A tag has other characters than letters, digits, dots, colons, dashes and underscores."),
    )
    TAG_TOO_LONG = "tag_too_long", _("A tag is longer than 40 characters.")
    TOO_MANY_TAGS = "too_many_tags", _("There are more than 20 tags.")
    FORMULA = (
        "formula",
        _("A cell begins as a formula does, which a spreadsheet would run when the list is opened again."),
    )
    CONTROL_CHARACTER = "control_character", _("A cell holds an invisible control character.")
    CHARACTER_LOST = (
        "character_lost",
        _("A character was lost before: it reads “�”. Save the list as UTF-8 from where it comes from."),
    )
    QUOTE_OPEN = "quote_open", _("A quotation mark is opened and not closed, or stands in the wrong place.")
    TOO_MANY_CELLS = (
        "too_many_cells",
        _("There are more cells than columns: put quotation marks around a cell that holds a separator."),
    )
    LINE_TOO_LONG = "line_too_long", _("The line is longer than 4,000 characters.")
    TWICE = "twice", _("The same account stands on an earlier line.")


class Unreadable(TextChoices):
    """Why a list can't be read at all."""

    EMPTY = "empty", _("There is nothing in it.")
    NOT_TEXT = "not_text", _("It is not text. Save it as CSV: a spreadsheet’s own file can’t be read.")
    NO_NUMBERS = (
        "no_numbers",
        _("Its first line is a heading, but names no column with account numbers. Call it “number”."),
    )
    COLUMN_TWICE = "column_twice", _("Its heading names a column twice.")
    TOO_MANY_LINES = "too_many_lines", _("It has more than 20,000 lines. Split it.")


class RosterUnreadable(Exception):
    def __init__(self, why: Unreadable, detail: str = "") -> None:
        super().__init__(why.value)
        self.why = why
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Entry:
    """A line that can be taken in."""

    number: str
    name: str
    owners: tuple[str, ...]
    contact: str
    ticket: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JudgedLine:
    """`line` counts from 1, as editors do. Either an entry, or a fault with what the cell said."""

    line: int
    number: str
    entry: Entry | None = None
    fault: Fault | None = None
    said: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """How a list is written, found out from its first bytes and lines."""

    encoding: str
    separator: str
    # The columns' places, by what stands in them.
    columns: Mapping[str, int]
    ignored: tuple[str, ...]
    has_heading: bool
    width: int


# What people call the columns; the first is what we call it. Without a heading they come in this order.
HEADINGS: Mapping[str, tuple[str, ...]] = {
    "number": ("number", "account", "account number", "account id", "accountid", "aws account", "id"),
    "name": ("name", "account name", "alias", "title"),
    "owners": ("owners", "owner", "owner email", "owner e-mail", "owners email", "email", "e-mail"),
    "contact": ("contact", "contact email", "contact e-mail"),
    "ticket": ("ticket", "ticket url", "bug", "url", "link", "issue"),
    "tags": ("tags", "tag", "labels", "label"),
}
_COLUMN_OF = {word: column for column, words in HEADINGS.items() for word in words}


def judge(file: BinaryIO) -> tuple[Shape, Iterator[JudgedLine]]:
    """How the list is written, and its lines, judged one at a time while they are read.

    `file` must be seekable, and open until the last line is taken. Raises RosterUnreadable, also while the
    lines are read.
    """
    encoding = _encoding_of(file)
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, newline=None)
    try:
        shape, first = _shape_of(text, encoding)
    except UnicodeError:
        raise RosterUnreadable(Unreadable.NOT_TEXT) from None
    # Whoever reads the lines holds the text, and the file stays theirs.
    return shape, _judged(text, shape, skip=first)


def _encoding_of(file: BinaryIO) -> str:
    """By its mark, or UTF-8 where all of it is that; else what Western spreadsheets write."""
    file.seek(0)
    start = file.read(4)
    if not start:
        raise RosterUnreadable(Unreadable.EMPTY)
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # A zip archive, as .xlsx and .ods are; an old .xls; a PDF.
    if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF")):
        raise RosterUnreadable(Unreadable.NOT_TEXT)
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_utf8 = True
    while chunk := file.read(65_536):
        if b"\x00" in chunk:
            raise RosterUnreadable(Unreadable.NOT_TEXT)
        if is_utf8:
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError:
                is_utf8 = False
    # Every byte means something in Latin-1; in Windows-1252, which adds "€" and quotes, five don't.
    return "utf-8" if is_utf8 else "latin-1"


def _shape_of(text: io.TextIOWrapper, encoding: str) -> tuple[Shape, int]:
    """The shape, and how many lines at the beginning hold no account. Leaves `text` at its beginning."""
    separator, heading, lines_before = "", "", 0
    for line in _lines(text):
        lines_before += 1
        # A quotation mark can't be both.
        if found := re.fullmatch(r'sep=([^"\x00])', line.strip(" "), re.IGNORECASE):
            separator = found[1]
        elif line.strip():
            heading = line
            break
    text.seek(0)
    if not heading:
        raise RosterUnreadable(Unreadable.EMPTY)
    separator = separator or max(SEPARATORS, key=_outside_quotes(heading).count)
    cells = _cells(heading, separator) or []
    words = [re.sub(r"[\s_]+", " ", cell).strip().lower() for cell in cells]
    known = [word for word in words if word in _COLUMN_OF]
    # An account may be called "Name": where a cell is a number, the line is no heading.
    if not known or any(re.fullmatch(r"[0-9]{12}", _plain_number(cell.strip())) for cell in cells):
        in_order = dict(zip(HEADINGS, range(len(HEADINGS)), strict=True))
        shape = Shape(encoding, separator, in_order, (), has_heading=False, width=len(HEADINGS))
        return shape, lines_before - 1
    columns: dict[str, int] = {}
    for place, word in enumerate(words):
        if column := _COLUMN_OF.get(word):
            if column in columns:
                raise RosterUnreadable(Unreadable.COLUMN_TWICE, word)
            columns[column] = place
    if "number" not in columns:
        raise RosterUnreadable(Unreadable.NO_NUMBERS)
    ignored = tuple(
        cell.strip()[:SHOWN] for cell, word in zip(cells, words, strict=True) if word and word not in known
    )
    return Shape(encoding, separator, columns, ignored, has_heading=True, width=len(cells)), lines_before


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    """Each line, cut off where it is absurdly long, so that no line fills the memory."""
    while line := text.readline(LONGEST_LINE + 2):
        while not line.endswith("\n"):
            rest = text.readline(LONGEST_LINE)
            if not rest:
                break
            if rest.endswith("\n"):
                line = line[: LONGEST_LINE + 1] + "\n"
        yield line.rstrip("\n")


def _judged(text: io.TextIOWrapper, shape: Shape, *, skip: int) -> Iterator[JudgedLine]:
    seen: dict[str, int] = {}
    try:
        for line_number, line in enumerate(_lines(text), start=1):
            if line_number <= skip or not line.strip(f" {shape.separator}\t"):
                continue
            if line_number - skip > MOST_LINES:
                raise RosterUnreadable(Unreadable.TOO_MANY_LINES)
            yield _judge_line(line_number, line, shape, seen)
    except UnicodeError:
        # UTF-16 by its mark, and cut off or nothing of the kind further on.
        raise RosterUnreadable(Unreadable.NOT_TEXT) from None
    finally:
        text.detach()


def _judge_line(line_number: int, line: str, shape: Shape, seen: dict[str, int]) -> JudgedLine:
    if len(line) > LONGEST_LINE:
        return JudgedLine(line_number, "", fault=Fault.LINE_TOO_LONG, said=_shown(line))
    cells = _cells(line, shape.separator)
    if cells is None:
        return JudgedLine(line_number, "", fault=Fault.QUOTE_OPEN, said=_shown(line))
    given = {column: _cell(cells, place) for column, place in shape.columns.items()}
    number = _plain_number(given.get("number", ""))
    wrong = _fault_of_cells(cells, shape) or _fault_of_number(number) or _fault_of_words(given)
    if wrong is None and number in seen:
        wrong = Fault.TWICE, str(seen[number])
    if wrong is not None:
        fault, said = wrong
        known = number if re.fullmatch(r"[0-9]{12}", number) else ""
        return JudgedLine(line_number, known, fault=fault, said=_shown(said))
    seen[number] = line_number
    owners = tuple(dict.fromkeys(owner.lower() for owner in _owners(given)))
    entry = Entry(
        number=number,
        name=given["name"],
        owners=owners,
        contact=given.get("contact") or owners[0],
        ticket=given.get("ticket", ""),
        tags=tuple(dict.fromkeys(_tags(given))),
    )
    return JudgedLine(line_number, number, entry=entry)


def _cells(line: str, separator: str) -> list[str] | None:
    """None when its quotation marks make no sense."""
    try:
        return next(csv.reader([line], delimiter=separator, strict=True))
    except (csv.Error, StopIteration):
        return None


def _cell(cells: Sequence[str], place: int) -> str:
    return cells[place].strip() if place < len(cells) else ""


def _plain_number(said: str) -> str:
    """Without what people and spreadsheets put around the digits: 1234-5678-9012, '0123…, ="0123…"."""
    if found := _QUOTED_NUMBER.fullmatch(said):
        said = found[1]
    return re.sub(r"[\s\-\u2010-\u2015\u00a0]", "", said.removeprefix("'"))


def _fault_of_cells(cells: Sequence[str], shape: Shape) -> tuple[Fault, str] | None:
    if any(cell.strip() for cell in cells[shape.width :]):
        return Fault.TOO_MANY_CELLS, cells[shape.width]
    places = set(shape.columns.values())
    read = [cell.strip() for place, cell in enumerate(cells) if place in places]
    for cell in read:
        # A tab is control too, but inside a cell people don't see it either.
        if _CONTROL.search(cell):
            return Fault.CONTROL_CHARACTER, _CONTROL.sub("·", cell)
        if "\ufffd" in cell:
            return Fault.CHARACTER_LOST, cell
    for cell in read:
        if cell[:1] in _FORMULA_BEGINS and not _QUOTED_NUMBER.fullmatch(cell):
            return Fault.FORMULA, cell
    return None


def _fault_of_number(number: str) -> tuple[Fault, str] | None:
    if not number:
        return Fault.NUMBER_MISSING, ""
    if re.fullmatch(r"[0-9]([.,][0-9]+)?[eE]\+?[0-9]{1,2}", number):
        return Fault.NUMBER_SCIENTIFIC, number
    if re.fullmatch(r"[0-9]+[.,][0-9]+", number):
        return Fault.NUMBER_DECIMAL, number
    if not (number.isascii() and number.isdigit()):
        return Fault.NUMBER_NOT_DIGITS, number
    if len(number) < 12:
        return Fault.NUMBER_LOST_ZERO, number
    if len(number) > 12:
        return Fault.NUMBER_TOO_LONG, number
    return None


def _fault_of_words(given: Mapping[str, str]) -> tuple[Fault, str] | None:
    name, contact, ticket = given.get("name", ""), given.get("contact", ""), given.get("ticket", "")
    if not name:
        return Fault.NAME_MISSING, ""
    if len(name) > LONGEST_NAME:
        return Fault.NAME_TOO_LONG, name
    owners, tags = _owners(given), _tags(given)
    if len(owners) > MOST_OWNERS:
        return Fault.TOO_MANY_OWNERS, str(len(owners))
    for owner in owners:
        if not _is_address(owner):
            return Fault.OWNER_NOT_ADDRESS, owner
    if not (contact or owners):
        return Fault.CONTACT_MISSING, ""
    if contact and not _is_address(contact):
        return Fault.CONTACT_NOT_ADDRESS, contact
    return _fault_of_ticket(ticket) or _fault_of_tags(tags)


def _fault_of_ticket(ticket: str) -> tuple[Fault, str] | None:
    if len(ticket) > LONGEST_TICKET:
        return Fault.TICKET_TOO_LONG, ticket
    if ticket and not (ticket.startswith(("https://", "http://")) and _is_link(ticket)):
        return Fault.TICKET_NOT_LINK, ticket
    return None


def _fault_of_tags(tags: Sequence[str]) -> tuple[Fault, str] | None:
    if len(tags) > MOST_TAGS:
        return Fault.TOO_MANY_TAGS, str(len(tags))
    for tag in tags:
        if len(tag) > LONGEST_TAG:
            return Fault.TAG_TOO_LONG, tag
        if not TAG.fullmatch(tag):
            return Fault.TAG_NOT_PLAIN, tag
    return None


def _owners(given: Mapping[str, str]) -> list[str]:
    return [owner for owner in re.split(r"[\s,;|/]+", given.get("owners", "")) if owner]


def _tags(given: Mapping[str, str]) -> list[str]:
    return [tag.strip().lower() for tag in re.split(r"[,;|]", given.get("tags", "")) if tag.strip()]


def _is_address(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return len(text) <= 254


_link = URLValidator(schemes=["http", "https"])


def _is_link(text: str) -> bool:
    try:
        _link(text)
    except ValidationError:
        return False
    return True


def _outside_quotes(line: str) -> str:
    return re.sub(r'"[^"]*"', "", line)


def _shown(said: str) -> str:
    """Of what was said, so much, and nothing that a page or a database chokes on."""
    said = _CONTROL.sub("·", said)
    return said if len(said) <= SHOWN else f"{said[: SHOWN - 1]}…"
