"""Is it so, seen from outside? Through infosec's auditor and the account's new audit role, without any grant.

Roles: both there, trusting whom they should, with the policies they should have; no role that still trusts
the old account. Regions: the trail delivers to the right bucket and topic, logs, without a delivery error,
and a first log has arrived.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from onboarding.aws import account as aws_account
from onboarding.aws import roles, stacks
from onboarding.aws import trails as aws_trails
from onboarding.aws.errors import AwsFailure
from onboarding.aws.session import AwsSession
from onboarding.engine import admission, advancing, coverage, deadlines, readings, sessions, steps
from onboarding.engine.claims import Work, holding, make_due
from onboarding.engine.findings import Finding, write
from onboarding.engine.readings import Shown
from onboarding.models import Run, Step, history
from onboarding.models.stages import add_regions
from onboarding.observed import Failure, Role, Trail
from onboarding.states import FailureKind, RegionState, Stage, StepKind, StepStatus
from onboarding.stored import survey_from_json

AUDIT_ROLE, RESPONSE_ROLE = "SecurityAuditRoleArn", "IncidentResponseRoleArn"
# In a region's outputs: that the central side was asked once more to take its logs.
ADMITTED_AGAIN = "admitted_again"
SECURITY_AUDIT_POLICY = "arn:aws:iam::aws:policy/SecurityAudit"


def look(work: Work, run: Run) -> timedelta | None:
    return steps.look_at_each(work, lambda step: _begun(work, step, lambda: _verify(work, run, step)))


def _begun(work: Work, step: Step, verify: Callable[[], timedelta | None]) -> timedelta | None:
    """One look; from the first that doesn't settle it the step is at work, and its time runs."""
    try:
        wait = _patiently(work, step, verify)
    except AwsFailure:
        _begin(work, step)
        raise
    if wait is not None:
        _begin(work, step)
    return wait


def _patiently(work: Work, step: Step, verify: Callable[[], timedelta | None]) -> timedelta | None:
    try:
        return verify()
    except AwsFailure as refusal:
        # A new role isn't usable everywhere at once; and nothing that fails here is the owner's to mend.
        if refusal.failure.kind in steps.PASSING or not _is_older_than(step, deadlines.new_roles_limit()):
            if work.region:
                return deadlines.next_look(work.looks)
            return deadlines.next_look(0)
        _fail(work, step, refusal.failure)
        return None


def _verify(work: Work, run: Run, step: Step) -> timedelta | None:
    arns = _role_arns(run)
    if AUDIT_ROLE not in arns:
        steps.fail(
            work, step, "audit_role_missing", _ours("audit_role_missing", "The stack names no audit role.")
        )
        return None
    session = sessions.audit_role(run, arns[AUDIT_ROLE])
    if step.kind == StepKind.VERIFY_ROLES:
        return _verify_roles(work, run, step, session, arns)
    outside = Outside(session)
    return outside.judge(work, step, outside.ask(step))


def _begin(work: Work, step: Step) -> None:
    if step.started_at is None:
        with holding(work):
            history.move_step(step, StepStatus.WORKING)


def _is_older_than(step: Step, limit: timedelta) -> bool:
    return step.started_at is not None and timezone.now() > step.started_at + limit


def _role_arns(run: Run) -> dict[str, str]:
    """The new roles' ARNs: from the step that deployed them, the survey that found them, or their owner."""
    if run.is_by_hand:
        return dict(run.steps.get(kind=StepKind.VERIFY_ROLES).outputs)
    deployed = run.steps.filter(kind=StepKind.DEPLOY_ROLES, status=StepStatus.FINISHED).first()
    if deployed is not None:
        return dict(deployed.outputs)
    if run.survey is None:
        return {}
    found = [
        stack
        for region in survey_from_json(run.survey).regions
        for stack in region.stacks
        if stack.name == settings.COMPANY.roles.stack_name and AUDIT_ROLE in stack.outputs
    ]
    return dict(found[0].outputs) if found else {}


def _verify_roles(
    work: Work, run: Run, step: Step, session: AwsSession, arns: dict[str, str]
) -> timedelta | None:
    who = aws_account.identity(session)
    if who.account != run.account.number:
        steps.fail(
            work, step, "wrong_account", _ours("wrong_account", f"The role is of account {who.account}.")
        )
        return None
    if run.is_by_hand:
        arns = arns | _stack_outputs(run, session)
    wrong = _wrong_role(session, arns) or _old_role(session, run) or _unknown_regions(work, run, session)
    if wrong is None:
        _finish_roles(work, run, step, session, arns)
        return None
    # IAM's readers lag behind its writers.
    if not _is_older_than(step, deadlines.fresh_role_limit()):
        return deadlines.next_look(0)
    steps.fail(work, step, wrong.code, wrong)
    return None


def _stack_outputs(run: Run, session: AwsSession) -> dict[str, str]:
    """What the roles' stack says of itself, where the owner created it: they named the audit role alone."""
    stack = stacks.describe(session, run.home_region, settings.COMPANY.roles.stack_name)
    return dict(stack.outputs) if stack is not None else {}


def _unknown_regions(work: Work, run: Run, session: AwsSession) -> Failure | None:
    """Have every enabled region verified. Nobody was let in to survey them where the owner did it by hand."""
    if not run.is_by_hand:
        return None
    regions = aws_account.enabled_regions(session)
    if not regions.knows_all:
        return _ours("regions_not_listed", "The audit role may not list the account's regions.")
    with holding(work) as held:
        new = add_regions(held, regions.enabled, settings.COMPANY.trails.regional_stack_name)
        for region in new:
            make_due(held, Stage.VERIFY, region)
    return None


def _finish_roles(work: Work, run: Run, step: Step, session: AwsSession, arns: dict[str, str]) -> None:
    """The roles are right; and whatever region was enabled since the survey is kept as a gap."""
    now = aws_account.enabled_regions(session)
    gaps = coverage.enabled_since_the_survey(run, now.enabled) if now.knows_all else []
    with holding(work) as held:
        for region in gaps:
            text = "The region was enabled after the plan was approved, so nothing was done in it."
            failure = _ours(coverage.GAP, text, region)
            shown = Shown(region, RegionState.FAILED, reason_code=coverage.GAP, failure=failure)
            readings.keep(held, [shown])
        advancing.settle_within(
            held, step, StepStatus.FINISHED, outputs={**arns, coverage.ENABLED_LATER: gaps}
        )


def _wrong_role(session: AwsSession, arns: dict[str, str]) -> Failure | None:
    company = settings.COMPANY.roles
    expected = (
        (AUDIT_ROLE, company.security_audit_principal_arn, (SECURITY_AUDIT_POLICY,)),
        (RESPONSE_ROLE, company.incident_response_principal_arn, company.incident_response_policy_arns),
    )
    for output, principal, policies in expected:
        arn = arns.get(output, "")
        role = roles.get_role(session, arn.rpartition("/")[2]) if arn else None
        if role is None:
            return _ours("role_missing", f"The role {arn or output} does not exist.")
        if (text := _what_is_wrong(role, principal, policies)) is not None:
            return _ours("role_not_as_intended", f"{role.arn} {text}")
    return None


def _what_is_wrong(role: Role, principal: str, policies: tuple[str, ...]) -> str | None:
    if role.trusted_principals != (principal,):
        trusted = ", ".join(role.trusted_principals) or "nobody"
        return f"trusts {trusted} instead of {principal}."
    if set(role.attached_policy_arns) != set(policies):
        attached = ", ".join(role.attached_policy_arns) or "none"
        return f"has the policies {attached} instead of {', '.join(policies) or 'none'}."
    return None


def _old_role(session: AwsSession, run: Run) -> Failure | None:
    """A role that still trusts the old account, or that a removed stack left behind."""
    trusting = roles.roles_trusting(session, settings.COMPANY.old.trusted_principal_arns)
    if trusting is None:
        return _ours("old_role_unknown", "The audit role may not list the account's roles.")
    names = {role.name for role in trusting}
    for removal in run.steps.filter(kind=StepKind.REMOVE_STACK):
        names |= {
            name for name in removal.outputs.get("roles", ()) if roles.get_role(session, name) is not None
        }
    if not names:
        return None
    text = f"The old role still exists: {', '.join(sorted(names))}"
    if holders := _holders(run, names):
        return _ours("old_role_in_stack", f"{text}, in the stack {', '.join(holders)}.")
    return _ours("old_role_left", f"{text}.")


def _holders(run: Run, role_names: Collection[str]) -> list[str]:
    """The stacks that were surveyed with any of these roles, and that no step has removed since."""
    if run.survey is None:
        return []
    removed = set(
        run.steps.filter(kind=StepKind.REMOVE_STACK, status=StepStatus.FINISHED).values_list(
            "stack_id", flat=True
        )
    )
    return [
        f"{stack.name} in {stack.region}"
        for region in survey_from_json(run.survey).regions
        for stack in region.stacks
        if stack.stack_id not in removed
        and any(resource.physical_id in role_names for resource in stack.resources or ())
    ]


def begin(run: Run) -> "Outside | None":
    """None where the audit role isn't known. Raises AwsFailure while it can't be assumed yet."""
    arns = _role_arns(run)
    return Outside(sessions.audit_role(run, arns[AUDIT_ROLE])) if AUDIT_ROLE in arns else None


@dataclass(frozen=True, slots=True)
class Outside:
    """The regions of an account, as infosec's auditor sees them."""

    session: AwsSession

    def ask(self, step: Step) -> Trail | None:
        """Ask AWS about the step's region, and nobody else: neither the database nor other regions."""
        there = aws_trails.read_trails(self.session, step.region)
        return readings.our_trail(settings.COMPANY, there, step.region)

    def finding(self, step: Step, trail: Trail | None) -> Finding | None:
        """Its first log has come, or may still; None where what is wrong is to be judged."""
        if trail is None or _what_is_wrong_with(trail) is not None:
            return None
        if trail.first_log_at is None:
            shown = Shown(step.region, RegionState.LOGGING, trail=trail, is_of_trail_alone=True)
            return Finding(step, shown, StepStatus.WORKING)
        shown = Shown(step.region, RegionState.COVERED, trail=trail, is_of_trail_alone=True)
        told = {"trail_arn": trail.arn, "first_log_at": trail.first_log_at.isoformat()}
        return Finding(step, shown, StepStatus.FINISHED, {"outputs": told})

    def conclude(self, work: Work, step: Step, ask: Callable[[], Trail | None]) -> timedelta | None:
        return _begun(work, step, lambda: self.judge(work, step, ask()))

    def judge(self, work: Work, step: Step, trail: Trail | None) -> timedelta | None:
        finding = self.finding(step, trail)
        if finding is None:
            return _judge_region(work, step, trail)
        if not finding.is_last and steps.is_over(step):
            _fail(work, step, _ours("no_first_log", "No log has been delivered yet.", step.region), trail)
            return None
        with holding(work) as run:
            self.write(run, [finding])
        return None if finding.is_last else deadlines.next_look(work.looks)

    def write(self, run: Run, findings: Sequence[Finding]) -> None:
        """Inside the caller's transaction on the run."""
        if finished := [finding for finding in findings if finding.is_last]:
            advancing.first_log_came(run, finished[0].step.region)
        write(run, findings)


def _judge_region(work: Work, step: Step, trail: Trail | None) -> timedelta | None:
    """Something is wrong with the region's trail: is it to be waited for, mended, or the end?"""
    failure = _what_is_wrong_with(trail)
    is_shut_out = failure is not None and failure.code in admission.SHUT_OUT
    if is_shut_out and not step.outputs.get(ADMITTED_AGAIN):
        admission.again(work, step)
        with holding(work):
            history.move_step(step, StepStatus.WORKING, outputs={**step.outputs, ADMITTED_AGAIN: True})
    # What is refused at delivery may be delivered next time: that is waited for as a first log is.
    elif failure is not None and not is_shut_out and _is_older_than(step, deadlines.new_roles_limit()):
        _fail(work, step, failure, trail)
        return None
    if failure is not None and steps.is_over(step):
        _fail(work, step, failure, trail)
        return None
    with holding(work) as run:
        _keep(run, step, RegionState.WAITING, trail)
    return deadlines.next_look(work.looks)


def _what_is_wrong_with(trail: Trail | None) -> Failure | None:
    if trail is None:
        return _ours("trail_missing", "No trail delivers from this region to the central bucket and topic.")
    if not trail.is_logging:
        return _ours("not_logging", "The trail exists but does not log.", trail.region)
    if trail.latest_delivery_error or trail.latest_notification_error:
        error = trail.latest_delivery_error or trail.latest_notification_error
        return _ours("delivery_failing", f"CloudTrail can't deliver: {error}.", trail.region)
    return None


def _fail(work: Work, step: Step, failure: Failure, trail: Trail | None = None) -> None:
    code = steps.reason_code_for(failure, step)
    with holding(work) as run:
        if step.kind == StepKind.VERIFY_REGION:
            if trail is not None:
                _keep(run, step, RegionState.FAILED, trail, code, failure)
            else:
                readings.mark(run, step.region, RegionState.FAILED, reason_code=code, failure=failure)
        advancing.settle_within(run, step, StepStatus.FAILED, reason_code=code, failure=failure)


def _keep(
    run: Run,
    step: Step,
    state: RegionState,
    trail: Trail | None,
    reason_code: str = "",
    failure: Failure | None = None,
) -> None:
    shown = Shown(
        step.region,
        state,
        trail=trail,
        reason_code=reason_code,
        failure=failure,
        is_of_trail_alone=True,
    )
    readings.keep(run, [shown])


def _ours(code: str, text: str, region: str = "") -> Failure:
    return Failure(FailureKind.OURS, code, text, region=region)
