"""Which blueprint did we find, or leave, in an account? Noted inside a transaction that holds the run."""

from django.conf import settings
from django.utils import timezone

from onboarding import blueprint
from onboarding.blueprint import DIGEST_TAG, Blueprint, StackBlueprint
from onboarding.models import BlueprintPart, Deployment, KnownTemplate, Run, Step, standing
from onboarding.observed import AccountSurvey, Stack
from onboarding.states import RegionOutcome, StepKind


def note_surveyed(run: Run, survey: AccountSurvey) -> None:
    """What the survey found of both parts. What is gone is forgotten, if every home region could be read."""
    plan = blueprint.build_blueprint(settings.COMPANY)
    for part, wanted in _parts(plan).items():
        stacks = [
            stack
            for region in survey.regions
            if region.region in plan.company.home.regions
            for stack in region.stacks
            if stack.name == wanted.stack_name and stack.tags.get(DIGEST_TAG)
        ]
        if stacks:
            _keep(run, part, wanted, stacks[0])
        elif _all_read(plan, survey):
            Deployment.objects.filter(account_id=run.account_id, part=part).delete()
    standing.bring_up_to_date(run.account_id)


def note_finished(run: Run, step: Step, stack: Stack) -> None:
    """A parent stack is as it should be: from now on the account has this version of it."""
    plan = blueprint.build_blueprint(settings.COMPANY)
    part = BlueprintPart.ROLES if step.kind == StepKind.DEPLOY_ROLES else BlueprintPart.TRAILS
    wanted = _parts(plan)[part]
    for template in (wanted.template, plan.regional_template):
        KnownTemplate.objects.get_or_create(
            digest=template.digest,
            defaults={"name": template.name, "version": plan.version, "body": template.body},
        )
    _store(run, part, stack, wanted.template.digest, blueprint.part_digest(wanted), plan.version)
    standing.bring_up_to_date(run.account_id)


def _parts(plan: Blueprint) -> dict[BlueprintPart, StackBlueprint]:
    return {BlueprintPart.ROLES: plan.roles, BlueprintPart.TRAILS: plan.trails}


def _all_read(plan: Blueprint, survey: AccountSurvey) -> bool:
    read = {region.region for region in survey.regions if region.outcome == RegionOutcome.READ}
    return read >= set(plan.company.home.regions)


def _keep(run: Run, part: BlueprintPart, wanted: StackBlueprint, stack: Stack) -> None:
    template_digest = stack.tags[DIGEST_TAG]
    known = KnownTemplate.objects.filter(digest=template_digest).values_list("version", flat=True).first()
    digest = blueprint.part_digest(wanted, template_digest=template_digest, parameters=stack.parameters)
    _store(run, part, stack, template_digest, digest, known or "")


def _store(
    run: Run, part: BlueprintPart, stack: Stack, template_digest: str, digest: str, version: str
) -> None:
    Deployment.objects.update_or_create(
        account_id=run.account_id,
        part=part,
        defaults={
            "region": stack.region,
            "stack_name": stack.name,
            "stack_id": stack.stack_id,
            "template_digest": template_digest,
            "digest": digest,
            "version": version,
            "run": run,
            "seen_at": timezone.now(),
        },
    )
