"""How does an owner decide what only they can decide?

The answers are stored by the questions' keys and become part of the plan's digest. Before the approval the
plan is made anew from the stored survey, and waits to be approved. During the work the answer itself approves
the same plan with this one thing more, and the run goes on at the step that asked.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from onboarding import planning, wake
from onboarding.blueprint import build_blueprint
from onboarding.models import Run
from onboarding.models.history import move_run, record
from onboarding.models.stages import next_stage, open_stage
from onboarding.planning import Plan, Question, survey_from_json
from onboarding.services.ownership import demand_ownership
from onboarding.services.refusals import Refused
from onboarding.states import RunStatus, Stage


class NothingToDecide(Refused):
    """The run asks nothing, or is past the point where an answer would change anything."""

    def __init__(self) -> None:
        super().__init__("nothing_to_decide", _("There is nothing to decide about this run just now."))


class QuestionsChanged(Refused):
    """What was read isn't what would be answered now."""

    def __init__(self) -> None:
        super().__init__(
            "questions_changed",
            _(
                "The questions, or their answers, have changed since you opened this page. Nothing was "
                "stored. Read them again, then answer."
            ),
        )


class NotAnswered(Refused):
    """A question was left out, or answered with what is no option. `keys` are the questions'."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        super().__init__("not_answered", _("Every question needs an answer before the portal can go on."))
        self.keys = keys


def may_decide(run: Run) -> bool:
    """Whether answers are awaited, or can still be changed before the approval."""
    return run.status in {RunStatus.NEEDS_OWNER, RunStatus.PLANNED} and bool(questions_of(run))


def questions_of(run: Run) -> tuple[Question, ...]:
    """What the owner is asked: during the work only what is still open, before it everything."""
    if not run.plan:
        return ()
    plan = Plan.from_json(run.plan)
    return plan.open_questions if run.approved_digest else plan.questions


def answers_of(run: Run) -> dict[str, str]:
    return planning.answers_in(run.choices)


def version_of(run: Run) -> str:
    """What a form about this run must carry, so that a stale one is noticed."""
    return planning.version_of(questions_of(run), answers_of(run))


def answer(user: User, run: Run, version: str, answers: Mapping[str, str]) -> None:
    """Store an answer to each question ({key: option}) and go on; the same answers again have no effect.

    Raises NotOwner, NothingToDecide, QuestionsChanged, NotAnswered.
    """
    demand_ownership(user, run.account)
    with transaction.atomic():
        current = Run.objects.select_for_update().get(pk=run.pk)
        asked, before = questions_of(current), answers_of(current)
        if not may_decide(current):
            if answers and all(before.get(key) == option for key, option in answers.items()):
                run.refresh_from_db()
                return
            raise NothingToDecide
        if version != version_of(current):
            if asked and all(answers.get(each.key) == before.get(each.key) for each in asked):
                run.refresh_from_db()
                return
            raise QuestionsChanged
        missing = tuple(each.key for each in asked if each.answer_in(answers) is None)
        if missing:
            raise NotAnswered(missing)
        given = {each.key: answers[each.key] for each in asked}
        _record(current, asked, given, before, by_id=user.pk)
        choices = {**current.choices, "answers": {**before, **given}}
        if current.approved_digest:
            _go_on(current, choices, by_id=user.pk)
        else:
            _plan_anew(current, choices, by_id=user.pk)
        wake.wake(current.pk)
    run.refresh_from_db()


def _record(
    run: Run,
    asked: tuple[Question, ...],
    given: Mapping[str, str],
    before: Mapping[str, str],
    *,
    by_id: int,
) -> None:
    """One event for each answer that was given, with everything that it is about by name."""
    for group in planning.grouped(asked):
        for option in group.options:
            news = [
                question
                for question in group.questions
                if given[question.key] == option and before.get(question.key) != option
            ]
            if news:
                record(
                    run.pk,
                    "owner.decided",
                    question=group.code,
                    choice=option,
                    about=[{"region": one.region, "key": one.key, **one.fields} for one in news],
                    by_id=by_id,
                )


def _plan_anew(run: Run, choices: dict[str, Any], *, by_id: int) -> None:
    """The plan that follows from the stored survey and the answers; what remains open is asked next."""
    plan = planning.plan(build_blueprint(settings.COMPANY), survey_from_json(run.survey or {}), choices)
    fields: dict[str, Any] = {
        "choices": choices,
        "plan": plan.as_json(),
        "plan_digest": plan.digest,
        "home_region": plan.home_region,
    }
    record(run.pk, "plan.made", digest=plan.digest, steps=len(plan.steps), is_empty=plan.is_empty)
    if run.status == RunStatus.NEEDS_OWNER and not plan.open_questions:
        move_run(run, RunStatus.PLANNED, expect=[RunStatus.NEEDS_OWNER], by_id=by_id, **fields)
    elif run.status == RunStatus.PLANNED and plan.open_questions:
        move_run(run, RunStatus.NEEDS_OWNER, expect=[RunStatus.PLANNED], by_id=by_id, **fields)
    else:
        Run.objects.filter(pk=run.pk).update(**fields)


def _go_on(run: Run, choices: dict[str, Any], *, by_id: int) -> None:
    """During the work: the same plan, with this answer in it, approved by giving it."""
    approved = Plan.from_json(run.plan or {})
    plan = replace(
        approved,
        choices={**approved.choices, "answers": {**approved.answers, **_relevant(approved, choices)}},
    )
    record(run.pk, "plan.approved", digest=plan.digest, by_id=by_id)
    move_run(
        run,
        RunStatus.RUNNING,
        expect=[RunStatus.NEEDS_OWNER],
        by_id=by_id,
        choices=choices,
        plan=plan.as_json(),
        plan_digest=plan.digest,
        approved_digest=plan.digest,
        approved_by_id=by_id,
        approved_at=timezone.now(),
    )
    open_stage(run, next_stage(run) or Stage.VERIFY)


def _relevant(plan: Plan, choices: Mapping[str, Any]) -> dict[str, str]:
    answers = planning.answers_in(choices)
    return {each.key: given for each in plan.questions if (given := each.answer_in(answers)) is not None}
