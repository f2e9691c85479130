"""What does docs/failures.md say? The whole catalogue, as Markdown; made anew, never edited."""

from collections.abc import Iterable, Iterator

from onboarding.remedies import REMEDIES, Remedy, Sign, Who
from onboarding.remedies.scenarios import PLACES, Scenario

_HEAD = """# What can go wrong, and what is made of it

Made by `manage.py failures write` from `onboarding/remedies/`: change the rows there, not this page. A test
compares the two, and another sees that each test named here exists.

Each row: how the failure is known, which event counts as its cause, what the page then says (below, by its
code), who must act, what the portal does meanwhile, and the test that provokes it on the stand-in cloud and
looks at page, state, next act and the requests that were sent.
"""

_COLUMNS = ("#", "What goes wrong", "How it is known", "Its cause", "What the page says", "Who acts",
            "Meanwhile", "Seen by")  # fmt: skip

_WHO = {
    Who.OWNER: "the owner",
    Who.INFOSEC: "infosec",
    Who.PORTAL: "the portal's operators",
    Who.NOBODY: "nobody",
}


def document() -> str:
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _HEAD
    for place, rows in PLACES.items():
        yield f"## {place}\n"
        yield _cells(*_COLUMNS)
        yield "| --- " * len(_COLUMNS) + "|"
        yield from map(_row, rows)
        yield ""
    yield "## What the page says\n"
    yield "| Code | What happened, what it means, what to do | Who acts | Signs |"
    yield "| --- " * 4 + "|"
    yield from map(_remedy, REMEDIES.values())


def _row(row: Scenario) -> str:
    seen_by = f"Not met: {row.not_met}" if row.not_met else "<br>".join(f"`{test}`" for test in row.tests)
    return _cells(
        str(row.number),
        row.title,
        row.recognised,
        row.cause,
        "<br>".join(f"`{code}`" for code in row.remedies) or "–",
        ", ".join(dict.fromkeys(_WHO[REMEDIES[code].who] for code in row.remedies)) or _WHO[Who.NOBODY],
        row.meanwhile,
        seen_by,
    )


def _remedy(remedy: Remedy) -> str:
    words = f"**{remedy.title}.** {remedy.happened} {remedy.meaning} *{remedy.act}*"
    signs = "<br>".join(_sign(each) for each in remedy.signs) or "our own check"
    return _cells(f"`{remedy.code}`", words, _WHO[remedy.who], signs)


def _sign(sign: Sign) -> str:
    parts = [
        _listed("", sign.codes),
        _listed("kind ", sign.kinds),
        f"text `{sign.text.pattern}`" if sign.text else "",
        _listed("at ", sign.places),
    ]
    return "; ".join(part for part in parts if part)


def _listed(before: str, words: Iterable[str]) -> str:
    listed = ", ".join(f"`{word}`" for word in sorted(str(word) for word in words))
    return f"{before}{listed}" if listed else ""


def _cells(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
