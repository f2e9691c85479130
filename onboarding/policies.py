"""How is what the job needs written down as IAM policies? Pure."""

from collections.abc import Iterable, Sequence
from typing import Any

from onboarding.company import Company
from onboarding.needs import SIMULATING, Conditions, Need, handover_arn, needs_of
from onboarding.states import Stage

Statement = dict[str, Any]


def policy_of(company: Company, account: str) -> dict[str, Any]:
    """The whole permission policy of a hand-over role, for those who make it in another way."""
    needs = needs_of(company, account)
    simulate = Need("AskWhatThisRoleMayDo", Stage.SURVEY, SIMULATING, (handover_arn(company, account),), ())
    return {"Version": "2012-10-17", "Statement": statements([*needs, simulate])}


def trust_policy_of(company: Company, *, external_id: str, expires_at: str) -> dict[str, Any]:
    """Who may assume a hand-over role: the worker, by this ExternalId, until `expires_at` (ISO 8601, UTC)."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": company.portal.worker_principal_arn},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "StringEquals": {"sts:ExternalId": external_id},
                    "DateLessThan": {"aws:CurrentTime": expires_at},
                },
            }
        ],
    }


def statements(needs: Iterable[Need]) -> list[Statement]:
    """The fewest statements that allow all of `needs`: one for each sid, in their order.

    Needs of one sid differ only in their stage: the wider resources hold.
    """
    by_sid: dict[str, list[Need]] = {}
    for need in needs:
        by_sid.setdefault(need.sid, []).append(need)
    return [
        _statement(
            sid,
            sorted({action for need in group for action in need.actions}),
            _widest(resource for need in group for resource in need.resources),
            group[0].conditions,
        )
        for sid, group in by_sid.items()
    ]


def statement(need: Need, actions: Sequence[str] = ()) -> Statement:
    """The statement that allows these actions of `need` (all by default)."""
    return _statement(need.sid, actions or need.actions, need.resources, need.conditions)


def _statement(
    sid: str, actions: Sequence[str], resources: Sequence[str], conditions: Conditions
) -> Statement:
    made: Statement = {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
    if conditions:
        made["Condition"] = {
            operator: {key: list(values) for key, values in keys.items()}
            for operator, keys in conditions.items()
        }
    return made


def _widest(resources: Iterable[str]) -> list[str]:
    every = list(dict.fromkeys(resources))
    wide = [each for each in every if each == "*" or each.endswith(":stack/*")]
    return wide or every
