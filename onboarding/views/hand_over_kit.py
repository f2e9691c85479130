"""What does an owner need to create the hand-over role? The template, the link and the command, filled in."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from onboarding.blueprint import build_blueprint, handover_parameters, quick_create_url, template_url
from onboarding.models import AwsAccount


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
    command: str


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
        template_body=_filled_in(stack.template.body, parameters),
        command=_command(
            stack.stack_name,
            region=region,
            source=_source(template_url(stack.template, company), file_name),
            parameters=parameters,
        ),
    )


def _expiry(now: datetime, valid_hours: int) -> datetime:
    """To the full hour, so that the page, the file and a reload name the same time."""
    return (now + timedelta(hours=valid_hours + 1)).replace(minute=0, second=0, microsecond=0)


def _filled_in(body: str, parameters: dict[str, str]) -> str:
    """The template with its parameters' values as their defaults, so that nothing is left to type."""
    for name, value in parameters.items():
        head = f"  {name}:\n    Type: String\n"
        body = body.replace(head, f'{head}    Default: "{value}"\n', 1)
    return body


def _source(url: str | None, file_name: str) -> str:
    return f"--template-url {url}" if url else f"--template-body file://{file_name}"


def _command(stack_name: str, *, region: str, source: str, parameters: dict[str, str]) -> str:
    given = " \\\n    ".join(
        f"ParameterKey={name},ParameterValue={value}" for name, value in parameters.items()
    )
    return (
        f"aws cloudformation create-stack --region {region} \\\n"
        f"  --stack-name {stack_name} \\\n"
        f"  {source} \\\n"
        f"  --capabilities CAPABILITY_NAMED_IAM \\\n"
        f"  --parameters \\\n    {given}\n"
        f"aws cloudformation wait stack-create-complete --region {region} --stack-name {stack_name}"
    )
