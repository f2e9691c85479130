"""What changes when a stack of one template becomes one of another? In parts, and word for word.

Read as text and not as YAML: our templates have one shape, and people are shown what stands in them.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from onboarding.blueprint import items_of

_SECTION = re.compile(r"^(\w+):", re.MULTILINE)
_PART = re.compile(r"^  (\w+):", re.MULTILINE)
LINES_AROUND = 3


@dataclass(frozen=True, slots=True)
class ChangedParameter:
    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Difference:
    """`added`, `removed` and `changed` are the logical ids of resources; `lines` is a unified diff."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    parameters: tuple[ChangedParameter, ...]
    lines: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        return not (self.lines or self.parameters)


def compare(old: str, new: str, *, parameters: Mapping[str, str], wanted: Mapping[str, str]) -> Difference:
    """From the template and parameters that a stack has to those that it shall have."""
    before, after = resources_of(old), resources_of(new)
    return Difference(
        added=tuple(sorted(after.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - after.keys())),
        changed=tuple(sorted(name for name in before.keys() & after.keys() if before[name] != after[name])),
        parameters=changed_parameters(parameters, wanted),
        lines=tuple(
            line.rstrip("\n")
            for line in difflib.unified_diff(
                old.splitlines(keepends=True),
                new.splitlines(keepends=True),
                "before",
                "after",
                n=LINES_AROUND,
            )
        ),
    )


def changed_parameters(before: Mapping[str, str], wanted: Mapping[str, str]) -> tuple[ChangedParameter, ...]:
    """Those that get another value. A list's order is no difference in spelling that AWS would keep."""
    return tuple(
        ChangedParameter(name, before.get(name, ""), value)
        for name, value in sorted(wanted.items())
        if items_of(before.get(name, "")) != items_of(value)
    )


def resources_of(template: str) -> dict[str, str]:
    """Each resource's text by its logical id, comments left out."""
    section = _cut(template, _SECTION).get("Resources", "")
    return {
        name: "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#")).rstrip()
        for name, text in _cut(section, _PART).items()
    }


def _cut(text: str, heading: re.Pattern[str]) -> dict[str, str]:
    """What stands under each heading."""
    found = list(heading.finditer(text))
    ends = [match.start() for match in found[1:]] + [len(text)] * bool(found)
    return {match[1]: text[match.end() : end] for match, end in zip(found, ends, strict=True)}
