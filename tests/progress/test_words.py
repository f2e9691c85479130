"""Does everything that may be stored have words, a tone and a glyph when it is shown?"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import onboarding.planning
from onboarding.matching import OldMatch
from onboarding.models import Event
from onboarding.planning import Note
from onboarding.progress import acts, headlines, notes, plan_page, telling
from onboarding.progress.places import PLACES, named_region, place_of
from onboarding.progress.stages import StageState
from onboarding.states import RegionState, RunStatus, StepKind, StepStatus
from onboarding.templatetags import portal

PLANNING = Path(onboarding.planning.__file__).parent


_WITHOUT_NOTE = {OldMatch.NOT_OLD, OldMatch.OLD, OldMatch.OLD_WITH_EXTRAS}


def _words_in_planning(pattern: str) -> set[str]:
    sources = (path.read_text(encoding="utf-8") for path in PLANNING.glob("*.py"))
    return {word for source in sources for word in re.findall(pattern, source)}


def _note_codes() -> Iterator[str]:
    yield from _words_in_planning(r'Note\(\s*"([a-z_]+)"')
    yield from _words_in_planning(r'_note_on\(stack, "([a-z_]+)"')
    yield from _words_in_planning(r'refused="([a-z_]+)"')
    yield from _words_in_planning(r'RegionOutcome\.[A-Z_]+: "([a-z_]+)"')
    yield from ("keeps_own_trail", "organization_trail")
    yield from (match.value for match in OldMatch if match not in _WITHOUT_NOTE)


@pytest.mark.parametrize("code", sorted(set(_note_codes())))
def test_each_note_that_a_plan_may_carry_has_a_sentence(code: str) -> None:
    assert code in notes._SENTENCES
    assert len(notes.words_of(Note(code))) > 20


def test_a_note_names_what_it_is_about() -> None:
    note = Note(
        "keeps_own_trail", "us-east-1", {"trail": "team", "extra_copy_usd_per_100_000_events": "2.00"}
    )
    assert "trail team is kept" in notes.words_of(note)
    assert "$2.00 per 100,000" in notes.words_of(note)


def test_a_note_of_an_older_version_is_still_shown() -> None:
    assert notes.words_of(Note("some_new_word")) == "some new word"


def test_each_reason_of_a_step_has_words() -> None:
    whys = _words_in_planning(r'Need\(why="([a-z_]+)"')
    assert len(whys) > 5
    assert whys <= plan_page._WHYS.keys()


@pytest.mark.parametrize("status", [*RunStatus, *StepStatus, *StageState, *RegionState], ids=repr)
def test_each_status_has_a_tone_and_a_glyph(status: str) -> None:
    assert str(status) in portal._LOOKS
    sprite = (Path(__file__).parents[2] / "templates/components/sprite.html").read_text(encoding="utf-8")
    assert f'id="icon-{portal.glyph(status)}"' in sprite


@pytest.mark.parametrize("status", RunStatus)
def test_each_run_status_has_a_headline_and_an_arrival(status: RunStatus) -> None:
    assert status in headlines._HEADLINES
    assert telling._ARRIVALS[status]()


@pytest.mark.parametrize("kind", StepKind)
def test_each_kind_of_step_is_told_when_it_ends(kind: StepKind) -> None:
    for status in (StepStatus.FINISHED, StepStatus.FAILED, StepStatus.REFUSED):
        data = {"kind_of_step": str(kind), "status": str(status), "target": "Stack", "reason_code": ""}
        told = telling.tell([Event(number=1, kind="step.status", region="eu-central-1", data=data)])
        assert told[0].words
        assert "%(" not in told[0].words
        assert told[0].tone == ("finished" if status == StepStatus.FINISHED else "failed")


@pytest.mark.parametrize(
    ("kind", "data", "words"),
    [
        ("grant.received", {"kind_of_grant": "role"}, "A role was handed over."),
        ("grant.received", {"kind_of_grant": "temporary_credentials"}, "Temporary credentials"),
        ("grant.destroyed", {"reason": "done"}, "destroyed"),
        ("survey.done", {}, "looked at every region"),
        ("plan.made", {}, "A plan was made."),
        ("plan.approved", {}, "approved"),
        ("owner.note", {"choice": "leave_as_is"}, "leave things as they are"),
        ("aws.write", {"operation": "DeleteStack", "stack": "old"}, "delete the stack old in Frankfurt"),
        ("aws.write", {"operation": "CreateStack", "stack": "new"}, "create the stack new in Frankfurt"),
        ("aws.write", {"service": "s3", "operation": "PutBucketPolicy"}, "Sent s3:PutBucketPolicy."),
        (
            "aws.write",
            {"service": "iam", "operation": "CreateRole", "place": "central"},
            "Sent iam:CreateRole on infosec’s side.",
        ),
    ],
)
def test_an_event_is_told_in_words(kind: str, data: dict[str, str], words: str) -> None:
    told = telling.tell([Event(number=1, kind=kind, region="eu-central-1", data=data)])
    assert words in told[0].words


@pytest.mark.parametrize("kind", ["region.reading", "something.new"])
def test_what_the_board_shows_or_nobody_knows_is_no_line(kind: str) -> None:
    assert telling.tell([Event(number=1, kind=kind, data={})]) == ()


def test_what_a_cancelled_run_left_undone_is_not_told_step_by_step() -> None:
    data = {"kind_of_step": "verify_region", "status": "refused", "reason_code": "cancelled_by_owner"}
    assert telling.tell([Event(number=1, kind="step.status", region="eu-central-1", data=data)]) == ()


def test_a_region_without_a_known_place_is_called_by_its_code() -> None:
    assert place_of("eu-central-1") == "Frankfurt"
    assert place_of("xx-moon-1") == ""
    assert named_region("xx-moon-1") == "xx-moon-1"
    assert len(PLACES) >= 34


def test_waiting_and_acting_exclude_each_other() -> None:
    assert not acts._WAITING_FOR.keys() & {RunStatus.DRAFT, RunStatus.PLANNED, RunStatus.FAILED}
