"""How are figures told? As a table for people, as JSON for programs, each with what it was measured under."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

LONGEST_CELL = 60
RESULTS = Path(__file__).resolve().parent.parent / "bench-results"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value, beside what it is compared with. `is_met` is None where nothing was promised."""

    name: str
    value: str
    beside: str = ""
    wanted: str = ""
    is_met: bool | None = None


@dataclass(slots=True)
class Report:
    """What one benchmark found, and under which conditions."""

    title: str
    conditions: Mapping[str, object]
    figures: list[Figure] = field(default_factory=list)

    def add(
        self, name: str, value: str, *, beside: str = "", wanted: str = "", is_met: bool | None = None
    ) -> None:
        self.figures.append(Figure(name, value, beside, wanted, is_met))

    @property
    def is_good(self) -> bool:
        return all(figure.is_met is not False for figure in self.figures)

    def tell(self, name: str) -> int:
        """Print the table and write `bench-results/NAME.json`; the process's exit code."""
        conditions = {**self.conditions, **machine()}
        print(f"\n{self.title}")
        print("  " + ", ".join(f"{key} {value}" for key, value in conditions.items()))
        heads = ("", "measured", "beside", "wanted", "")
        words = {True: "yes", False: "NO", None: ""}
        rows = [(f.name, f.value, f.beside, f.wanted, words[f.is_met]) for f in self.figures]
        # A list of what was counted has a line of its own, and columns are no wider for it.
        short = [row for row in (heads, *rows) if len(row[1]) <= LONGEST_CELL]
        widths = [max(len(row[column]) for row in short) for column in range(len(heads))]
        for row in (heads, *rows):
            told = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
            print(f"  {'  '.join(told)}".rstrip())
        RESULTS.mkdir(exist_ok=True)
        document = {
            "title": self.title,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "conditions": conditions,
            "figures": [asdict(figure) for figure in self.figures],
        }
        (RESULTS / f"{name}.json").write_text(json.dumps(document, indent=2, default=str) + "\n")
        sys.stdout.flush()
        return 0 if self.is_good else 1


def machine() -> dict[str, object]:
    """Where it was measured, and what else was going on there."""
    return {"cores": os.cpu_count(), "load": f"{os.getloadavg()[0]:.1f}"}


def seconds(value: float) -> str:
    return f"{value:.1f} s"


def percentile(values: list[float], share: float) -> float:
    """The value that `share` of the values don't exceed; 0 without values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
