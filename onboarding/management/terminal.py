"""How do a plan and a run look on a terminal? In the same words as on the pages."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.core.management.base import OutputWrapper

from onboarding.models import Event, RegionReading, Run, Step
from onboarding.planning import Question
from onboarding.progress.failures import Trouble, trouble_of
from onboarding.progress.plan_page import PlanPage, plan_page
from onboarding.progress.questions import words_of
from onboarding.progress.regions import RegionRow, region_rows
from onboarding.progress.telling import tell
from onboarding.states import RegionState, StepStatus

# A status is told by its word and a mark, never by colour alone.
_MARKS = {
    RegionState.COVERED: "ok",
    RegionState.LOGGING: "..",
    RegionState.CREATING: "..",
    RegionState.FAILED: "XX",
    RegionState.SKIPPED: "--",
}
_CLEAR_BELOW = "\x1b[J"


def plan_lines(run: Run) -> Iterator[str]:
    """The plan as its owner should read it before approving, and its digest."""
    page = plan_page(run)
    if page is None:
        return
    yield f"Plan for account {run.account.number} {run.account.name}, home region {page.plan.home_region}"
    yield from _writes(page)
    for group in page.regions:
        what = "CloudTrail is switched on" if group.is_changed else "Already right, left as it is,"
        yield f"  {what} in {len(group.regions)} regions. {group.why}".rstrip()
        yield from _columns([region for region, _place in group.regions])
    for note in page.notes:
        where = f" ({', '.join(note.regions)})" if note.regions else ""
        yield f"  Note: {note.words}{where}"
    yield f"Digest {page.digest}"


def question_lines(asked: tuple[Question, ...]) -> Iterator[str]:
    """What only the owner can decide, with the words for --answer; the safe answer first."""
    for group in words_of(asked):
        yield f"{group.title} {group.found}"
        for case in group.cases:
            yield f"    {case.name} {case.region}  [{case.key}]"
            yield from (f"      {line}" for line in case.details)
        for option in group.options:
            told = " ".join(filter(None, (option.happens, option.cost, option.back)))
            yield f"  --answer {group.code}={option.value}"
            yield f"      {option.label}. {told}"


def _writes(page: PlanPage) -> Iterator[str]:
    if page.admission:
        yield "  Before anything else the log storage is made to accept this account's logs."
    for deletion in page.deletions:
        yield f"  DELETE  stack {deletion.step.target} in {deletion.region}"
        yield from (f"          with {each.type} {each.physical_id}" for each in deletion.resources or ())
    for write in page.writes:
        verb = "CHANGE" if write.step.stack_id else "CREATE"
        yield f"  {verb}  stack {write.step.target} in {write.region}. {write.words} {write.why}".rstrip()


def _columns(regions: list[str]) -> Iterator[str]:
    for first in range(0, len(regions), 5):
        yield "    " + "".join(f"{region:<16}" for region in regions[first : first + 5]).rstrip()


def trouble_lines(trouble: Trouble | None) -> Iterator[str]:
    """What happened, what it means and the one thing to do; then AWS's own words."""
    if trouble is None:
        return
    remedy = trouble.remedy
    yield f"{remedy.title}."
    yield from (str(words) for words in (remedy.happened, remedy.meaning, remedy.act) if str(words))
    yield from (f"  {label}: {value}" for label, value in trouble.details)


def failed_lines(run: Run) -> Iterator[str]:
    """Each step that failed or was refused, with its reason: one that holds for many regions is said once."""
    alike: dict[tuple[str, ...], list[Step]] = {}
    for step in run.steps.filter(status__in=[StepStatus.FAILED, StepStatus.REFUSED]).order_by("ordinal"):
        said = str((step.failure or {}).get("message", ""))
        alike.setdefault((step.kind, step.target, step.status, step.reason_code, said), []).append(step)
    for first, *others in alike.values():
        regions = ", ".join(step.region for step in (first, *others) if step.region)
        place = f" in {regions}" if regions else ""
        yield f"{first.get_kind_display()}: {first.target}{place}: {first.get_status_display()}"
        yield from (
            f"  {line}" for line in trouble_lines(trouble_of(first.reason_code, first.failure, step=first))
        )


@dataclass(slots=True)
class Follower:
    """Shows a run while it goes on: a table drawn over itself on a terminal, else a line for each change."""

    out: OutputWrapper
    _told: int = 0
    _height: int = 0
    _states: dict[str, RegionState] = field(default_factory=dict)

    def show(self, run: Run) -> None:
        """Give this to `drive` as its `on_change`."""
        news = [self._line(told.words) for told in tell(self._events(run))]
        rows = region_rows(
            RegionReading.objects.filter(account_id=run.account_id), list(run.steps.order_by("ordinal"))
        )
        if self.out.isatty():
            self._redraw(run, news, rows)
        else:
            self._append(news, rows)
        self.out.flush()

    def _events(self, run: Run) -> list[Event]:
        events = list(run.events.filter(number__gt=self._told).order_by("number"))
        self._told = events[-1].number if events else self._told
        return events

    def _redraw(self, run: Run, news: list[str], rows: tuple[RegionRow, ...]) -> None:
        if self._height:
            self.out.write(f"\x1b[{self._height}A{_CLEAR_BELOW}", ending="")
        table = [f"{run.get_status_display()}", *(_row(row) for row in rows)]
        self.out.write("".join(f"{line}\n" for line in (*news, *table)), ending="")
        self._height = len(table)

    def _append(self, news: list[str], rows: tuple[RegionRow, ...]) -> None:
        changed = [row for row in rows if self._states.get(row.region) != row.state]
        self._states.update({row.region: row.state for row in changed})
        self.out.write("".join(f"{line}\n" for line in (*news, *(_row(row) for row in changed))), ending="")

    @staticmethod
    def _line(words: str) -> str:
        return f"- {words}"


def _row(row: RegionRow) -> str:
    mark = _MARKS.get(row.state, "  ")
    reason = f"  {row.trouble.remedy.title}" if row.trouble else ""
    return f"  [{mark}] {row.region:<16}{row.state.label!s:<28}{row.stack_status}{reason}".rstrip()
