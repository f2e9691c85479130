"""Is every record that was sealed still there, as it was, in its place? Reads everything, changes nothing.

What it can't tell: a record removed, changed or slipped in by somebody who may write the database *before* it
was sealed (a few seconds), and whatever happened after the last head that it is given from outside, if the
stored head was set back too.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError

from onboarding.audit.chain import START, Keys, link
from onboarding.audit.encoding import CONTENT, encode
from onboarding.audit.heads import Head, read
from onboarding.models.audit import AuditHead, AuditRecord

UNSEALED_FOR = timedelta(minutes=1)
MOST_FINDINGS = 100
_CHUNK = 5000


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that an honest log doesn't have. `record_id` is None where no row is left to name."""

    what: str
    sequence: int | None = None
    record_id: int | None = None

    def __str__(self) -> str:
        place = "" if self.sequence is None else f"#{self.sequence} "
        row = "" if self.record_id is None else f"(row {self.record_id}) "
        return f"{place}{row}{self.what}"


@dataclass(slots=True)
class Report:
    """In the order found, so the first names the first bad row. Only the first hundred are kept."""

    findings: list[Finding] = field(default_factory=list)
    found: int = 0
    sealed: int = 0
    unsealed: int = 0
    last: Head | None = None

    @property
    def is_good(self) -> bool:
        return not self.found

    def add(self, what: str, sequence: int | None = None, record_id: int | None = None) -> None:
        self.found += 1
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(what, sequence, record_id))


def verify(ring: Keys, head_lines: Iterable[str] = (), *, now: datetime) -> Report:
    """Walk the whole chain. `head_lines` are those of head files or of logs with heads in them.

    The sealer may go on meanwhile: the chain that is read ends somewhere between the stored head as it was
    before and as it is after.
    """
    report = Report()
    heads = _trusted_heads(ring, head_lines, report)
    before = _stored_head()
    if before is not None and not before.is_ours(ring):
        report.add("The stored head wasn't written by the sealer, or its key isn't given.", before.sequence)
    elif before is not None:
        _believe(before, heads, report)
    sequence, mac = _walk(ring, heads, report)
    last_told = max(heads, default=0)
    if last_told > sequence:
        report.add(f"Cut off: the records up to #{last_told} are missing at the end.", sequence + 1)
    report.last = _stored_head()
    _compare_end(report, sequence, mac)
    _look_for_unsealed(report, now)
    return report


def _trusted_heads(ring: Keys, lines: Iterable[str], report: Report) -> dict[int, str]:
    """The MAC that the sealer told outside, by sequence."""
    heads: dict[int, str] = {}
    for number, head in read(lines):
        if head is None or not head.is_ours(ring):
            report.add(f"Line {number} of the heads wasn't written by the sealer, or its key isn't given.")
        else:
            _believe(head, heads, report)
    return heads


def _believe(head: Head, heads: dict[int, str], report: Report) -> None:
    if heads.setdefault(head.sequence, head.mac) != head.mac:
        report.add("The heads name two different records at this place.", head.sequence)


def _stored_head() -> Head | None:
    return Head.from_row(AuditHead.objects.filter(pk=1).first())


def _walk(ring: Keys, heads: Mapping[int, str], report: Report) -> tuple[int, str]:
    """Every sealed record after the one before it; the last one's sequence and MAC."""
    expected, previous = 1, START
    try:
        for mac, key_id, sequence, *row in _sealed_rows():
            report.sealed += 1
            known: str | None = previous
            if sequence != expected:
                _tell_gap(report, expected, sequence)
                # What came before it is gone; a head may still tell.
                known = heads.get(sequence - 1)
            wrong = _what_is_wrong(ring, sequence, row, key_id=key_id, mac=mac, previous=known)
            if not wrong and heads.get(sequence, mac) != mac:
                wrong = "Another record stood here when the head was written down."
            if wrong:
                report.add(wrong, sequence, row[0])
            expected, previous = sequence + 1, mac
    except (ValueError, DatabaseError) as error:
        report.add(f"It can't be read ({type(error).__name__}); nothing after it was looked at.", expected)
    return expected - 1, previous


def _what_is_wrong(
    ring: Keys, sequence: int, row: Sequence[Any], *, key_id: str, mac: str, previous: str | None
) -> str:
    """Of one record; empty when nothing is. `previous` is None where the one before it isn't known."""
    key = ring.by_id.get(key_id)
    if key is None:
        return f"It is sealed under the key {key_id!r}, which isn't given."
    try:
        encoded = encode(*row)
    except (AttributeError, TypeError, ValueError):
        return "A value in it isn't of its column's kind."
    if previous is not None and link(key, previous, sequence, encoded) != mac:
        return "It is not what was sealed here: changed, moved or slipped in."
    return ""


def _tell_gap(report: Report, expected: int, found: int) -> None:
    if found < expected:
        report.add("Its place in the chain can't be: numbers begin with 1.", found)
    elif found == expected + 1:
        report.add("It is missing.", expected)
    else:
        report.add(f"They are missing, up to #{found - 1}.", expected)


def _sealed_rows() -> Iterator[tuple[Any, ...]]:
    rows = AuditRecord.objects.exclude(sequence=None).order_by("sequence")
    return rows.values_list("mac", "key_id", "sequence", *CONTENT).iterator(chunk_size=_CHUNK)


def _compare_end(report: Report, sequence: int, mac: str) -> None:
    """The end of the chain that was read, against the stored head as it is now: there or further on."""
    stored = report.last
    if sequence and stored is None:
        report.add("There is no stored head, though records are sealed.")
    elif stored is not None and (
        stored.sequence < sequence or (stored.sequence == sequence and stored.mac != mac)
    ):
        report.add("The stored head was set back: the table has more than it tells.", stored.sequence)


def _look_for_unsealed(report: Report, now: datetime) -> None:
    waiting = AuditRecord.objects.unsealed()
    report.unsealed = waiting.count()
    late = waiting.filter(at__lt=now - UNSEALED_FOR).order_by("id").values_list("id", flat=True)
    first, count = late.first(), late.count()
    if first is not None:
        report.add(
            f"{count} records wait for the sealer for more than a minute; this is the first.", None, first
        )
