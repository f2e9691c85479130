"""Is each line of a list judged for itself, by what people and spreadsheets really write?"""

import io
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.roster import (
    HEADINGS,
    LONGEST_LINE,
    MOST_LINES,
    Fault,
    JudgedLine,
    RosterUnreadable,
    Unreadable,
    judge,
)

GOOD = "484535289196,Community IT,ann@example.org,,https://tickets.example.org/1,prod"

# A line of each fault, and what of it is shown.
FAULTY: dict[Fault, tuple[str, str]] = {
    Fault.NUMBER_MISSING: (",Name,a@example.org", ""),
    Fault.NUMBER_LOST_ZERO: ("12345678901,Name,a@example.org", "12345678901"),
    Fault.NUMBER_SCIENTIFIC: ("4.84535E+11,Name,a@example.org", "4.84535E+11"),
    Fault.NUMBER_DECIMAL: ("484535289196.0,Name,a@example.org", "484535289196.0"),
    Fault.NUMBER_TOO_LONG: ("4845352891961,Name,a@example.org", "4845352891961"),
    Fault.NUMBER_NOT_DIGITS: ("48453528919٦,Name,a@example.org", "48453528919٦"),
    Fault.NAME_MISSING: ("484535289196,,a@example.org", ""),
    Fault.NAME_TOO_LONG: (f"484535289196,{'n' * 121},a@example.org", "n" * 79 + "…"),
    Fault.OWNER_NOT_ADDRESS: ("484535289196,Name,ann@", "ann@"),
    Fault.TOO_MANY_OWNERS: (f"484535289196,Name,{' '.join(f'a{n}@example.org' for n in range(11))}", "11"),
    Fault.CONTACT_MISSING: ("484535289196,Name,,", ""),
    Fault.CONTACT_NOT_ADDRESS: ("484535289196,Name,a@example.org,somebody", "somebody"),
    Fault.TICKET_NOT_LINK: ("484535289196,Name,a@example.org,,javascript:alert(1)", "javascript:alert(1)"),
    Fault.TICKET_TOO_LONG: (
        f"484535289196,Name,a@example.org,,https://example.org/{'x' * 190}",
        f"https://example.org/{'x' * 59}…",
    ),
    Fault.TAG_NOT_PLAIN: ("484535289196,Name,a@example.org,,,prod;two words", "two words"),
    Fault.TAG_TOO_LONG: (f"484535289196,Name,a@example.org,,,{'t' * 41}", "t" * 41),
    Fault.TOO_MANY_TAGS: (f"484535289196,Name,a@example.org,,,{';'.join(f't{n}' for n in range(21))}", "21"),
    Fault.FORMULA: ('484535289196,"=HYPERLINK(""http://x"")",a@example.org', '=HYPERLINK("http://x")'),
    Fault.CONTROL_CHARACTER: ("484535289196,Na\x07me,a@example.org", "Na·me"),
    Fault.CHARACTER_LOST: ("484535289196,Caf\ufffd,a@example.org", "Caf\ufffd"),
    Fault.QUOTE_OPEN: ('484535289196,"Name,a@example.org', '484535289196,"Name,a@example.org'),
    Fault.TOO_MANY_CELLS: ("484535289196,Name,a@example.org,,,prod,more", "more"),
    Fault.LINE_TOO_LONG: (f"484535289196,Name,{'x' * LONGEST_LINE}", f"484535289196,Name,{'x' * 61}…"),
    Fault.TWICE: (GOOD, "1"),
}


def lines_of(text: str | bytes) -> list[JudgedLine]:
    return list(judge(io.BytesIO(text.encode() if isinstance(text, str) else text))[1])


def test_every_fault_has_a_line_here() -> None:
    assert FAULTY.keys() == set(Fault)
    assert len(Fault) >= 20


@pytest.mark.parametrize("fault", list(Fault))
def test_a_faulty_line_is_named_with_its_fault_and_spoils_no_other(fault: Fault) -> None:
    line, said = FAULTY[fault]
    good, faulty, after = lines_of(f"{GOOD}\n{line}\n111111111111,After,b@example.org\n")
    assert good.entry is not None
    assert (faulty.line, faulty.fault, faulty.said, faulty.entry) == (2, fault, said, None)
    assert after.entry is not None
    assert after.line == 3


def test_a_good_line_says_all_six_things() -> None:
    [line] = lines_of(
        "484535289196,Community IT,Ann@Example.org; bob@example.org ann@example.org,,"
        "https://tickets.example.org/1,Prod;eu|prod\n"
    )
    assert line.entry is not None
    assert line.entry.owners == ("ann@example.org", "bob@example.org")
    assert line.entry.contact == "ann@example.org"
    assert line.entry.tags == ("prod", "eu")


@pytest.mark.parametrize(
    "said",
    [
        "0123-4567-8901",
        "0123 4567 8901",
        "'012345678901",
        '="012345678901"',
        "\u00a0012345678901 ",
        '"012345678901"',
        '"=""012345678901"""',
    ],
)
def test_what_stands_around_the_digits_does_no_harm(said: str) -> None:
    [line] = lines_of(f"{said},Name,a@example.org\n")
    assert line.number == "012345678901"
    assert line.entry is not None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_usual_encoding_separator_and_line_end_gives_the_same(
    encoding: str, separator: str, end: str
) -> None:
    rows = [["Owner", "Account ID", "Name", "Budget"], ["a@example.org", "484535289196", "Café", "12,5"]]
    text = end.join(separator.join(f'"{cell}"' for cell in row) for row in rows) + end
    shape, lines = judge(io.BytesIO(text.encode(encoding)))
    [line] = lines
    assert (shape.separator, shape.has_heading, shape.ignored) == (separator, True, ("Budget",))
    assert line.entry is not None
    assert line.entry.name == "Café"
    assert (line.line, line.number, line.entry.owners) == (2, "484535289196", ("a@example.org",))


def test_excels_own_separator_line_is_heeded_and_counted() -> None:
    [line] = lines_of("sep=;\n\nnumber;name;owner\n484535289196;A, B and C;a@example.org\n")
    assert line.entry is not None
    assert (line.line, line.entry.name) == (4, "A, B and C")


def test_empty_lines_are_no_accounts() -> None:
    assert len(lines_of(f"\n{GOOD}\n\n,,,,,\n   \n")) == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", Unreadable.EMPTY),
        (b" \n\n", Unreadable.EMPTY),
        (b"PK\x03\x04rest of a spreadsheet", Unreadable.NOT_TEXT),
        (b"\xd0\xcf\x11\xe0rest", Unreadable.NOT_TEXT),
        (b"abc\x00def", Unreadable.NOT_TEXT),
        (b"name,owner\nA,a@example.org\n", Unreadable.NO_NUMBERS),
        (b"number,name,account\n", Unreadable.COLUMN_TWICE),
    ],
)
def test_what_is_no_list_is_refused_whole(text: bytes, why: Unreadable) -> None:
    with pytest.raises(RosterUnreadable) as caught:
        lines_of(text)
    assert caught.value.why == why


def test_more_lines_than_allowed_are_refused_when_they_are_reached() -> None:
    with pytest.raises(RosterUnreadable) as caught:
        lines_of("1,x\n" * (MOST_LINES + 1))
    assert caught.value.why == Unreadable.TOO_MANY_LINES


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfe\x00",
        "\ufeffnumber,name\n".encode("utf-16-le") + b"1",
        "\ufeffnumber,name\n".encode("utf-16-le") + b"\x00\xd81\x00",
    ],
)
def test_utf_16_that_is_cut_off_or_none_is_no_text(data: bytes) -> None:
    with pytest.raises(RosterUnreadable) as caught:
        lines_of(data)
    assert caught.value.why == Unreadable.NOT_TEXT


@pytest.mark.parametrize("line", ['1\x00"2,"a', "1,2,3\x00,4,5,6,7\x00", "\x00" * 5_000])
def test_what_a_faulty_line_said_can_be_stored_whatever_it_said(line: str) -> None:
    heading = ",".join(HEADINGS)
    [judged] = lines_of(f"\ufeff{heading}\n{line}\n".encode("utf-16-le"))
    assert judged.fault is not None
    assert "\x00" not in judged.said


def test_a_quotation_mark_separates_nothing() -> None:
    assert lines_of(f'sep="\n{GOOD}\n')[-1].entry is not None


@given(st.one_of(st.binary(max_size=400), st.binary(max_size=400).map(lambda data: b"\xff\xfe" + data)))
def test_no_bytes_break_it(data: bytes) -> None:
    try:
        lines = lines_of(data)
    except RosterUnreadable:
        return
    assert not any("\x00" in line.said for line in lines)
    assert all((line.entry is None) != (line.fault is None) for line in lines)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), min_size=1, max_size=9))
def test_no_line_breaks_it(cells: list[str]) -> None:
    text = ",".join(cells).replace("\r", " ").replace("\n", " ").replace("\x00", " ")
    lines = lines_of(f"{GOOD}\n{text}\n111111111111,After,b@example.org\n")
    assert lines[0].entry is not None
    assert lines[-1].entry is not None


def many(count: int) -> Iterator[str]:
    yield ",".join(HEADINGS) + "\n"
    for n in range(count):
        yield f"{n:012},Account {n},owner{n}@example.org,,https://tickets.example.org/{n},prod\n"


def test_memory_does_not_grow_with_the_list() -> None:
    """But for the numbers, which are remembered to find what comes twice: some hundred bytes each."""

    def peak(count: int) -> int:
        file = io.BytesIO("".join(many(count)).encode())
        tracemalloc.start()
        for _line in judge(file)[1]:
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    small, large = peak(500), peak(5_000)
    assert large - small < 4_500 * 200


def test_in_ten_thousand_lines_each_of_five_hundred_faults_is_named() -> None:
    kinds = [fault for fault in Fault if fault != Fault.TWICE]
    lines, expected = [",".join(HEADINGS)], dict[int, Fault]()
    for n in range(10_000):
        if n % 20 == 7:
            fault = kinds[len(expected) % len(kinds)]
            expected[n + 2] = fault
            lines.append(FAULTY[fault][0])
        else:
            lines.append(f"{n:012},Account {n},owner@example.org")
    judged = lines_of("\n".join(lines))
    assert {line.line: line.fault for line in judged if line.fault} == expected
    assert (len(expected), len(set(expected.values()))) == (500, len(kinds))
    assert sum(line.entry is not None for line in judged) == 9_500
