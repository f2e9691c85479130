"""What does the account hold, and what follows from it?

The first survey leads to a plan for the owner. It is repeated before the first write and whenever access was
handed over anew, and then only asks whether what was approved still fits.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from onboarding import planning, remedies
from onboarding.aws.regions import survey_account
from onboarding.blueprint import build_blueprint
from onboarding.engine import (
    access,
    deadlines,
    deployments,
    grants,
    parking,
    preflight,
    readings,
    remains,
    undoing,
)
from onboarding.engine.claims import Work, holding, renew, rest
from onboarding.models import AwsAccount, Run, history, standing
from onboarding.models.stages import lay_out, next_stage, open_stage
from onboarding.observed import AccountSurvey, Failure
from onboarding.planning import Plan, PlannedStep
from onboarding.states import (
    WRITING_STAGES,
    FailureKind,
    RegionOutcome,
    RunStatus,
    Stage,
    StepKind,
    StepStatus,
)
from onboarding.stored import survey_as_json

_SURVEYED = frozenset({RunStatus.SURVEYING, RunStatus.RUNNING})


def look(work: Work, run: Run) -> timedelta | None:
    """Survey the account and propose a plan, or compare it with the approved one."""
    try:
        checked = access.checked(run)
    except access.NotYet:
        return deadlines.next_look(0)
    except access.AccessRefused as refusal:
        parking.needs_access(work, refusal.reason_code, refusal.failure)
        return None
    # Where AWS hardly answers, all that follows may take longer than a lease, though none of it does alone.
    renew(work)
    rights = preflight.check(run, checked)
    if not rights.lets_look:
        _stop(work, run, preflight.before_any_answer(rights))
        return None
    renew(work)
    survey = survey_account(checked.session, settings.COMPANY, now=timezone.now())
    if survey.account != run.account.number:
        text = f"These credentials belong to account {survey.account}."
        parking.needs_access(work, "wrong_account", Failure(FailureKind.OURS, "wrong_account", text))
        return None
    if (closed := _closed_everywhere(survey)) is not None:
        parking.needs_access(work, remedies.remedy_for(closed, "access").code, closed)
        return None
    renew(work)
    plan, rights = _planned(run, survey, rights)
    if rights.missing:
        _stop(work, run, rights)
        return None
    _remember_alias(run, survey.alias)
    with holding(work, run_in=_SURVEYED) as held:
        preflight.record(held, rights)
        _keep(held, survey)
        if held.is_undoing and undoing.end_if_over(held, plan):
            pass
        elif RunStatus(held.status) == RunStatus.SURVEYING:
            _propose(held, plan)
        else:
            _compare(held, plan)
    return None


def _planned(run: Run, survey: AccountSurvey, rights: preflight.Rights) -> tuple[Plan, preflight.Rights]:
    """What is to be done in the account as it is, and what of the rights for that is missing."""
    if run.is_undoing:
        return undoing.plan_of(run, survey), preflight.for_undoing(rights)
    plan = planning.plan(build_blueprint(settings.COMPANY), survey, run.choices)
    if own := remains.of_run(run, plan):
        choices = remains.allowed_in(run.choices, own)
        plan = planning.plan(build_blueprint(settings.COMPANY), survey, choices)
    return plan, preflight.for_plan(run, rights, plan)


def _stop(work: Work, run: Run, rights: preflight.Rights) -> None:
    """Before anything was written: name what is missing, and wait for the owner."""
    _remember_alias(run, access.alias_of(rights.access))
    with holding(work, run_in=_SURVEYED) as held:
        preflight.record(held, rights)
    parking.needs_access(work, preflight.MISSING, rights.failure())


def _closed_everywhere(survey: AccountSurvey) -> Failure | None:
    """AWS's refusal where no region at all could be read: that is no region's fault but the access's."""
    if any(region.outcome == RegionOutcome.READ for region in survey.regions):
        return None
    refused = (region.failure for region in survey.regions if region.outcome == RegionOutcome.DENIED)
    return next((failure for failure in refused if failure is not None), None)


def _remember_alias(run: Run, alias: str) -> None:
    """Before the run is locked, and not under its lock: people's acts lock the account first."""
    if AwsAccount.objects.filter(pk=run.account_id).exclude(alias=alias).update(alias=alias):
        standing.bring_up_to_date(run.account_id)


def is_fresh(work: Work) -> bool:
    """Whether the account was surveyed since the approval and since the access was handed over."""
    run = work.run
    if run.approved_at is None or run.grant is None or work.surveyed_at is None:
        return False
    return work.surveyed_at > max(run.approved_at, run.grant.handed_over_at)


def demand(work: Work) -> None:
    """Let the stages rest and the survey be made first: it makes due again what then remains.

    Many items may ask for it at the same time; a survey that is due or under way is left alone.
    """
    with holding(work, run_in=frozenset({RunStatus.RUNNING})) as run:
        rest(run, *WRITING_STAGES)
        if not run.work_items.filter(stage=Stage.SURVEY, due_at__isnull=False).exists():
            open_stage(run, Stage.SURVEY)


def _keep(run: Run, survey: AccountSurvey) -> None:
    stored = survey_as_json(survey)
    Run.objects.filter(pk=run.pk).update(survey=stored)
    run.survey = stored
    readings.keep_survey(run, settings.COMPANY, survey)
    deployments.note_surveyed(run, survey)
    history.record(
        run.pk, "survey.done", regions=len(survey.regions), knows_all_regions=survey.knows_all_regions
    )


def _propose(run: Run, plan: Plan) -> None:
    fields: dict[str, Any] = {
        "plan": plan.as_json(),
        "plan_digest": plan.digest,
        "home_region": plan.home_region,
    }
    if plan.open_questions:
        _ask(run, fields)
        return
    history.record(run.pk, "plan.made", digest=plan.digest, steps=len(plan.steps), is_empty=plan.is_empty)
    if plan.is_empty:
        # Nothing is written, so there is nothing to approve and no access is needed any more.
        lay_out(run, plan)
        grants.destroy(run, "nothing_to_write")
        history.move_run(run, RunStatus.VERIFYING, expect={RunStatus.SURVEYING}, **fields)
        open_stage(run, Stage.VERIFY)
    else:
        history.move_run(run, RunStatus.PLANNED, expect={RunStatus.SURVEYING}, **fields)


def _ask(run: Run, fields: dict[str, Any]) -> None:
    """There is no plan to approve until its owner has decided. Whatever was approved before is no longer."""
    rest(run)
    history.move_run(
        run,
        RunStatus.NEEDS_OWNER,
        expect=_SURVEYED,
        reason_code=parking.ASKED,
        approved_digest="",
        approved_at=None,
        approved_by=None,
        **fields,
    )


def _compare(run: Run, plan: Plan) -> None:
    """Go on if what is still to be written was approved; otherwise ask the owner again."""
    if plan.open_questions:
        _ask(run, {"plan": plan.as_json(), "plan_digest": plan.digest, "home_region": plan.home_region})
        return
    finished = run.steps.filter(status=StepStatus.FINISHED).values_list("ordinal", flat=True)
    if planning.plans_differ(_approved(run, plan), plan, finished=set(finished)):
        rest(run)
        history.record(run.pk, "plan.made", digest=plan.digest, steps=len(plan.steps), is_empty=plan.is_empty)
        history.move_run(
            run,
            RunStatus.PLANNED,
            expect={RunStatus.RUNNING},
            reason_code="account_changed",
            plan=plan.as_json(),
            plan_digest=plan.digest,
            home_region=plan.home_region,
            approved_digest="",
            approved_at=None,
            approved_by=None,
        )
    elif (stage := next_stage(run)) is not None:
        open_stage(run, stage)


def _approved(run: Run, now: Plan) -> Plan:
    """The approved plan. A stack of ours that came to be meanwhile is own progress, whatever its id.

    For what is removed, the id is what was approved.
    """
    plan = Plan.from_json(run.plan or {})
    ids = {_place(step): step.stack_id for step in now.steps if step.kind != StepKind.REMOVE_STACK}
    known = tuple(
        replace(step, stack_id=ids[_place(step)])
        for step in plan.steps
        if ids.get(_place(step), step.stack_id) != step.stack_id
    )
    return replace(remains.allowed_by(plan, remains.of_run(run, now)), steps=plan.steps + known)


def _place(step: PlannedStep) -> tuple[str, str, str]:
    return step.kind, step.region, step.target
