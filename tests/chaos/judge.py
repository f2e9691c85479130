"""Is it as it should be? Asks the database what the portal believes, and the stand-in cloud what is so."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.conf import settings

from demo.owner import Owner as Hands
from onboarding.models import Event, Grant, Run, Step
from onboarding.planning import Plan
from onboarding.remedies import REMEDIES
from onboarding.states import SETTLED_RUN_STATUSES, UNSETTLED_STEP_STATUSES, RunStatus
from sandbox.client import Request, Sandbox
from tests.chaos.owners import CLOSED_REGION, REGIONS, Owner

_WAITING_FOR_A_PERSON = frozenset({RunStatus.PLANNED, RunStatus.NEEDS_ACCESS, RunStatus.NEEDS_OWNER})
OURS = "onboarding-portal"


def faults_of(owner: Owner, cloud: Sandbox, writes: list[Request]) -> Iterator[str]:
    """What isn't as it should be with one owner's account; nothing when all is."""
    if owner.account is None:
        yield "never registered"
        return
    runs = list(owner.account.runs.order_by("created_at"))
    for run in runs:
        yield from _of_run(run)
    hands = Hands(cloud, owner.number)
    stacks = {region: hands.client("cloudformation", region) for region in REGIONS}
    listed: list[dict[str, Any]] = [
        {**summary, "Region": region}
        for region, client in stacks.items()
        for page in client.get_paginator("list_stacks").paginate()
        for summary in page["StackSummaries"]
    ]
    yield from _of_stacks(owner, runs, listed, writes)
    yield from _of_writes(owner, runs, writes)
    if runs and runs[-1].status == RunStatus.VERIFIED:
        yield from _of_trails(hands, closed={CLOSED_REGION} if owner.nature == "closed region" else set())


def _of_run(run: Run) -> Iterator[str]:
    status, name = RunStatus(run.status), f"run {run.pk} {run.status} {run.reason_code}"
    if status not in SETTLED_RUN_STATUSES | _WAITING_FOR_A_PERSON | {RunStatus.DRAFT}:
        yield f"{name}: still at work"
    if status in {RunStatus.FAILED, RunStatus.PARTLY_DONE, RunStatus.NEEDS_ACCESS, RunStatus.NEEDS_OWNER}:
        if run.reason_code not in REMEDIES or run.reason_code == "unknown":
            yield f"{name}: without a remedy ({run.failure})"
        if run.reason_code in {"portal_broke", "took_too_long"}:
            yield f"{name}: our own code broke, or it took too long ({run.failure})"
    told = run.events.filter(kind="run.status").order_by("-number").first()
    is_told = told is not None and told.data["status"] == status
    if not is_told or (told and told.data.get("reason_code", "") != run.reason_code):
        yield f"{name}: its last event says otherwise ({told and told.data})"
    if status in SETTLED_RUN_STATUSES:
        if run.steps.filter(status__in=UNSETTLED_STEP_STATUSES).exists():
            yield f"{name}: settled with open steps"
        if Grant.objects.filter(runs=run, destroyed_at=None).exists():
            yield f"{name}: settled and still holding access"
    numbers = list(run.events.order_by("number").values_list("number", flat=True))
    if numbers != list(range(1, len(numbers) + 1)) or run.last_event_number != len(numbers):
        yield f"{name}: its events have gaps"
    for step in run.steps.all():
        last = Event.objects.filter(run=run, step_id=step.pk, kind="step.status").order_by("-number").first()
        said = last.data["status"] if last else step.status if step.is_settled else "waiting"
        if said != step.status:
            yield f"{name}: step {step} is {step.status}, and its last event says {said}"


def _of_stacks(
    owner: Owner, runs: list[Run], listed: list[dict[str, Any]], writes: list[Request]
) -> Iterator[str]:
    company = settings.COMPANY
    parents = {company.roles.stack_name, company.trails.parent_stack_name}
    known = set(Step.objects.filter(run__in=runs).values_list("stack_id", flat=True))
    deleted_by_us = {write.stack for write in writes if write.action == "DeleteStack"}
    brought_along = owner.scenario == "half-finished"
    for name in sorted(parents):
        mine = [stack for stack in listed if stack["StackName"] == name]
        live = [stack for stack in mine if stack["StackStatus"] != "DELETE_COMPLETE"]
        gone = [stack for stack in mine if stack["StackStatus"] == "DELETE_COMPLETE"]
        if len(live) > 1:
            yield f"{name} is there {len(live)} times"
        if any(
            not any(_is_same_stack(deleted, stack["StackId"]) for deleted in deleted_by_us) for stack in gone
        ):
            yield f"{name} is gone, and it wasn't us"
        if len(gone) > 2:
            yield f"{name} was made {len(mine)} times"
        for stack in live:
            if stack["StackId"] not in known and not brought_along:
                yield f"{name} is there ({stack['StackStatus']}), and no step knows of it"
    per_region = Counter(
        stack["Region"]
        for stack in listed
        if stack["StackName"] == company.trails.regional_stack_name
        and stack["StackStatus"] != "DELETE_COMPLETE"
    )
    for region, count in per_region.items():
        if count > 1:
            yield f"{count} regional stacks in {region}"
    if not any(run.events.filter(kind="plan.approved").exists() for run in runs) and not brought_along:
        for stack in listed:
            if stack["StackName"] in parents or stack["StackName"] == company.trails.regional_stack_name:
                yield f"{stack['StackName']} was made without an approval"


def _of_writes(owner: Owner, runs: list[Run], writes: list[Request]) -> Iterator[str]:
    """Each write of ours in the account is a step of an approved plan, and came after the approval."""
    approvals = list(Event.objects.filter(run__in=runs, kind="plan.approved").order_by("at"))
    if writes and not approvals:
        yield f"{len(writes)} writes without any approval"
        return
    allowed: dict[tuple[str, str], set[str]] = defaultdict(set)
    plans = [Plan.from_json(run.plan) for run in runs if run.plan and run.approved_digest]
    plans += [Plan.from_json(event.data["plan"]) for event in approvals if "plan" in event.data]
    for step in (step for plan in plans for step in plan.steps if not step.refused):
        match step.kind:
            case "remove_stack":
                allowed["DeleteStack", step.region].add(step.stack_id)
            case "deploy_roles" | "deploy_trails":
                # One of ours that blocks the name is deleted first, by its id, which holds the name.
                for action in ("CreateStack", "UpdateStack", "DeleteStack"):
                    allowed[action, step.region].add(step.target)
    for write in writes:
        names = allowed[write.action, write.region]
        if not any(_is_same_stack(write.stack, name) for name in names):
            # A plan that was replaced by a newer one isn't kept: its approval is.
            if len({event.data["digest"] for event in approvals}) > len(plans):
                continue
            yield f"{write.action} of {write.stack} in {write.region} was not approved"
        if write.time < approvals[0].at.timestamp() - 1:
            yield f"{write.action} of {write.stack} came before the approval"


def _is_same_stack(one: str, other: str) -> bool:
    """Whether a name or id means the same stack as another name or id."""
    return one == other or f":stack/{one}/" in other or f":stack/{other}/" in one


def _of_trails(hands: Hands, closed: set[str]) -> Iterator[str]:
    """`closed`: what the organization forbids to the whole account is told on the plan, and left out."""
    bucket = settings.COMPANY.storage.bucket
    for region in sorted(set(REGIONS) - closed):
        client = hands.client("cloudtrail", region)
        trails = [
            trail["TrailARN"]
            for trail in client.describe_trails(includeShadowTrails=False)["trailList"]
            if trail["S3BucketName"] == bucket
        ]
        logging = [arn for arn in trails if client.get_trail_status(Name=arn)["IsLogging"]]
        if len(trails) != 1 or len(logging) != 1:
            yield f"verified, and {region} has {len(trails)} trails, {len(logging)} of them logging"


def judge(owners: list[Owner], cloud: Sandbox, writes: dict[str, list[Request]]) -> list[str]:
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(
            lambda owner: [
                f"{owner.number} ({owner.nature}, {owner.scenario}): {fault}"
                for fault in faults_of(owner, cloud, writes.get(owner.number, []))
            ],
            owners,
        )
        return [fault for faults in found for fault in faults]
