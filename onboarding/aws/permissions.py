"""What may a session do at most, whatever its role allows?

Session policies, one for each stage: the owner may have given the portal too much, and each stage still gets
its own work only. AWS takes the intersection with the role's policies; 2,048 characters are the limit.
"""

import fnmatch
import json
from collections.abc import Callable, Collection, Iterable, Sequence

from onboarding.blueprint import generated_name_pattern
from onboarding.company import Company
from onboarding.needs import SIMULATING, Need, needs_of
from onboarding.policies import Statement, statement
from onboarding.states import Stage

LONGEST_POLICY = 2_048
MOST_PROFILES_NAMED = 3

# What reading may take, everywhere: shorter than the list of what it does take, and harmless.
_READ: Statement = {
    "Effect": "Allow",
    "Action": [
        "account:ListRegions",
        "cloudformation:Describe*",
        "cloudformation:Get*",
        "cloudformation:List*",
        "cloudtrail:Describe*",
        "cloudtrail:Get*",
        "ec2:DescribeRegions",
        "iam:Get*",
        "iam:List*",
        "lambda:Get*",
    ],
    "Resource": "*",
}


def _policy(*statements: Statement) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))


NOTHING_AT_ALL = _policy({"Effect": "Deny", "Action": "*", "Resource": "*"})


def session_policy(
    stage: Stage,
    company: Company,
    account: str,
    *,
    stack_ids: Sequence[str] = (),
    regions: Collection[str] = (),
    consented: Collection[str] = (),
    extra_resources: Sequence[tuple[str, str]] = (),
    instance_profiles: Sequence[str] = (),
) -> str:
    """The session policy, as JSON, for one stage's work in the owner's account.

    `stack_ids` are the old stacks that may be removed; `regions` those in which the stage has steps, of which
    only home regions matter. `consented` are the codes of the questions that the owner has answered with a
    yes, `extra_resources` what they let go with an old stack, as (type, physical id), and `instance_profiles`
    those that an old role may be taken out of. The survey may also ask what the role may do; the others only
    read.
    """
    match stage:
        case Stage.REMOVE if stack_ids:
            # So many that the policy had no room for their names don't occur, but must not stop the job.
            profiles = instance_profiles if len(instance_profiles) <= MOST_PROFILES_NAMED else ()
            return _removal(company, account, stack_ids, consented, extra_resources, profiles)
        case Stage.ROLES | Stage.TRAILS:
            home = [region for region in company.home.regions if region in regions] or company.home.regions
            needed = (need for need in needs_of(company, account) if need.stage == stage)
            return _policy(_READ, *_merged(filter(None, (_narrowed(need, home) for need in needed))))
        case Stage.SURVEY:
            return _policy({**_READ, "Action": [*_READ["Action"], *SIMULATING]})
        case _:
            return _policy(_READ)


def _narrowed(need: Need, home: Sequence[str]) -> Statement | None:
    """What `need` takes beyond reading, in this stage's home region alone; None when that is nothing."""
    actions = _shortened([action for action in need.actions if not _is_read(action)])
    if not actions:
        return None
    stacks = [each for each in need.resources if each.startswith("arn:aws:cloudformation:*:")]
    resources = [each.replace(":*:", f":{region}:", 1) for each in stacks for region in home]
    made = {**statement(need, actions), "Resource": resources or list(need.resources)}
    del made["Sid"]
    if stacks:
        # The resources name the region; where the template must come from, the role itself says.
        made.pop("Condition", None)
    return made


def _merged(narrowed: Iterable[Statement]) -> list[Statement]:
    """One statement for all that differ in their actions alone."""
    by_rest: dict[str, Statement] = {}
    for each in narrowed:
        rest = json.dumps({**each, "Action": []})
        if rest in by_rest:
            by_rest[rest]["Action"] += each["Action"]
        else:
            by_rest[rest] = each
    return list(by_rest.values())


# Each of these says the same as the actions of ours that it stands for, and nothing that matters beside.
_SHORT = {
    "iam:UpdateRole*": ("iam:UpdateRole", "iam:UpdateRoleDescription"),
    "lambda:UpdateFunction*": ("lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration"),
    "s3:GetObject*": ("s3:GetObject", "s3:GetObjectVersion"),
}


def _shortened(actions: list[str]) -> list[str]:
    """The same rights in fewer characters: 2,048 are little."""
    for short, meant in _SHORT.items():
        if set(meant) <= set(actions):
            actions = [*(each for each in actions if each not in meant), short]
    return actions


def _is_read(action: str) -> bool:
    return any(fnmatch.fnmatchcase(action, pattern) for pattern in _READ["Action"])


def _removal(
    company: Company,
    account: str,
    stack_ids: Sequence[str],
    consented: Collection[str],
    extra_resources: Sequence[tuple[str, str]],
    instance_profiles: Sequence[str],
) -> str:
    """Exact stack ids while they fit; then names in their regions; then names anywhere."""
    needed = [
        need
        for need in needs_of(
            company, account, extra_resources=extra_resources, instance_profiles=instance_profiles
        )
        if need.stage == Stage.REMOVE and (not need.after or need.after in consented)
    ]
    on_stacks = ["cloudformation:DeleteStack"]
    on_stacks += [action for need in needed if need.sid == "LiftProtection" for action in need.actions]
    others = (need for need in needed if need.sid not in {"DeleteStacks", "LiftProtection"})
    roles = _merged(each for need in others if (each := _narrowed(need, ())))
    policy = ""
    for shorten in _SHORTENINGS:
        deletable = sorted({shorten(stack_id) for stack_id in stack_ids})
        policy = _policy(_READ, _allow(on_stacks, deletable), *roles)
        if len(policy) <= LONGEST_POLICY:
            break
    return policy


def _by_name(stack_id: str) -> str:
    return stack_id.rsplit("/", 1)[0] + "/*"


def _by_name_anywhere(stack_id: str) -> str:
    parts = _by_name(stack_id).split(":")
    return ":".join([*parts[:3], "*", *parts[4:]])


def _by_account(stack_id: str) -> str:
    return _by_name_anywhere(stack_id).split("/", 1)[0] + "/*"


# From the narrowest on. Dozens of old stacks of different names fit in no policy: then only the plan bounds.
_SHORTENINGS: tuple[Callable[[str], str], ...] = (str, _by_name, _by_name_anywhere, _by_account)


def storage_policy(company: Company) -> str:
    """The session policy for bucket policy, topic policy, reader roles, and seeing first logs."""
    storage = company.storage
    bucket = f"arn:aws:s3:::{storage.bucket}"
    readers = storage.reader_role_name.format(account="*")
    return _policy(
        _allow(["s3:GetBucketPolicy", "s3:PutBucketPolicy"], [bucket]),
        _allow(["sns:GetTopicAttributes", "sns:SetTopicAttributes"], [storage.topic_arn]),
        _allow(
            [
                "iam:CreateRole",
                "iam:GetRole",
                "iam:GetRolePolicy",
                "iam:ListRolePolicies",
                "iam:PutRolePolicy",
            ],
            [f"arn:aws:iam::{storage.account_id}:role/{readers}"],
        ),
    )


def auditor_policy(company: Company) -> str:
    """The session policy for going on from the central auditor into an audit role, and nothing else."""
    names = generated_name_pattern(company.roles.stack_name)
    return _policy(_allow(["sts:AssumeRole"], [f"arn:aws:iam::*:role/{names}"]))


def _allow(actions: list[str], resources: list[str]) -> Statement:
    return {"Effect": "Allow", "Action": actions, "Resource": resources}
