"""What does an owner need to create the hand-over role? Each usual way of making it, filled in."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.utils import timezone

from onboarding.blueprint import build_blueprint, handover_parameters, quick_create_url
from onboarding.models import AwsAccount
from onboarding.policies import policy_of, trust_policy_of
from onboarding.views import terraform


@dataclass(frozen=True, slots=True)
class HandOverKit:
    role_name: str
    role_arn: str
    trusted_principal_arn: str
    external_id: str
    expires_at: datetime
    stack_name: str
    region: str
    # Empty when the company publishes no templates: then the file goes along.
    quick_create_url: str
    file_name: str
    template_body: str
    # Carries the template with it; made for pasting, and makes the stack or brings it up to date.
    command: str
    terraform: str
    trust_policy: str
    permission_policy: str


def kit_for(account: AwsAccount, *, now: datetime | None = None) -> HandOverKit:
    """Everything for one account. Contains its ExternalId: for owners' eyes alone."""
    company = settings.COMPANY
    stack = build_blueprint(company).handover
    expires_at = _expiry(now or timezone.now(), company.portal.handover_valid_hours)
    parameters = handover_parameters(
        build_blueprint(company), external_id=account.external_id, expires_at=expires_at
    )
    region = company.home.regions[0]
    file_name = f"{stack.stack_name}.yaml"
    body = _filled_in(stack.template.body, parameters)
    trust = {"external_id": account.external_id, "expires_at": parameters["ExpiresAt"]}
    return HandOverKit(
        role_name=company.portal.handover_role_name,
        role_arn=f"arn:aws:iam::{account.number}:role/{company.portal.handover_role_name}",
        trusted_principal_arn=company.portal.worker_principal_arn,
        external_id=account.external_id,
        expires_at=expires_at,
        stack_name=stack.stack_name,
        region=region,
        quick_create_url=quick_create_url(stack, company, region=region, parameters=parameters) or "",
        file_name=file_name,
        template_body=body,
        command=_command(
            stack.stack_name, region=region, file_name=file_name, body=body, parameters=parameters
        ),
        terraform=terraform.handover_role(company, account.number, **trust),
        trust_policy=json.dumps(trust_policy_of(company, **trust), indent=2),
        permission_policy=json.dumps(policy_of(company, account.number), indent=2),
    )


def _expiry(now: datetime, valid_hours: int) -> datetime:
    """To the full hour, so that the page, the file and a reload name the same time."""
    later = now.astimezone(UTC) + timedelta(hours=valid_hours + 1)
    return later.replace(minute=0, second=0, microsecond=0)


def _filled_in(body: str, parameters: dict[str, str]) -> str:
    """The template with its parameters' values as their defaults, so that nothing is left to type."""
    for name, value in parameters.items():
        head = f"  {name}:\n    Type: String\n"
        body = body.replace(head, f'{head}    Default: "{value}"\n', 1)
    return body


def _command(stack_name: str, *, region: str, file_name: str, body: str, parameters: dict[str, str]) -> str:
    """Writes the file and deploys it. Parameters are named too: an older stack keeps no older ones."""
    overrides = "".join(f" \\\n  {name}={value}" for name, value in parameters.items())
    return (
        f"cat > {file_name} <<'END_OF_TEMPLATE'\n{body.rstrip()}\nEND_OF_TEMPLATE\n"
        f"aws cloudformation deploy --region {region} \\\n"
        f"  --stack-name {stack_name} \\\n"
        f"  --template-file {file_name} \\\n"
        f"  --capabilities CAPABILITY_NAMED_IAM \\\n"
        f"  --no-fail-on-empty-changeset \\\n"
        f"  --parameter-overrides{overrides}"
    )
