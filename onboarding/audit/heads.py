"""Where does the chain end, as told outside of the database? In a file of lines, and in the log.

Who can write the database can cut the chain's tail off and set the stored head back. They can't make the
file, or the log collector, forget the head that was written there: whatever it names must still be in the
table.
"""

import json
import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from onboarding.audit.chain import Keys, prove_head
from onboarding.models.audit import AuditHead

logger = logging.getLogger(__name__)

_LONGEST_LINE = 4096


@dataclass(frozen=True, slots=True)
class Head:
    """The chain's last record at a time; `sequence` 0 is the empty chain's."""

    sequence: int
    mac: str
    key_id: str
    at: datetime
    proof: str

    @classmethod
    def at_end(cls, keys: Keys, sequence: int, mac: str, at: datetime) -> Self:
        key = keys.by_id[keys.sealing]
        return cls(sequence, mac, keys.sealing, at, prove_head(key, sequence, mac, at))

    @classmethod
    def from_line(cls, line: str) -> Self:
        """Raises ValueError."""
        try:
            told = json.loads(line)
            at = datetime.fromisoformat(told["at"])
            return cls(int(told["sequence"]), str(told["mac"]), str(told["key_id"]), at, str(told["proof"]))
        except (KeyError, TypeError) as error:
            raise ValueError("This is not a head of the audit log.") from error

    @classmethod
    def from_row(cls, row: AuditHead | None) -> Self | None:
        """The head in the database; None where nothing was sealed yet."""
        if row is None or row.at is None:
            return None
        return cls(row.sequence, row.mac, row.key_id, row.at, row.proof)

    def as_line(self) -> str:
        return json.dumps(
            {
                "sequence": self.sequence,
                "mac": self.mac,
                "key_id": self.key_id,
                "at": self.at.isoformat(),
                "proof": self.proof,
            }
        )

    def is_ours(self, keys: Keys) -> bool:
        """Whether the sealer wrote it; False also when its key isn't at hand."""
        key = keys.by_id.get(self.key_id)
        return key is not None and prove_head(key, self.sequence, self.mac, self.at) == self.proof


def publish(head: Head, file: Path | None) -> None:
    """Write the head to the log, and to the file if there is one. Sealing doesn't depend on it."""
    logger.info("audit.head %s", head.as_line())
    if file is None:
        return
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        try:
            os.write(descriptor, f"{head.as_line()}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        logger.error("audit.head_not_written file=%s error=%s", file, error.strerror)  # noqa: TRY400 - the cause is in the line


def last_head(file: Path | None, keys: Keys) -> Head | None:
    """The last line of the file, if the sealer wrote it."""
    if file is None or not file.exists():
        return None
    with file.open("rb") as stream:
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - _LONGEST_LINE))
        lines = stream.read().decode(errors="replace").splitlines()
    try:
        head = Head.from_line(lines[-1]) if lines else None
    except ValueError:
        head = None
    if head is None or not head.is_ours(keys):
        logger.error("audit.head_file_damaged file=%s", file)
        return None
    return head


def read(lines: Iterable[str]) -> Iterator[tuple[int, Head | None]]:
    """Each line's number with its head; None where it is damaged. Lines may be those of a log."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield number, Head.from_line(line[max(0, line.find("{")) :])
        except ValueError:
            yield number, None
