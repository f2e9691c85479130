"""What must be absent and present in an account, and where?

Renders the templates of `cloudformation/` for one company, gives each its digest, and says with which name,
parameters, capabilities and tags each stack is created. Pure: it knows neither AWS nor any account.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from urllib.parse import quote, urlencode

from onboarding.company import Company, OldSettings

# Every stack of ours carries both: which part of the blueprint it is, and the digest of its contents.
BLUEPRINT_TAG = "infosec:blueprint"
DIGEST_TAG = "infosec:blueprint-digest"

# The regional template's description: by it, or by the tag, a regional stack is known as ours.
REGIONAL_DESCRIPTION = "Infosec's CloudTrail trail for this region, delivered to the central storage account."

# What an owner may choose for a region: leave it alone; make a same-named stack that isn't ours ours; or
# delete the change set that waits under our stack's name and was never executed.
REGION_CHOICES = ("skip", "adopt", "clear")

_SOURCES = Path(__file__).parent / "cloudformation"


# What stays in an account; the hand-over role's template doesn't, so a change of it leaves nobody behind.
_DEPLOYED_SOURCES = (
    "deploy_cloudtrail.yaml",
    "deploy_trails.py",
    "infosec_client_roles.yaml",
    "regional_trail.yaml",
)


@dataclass(frozen=True, slots=True)
class Release:
    """One version of the templates' sources, and what it brought. `sources` is `sources_digest()` of them."""

    version: str
    note: str
    sources: str


# The last one is the present one. Whoever changes a source adds a release; once deployed none is changed.
RELEASES = (
    Release(
        "2026.11",
        "Both roles, and one trail in each region, by a function that reports each region by itself.",
        "d32691c12442b090707ce2e1553b89d7339864aa5efb1934184f10c1906450bb",
    ),
)


@dataclass(frozen=True, slots=True)
class Template:
    """One rendered template. `digest` is the SHA-256 of its body, in hexadecimal."""

    name: str
    body: str
    digest: str


@dataclass(frozen=True, slots=True)
class StackBlueprint:
    """One stack as it should be. `parameters` are those known without any account or owner."""

    stack_name: str
    template: Template
    parameters: Mapping[str, str]
    capabilities: tuple[str, ...]
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What a company wants in each account. `digest` changes with any template, name or fixed parameter."""

    company: Company
    roles: StackBlueprint
    trails: StackBlueprint
    regional_template: Template
    handover: StackBlueprint
    digest: str
    version: str

    @property
    def deployed_digest(self) -> str:
        """Changes with what is put into an account, and with nothing else."""
        return account_digest(part_digest(self.roles), part_digest(self.trails))

    @property
    def current_digests(self) -> frozenset[str]:
        """By which an account is known to be up to date; of earlier runs only the whole digest is known."""
        return frozenset({self.deployed_digest, self.digest})

    @property
    def old(self) -> OldSettings:
        """The fingerprints of the stack and role that must be absent."""
        return self.company.old


@cache
def build_blueprint(company: Company) -> Blueprint:
    """The company's blueprint; reads the template sources once for each company."""
    regional = _template("regional_trail", {})
    roles = _roles(company)
    trails = _trails(company, regional)
    handover = _handover(company, roles, trails)
    return Blueprint(
        company=company,
        roles=roles,
        trails=trails,
        regional_template=regional,
        handover=handover,
        digest=_digest_of(
            [*map(_identity, (roles, trails, handover)), regional.digest, _old_identity(company)]
        ),
        version=RELEASES[-1].version,
    )


def sources_digest() -> str:
    """The SHA-256 of what the deployed templates are rendered from, whatever the company has set."""
    digest = hashlib.sha256()
    for name in _DEPLOYED_SOURCES:
        digest.update(name.encode() + b"\0" + (_SOURCES / name).read_bytes() + b"\0")
    return digest.hexdigest()


def part_digest(
    stack: StackBlueprint, *, template_digest: str = "", parameters: Mapping[str, str] | None = None
) -> str:
    """What a deployed stack is: its template and the parameters that the company sets.

    Of the stack as it should be; or as it is, given its template's digest and its parameters.
    """
    has = stack.parameters if parameters is None else parameters
    fixed = {name: list(items_of(has.get(name, ""))) for name in stack.parameters}
    return _digest_of([stack.stack_name, template_digest or stack.template.digest, fixed])


def account_digest(roles: str, trails: str) -> str:
    """Both parts' digests in one."""
    return _digest_of([roles, trails])


def roles_parameters(blueprint: Blueprint) -> dict[str, str]:
    """All parameters of the roles' stack."""
    return dict(blueprint.roles.parameters)


def trails_parameters(
    blueprint: Blueprint,
    *,
    regions: Sequence[str],
    choices: Mapping[str, str],
    attempt: int,
    repointed: Sequence[str] = (),
    freed: Sequence[str] = (),
) -> dict[str, str]:
    """All parameters of the CloudTrail parent stack.

    `choices` maps a region to one of REGION_CHOICES. `repointed` and `freed` are the ARNs of trails of the
    owner's that shall deliver to the log storage, or be deleted, as their owner answered. Equal sets of
    regions give equal parameters. Raises ValueError for a choice that the template would refuse.
    """
    for region, choice in choices.items():
        if choice not in REGION_CHOICES or region not in regions:
            raise ValueError(f"no such choice for {region}: {choice}")
    return {
        **blueprint.trails.parameters,
        "Regions": ",".join(sorted(set(regions))),
        "RegionChoices": ",".join(f"{region}={choice}" for region, choice in sorted(choices.items())),
        "Attempt": str(attempt),
        "RepointedTrailArns": ",".join(sorted(set(repointed))),
        "FreedTrailArns": ",".join(sorted(set(freed))),
    }


def handover_parameters(blueprint: Blueprint, *, external_id: str, expires_at: datetime) -> dict[str, str]:
    """All parameters of the hand-over role's stack; `expires_at` must carry a time zone."""
    if expires_at.tzinfo is None:
        raise ValueError("expires_at needs a time zone")
    return {
        **blueprint.handover.parameters,
        "ExternalId": external_id,
        "ExpiresAt": expires_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def is_current(
    stack: StackBlueprint,
    wanted: Mapping[str, str],
    *,
    tags: Mapping[str, str],
    parameters: Mapping[str, str],
) -> bool:
    """Whether a live stack with these tags and parameters is what the blueprint and `wanted` make it.

    `Attempt` is no part of what a stack is: it only asks the Lambda function to look again. Nor are the
    trails that it was once told to delete.
    """
    same = all(
        name in parameters and items_of(parameters[name]) == items_of(value)
        for name, value in wanted.items()
        if name not in {"Attempt", "FreedTrailArns"}
    )
    return same and tags.get(DIGEST_TAG) == stack.template.digest


def items_of(value: str) -> tuple[str, ...]:
    """The items of a parameter's value, a list's or a single one.

    AWS answers a list as it was sent; other endpoints answer "a, b" or "['a', 'b']".
    """
    return tuple(item for each in value.strip("[]").split(",") if (item := each.strip(" '\"")))


def template_key(template: Template) -> str:
    """The key under which a template is published; the digest in it makes every object final."""
    return f"templates/{template.digest}/{template.name}.yaml"


def template_url(template: Template, company: Company) -> str | None:
    """Where CloudFormation reads the published template; None when the company publishes none."""
    origin = _template_origin(company)
    return f"{origin}/{template_key(template)}" if origin else None


def quick_create_url(
    stack: StackBlueprint, company: Company, *, region: str, parameters: Mapping[str, str]
) -> str | None:
    """A link that opens this stack's creation in the AWS console, filled in; None without a bucket.

    Everything stands behind "#", so that parameters reach no server's log.
    """
    url = template_url(stack.template, company)
    if url is None:
        return None
    query = {"templateURL": url, "stackName": stack.stack_name}
    query |= {f"param_{name}": value for name, value in parameters.items()}
    encoded = urlencode(query, quote_via=quote, safe="")
    return f"https://{region}.console.aws.amazon.com/cloudformation/home?region={region}#/stacks/create/review?{encoded}"


def _roles(company: Company) -> StackBlueprint:
    settings = company.roles
    return _stack(
        settings.stack_name,
        _template("infosec_client_roles", {}),
        parameters={
            "SecurityAuditPrincipalArn": settings.security_audit_principal_arn,
            "IncidentResponsePrincipalArn": settings.incident_response_principal_arn,
            "IncidentResponsePolicyArns": ",".join(settings.incident_response_policy_arns),
            "ExternalId": settings.external_id,
        },
        capability="CAPABILITY_IAM",
    )


def _trails(company: Company, regional: Template) -> StackBlueprint:
    code = (_SOURCES / "deploy_trails.py").read_text(encoding="utf-8")
    code = code.replace('"@@regional_trail@@"', f'"""\\\n{regional.body}"""')
    name = company.trails.parent_stack_name
    logs = "arn:aws:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/lambda/"
    template = _template(
        "deploy_cloudtrail",
        {"deploy_trails": code, "log_group_arns": [{"Fn::Sub": f"{logs}{generated_name_pattern(name)}"}]},
    )
    return _stack(
        name,
        template,
        parameters={
            "BucketName": company.storage.bucket,
            "TopicArn": company.storage.topic_arn,
            "RegionalStackName": company.trails.regional_stack_name,
            "TemplateDigest": template.digest,
        },
        capability="CAPABILITY_IAM",
    )


def _handover(company: Company, roles: StackBlueprint, trails: StackBlueprint) -> StackBlueprint:
    origin = _template_origin(company)
    client_roles = _role_arn(generated_name_pattern(roles.stack_name))
    installer = generated_name_pattern(trails.stack_name)
    values: dict[str, object] = {
        "description": _handover_description(company),
        "role_name": company.portal.handover_role_name,
        "worker_principal_arn": company.portal.worker_principal_arn,
        "handover_role_arn": _role_arn(company.portal.handover_role_name),
        "only_through_cloudformation": {
            "ForAnyValue:StringEquals": {"aws:CalledVia": ["cloudformation.amazonaws.com"]}
        },
        "old_role_arns": [_role_arn(old_role_pattern(each)) for each in company.old.role_logical_ids],
        "old_stack_arns": [
            {"Fn::Sub": f"arn:aws:cloudformation:*:${{AWS::AccountId}}:stack/{name}/*"}
            for name in company.old.stack_names
        ],
        "home_regions": list(company.home.regions),
        "parent_stack_arns": [
            {"Fn::Sub": f"arn:aws:cloudformation:*:${{AWS::AccountId}}:stack/{each.stack_name}/*"}
            for each in (roles, trails)
        ],
        "template_url": f"{origin}/templates/*" if origin else None,
        "template_objects": f"arn:aws:s3:::{company.templates.bucket}/templates/*",
        "client_role_arns": [client_roles],
        "installer_role_arns": [_role_arn(installer)],
        "new_role_arns": [client_roles, _role_arn(installer)],
        "managed_policy_arns": [
            "arn:aws:iam::aws:policy/SecurityAudit",
            *company.roles.incident_response_policy_arns,
        ],
        "function_arns": [{"Fn::Sub": f"arn:aws:lambda:*:${{AWS::AccountId}}:function:{installer}"}],
    }
    return _stack(
        company.portal.handover_stack_name,
        _template("handover_role", values),
        parameters={},
        capability="CAPABILITY_NAMED_IAM",
    )


def _handover_description(company: Company) -> str:
    fence = (
        "New stacks only from infosec's published templates."
        if company.templates.bucket
        else "Templates are not published, so what the two new stacks contain is fenced by their names alone."
    )
    return (
        f"Lets {company.name}'s onboarding portal, and nobody else, survey this account, delete the old audit"
        f" stack, and create {company.roles.stack_name} and {company.trails.parent_stack_name}; one hour at a"
        f" time, until the date below. {fence} Delete this stack when the onboarding is done, or at any time"
        f" to end the access."
    )


def generated_name_pattern(stack_name: str) -> str:
    """The names CloudFormation generates for a stack's roles and functions, as a pattern for policies.

    "<stack>-<logical id>-<13 characters>" within 64; beyond that the stack's name is cut, at a place that
    AWS doesn't document; seen never before its sixteenth character. Our longest logical id has 20.
    """
    return (
        f"{stack_name}-*"
        if len(stack_name) + len("-IncidentResponseRole-") + 13 <= 64
        else f"{stack_name[:16]}*"
    )


def old_role_pattern(logical_id: str) -> str:
    """The names that CloudFormation generates for the old role, whatever its stack was called."""
    # A long stack name is cut before the logical id is, unless that is long too.
    return f"*-{logical_id}-*" if len(logical_id) <= 22 else f"*-{logical_id[:20]}*"


def _role_arn(name: str) -> dict[str, str]:
    return {"Fn::Sub": f"arn:aws:iam::${{AWS::AccountId}}:role/{name}"}


def _template_origin(company: Company) -> str | None:
    settings = company.templates
    return f"https://{settings.bucket}.s3.{settings.bucket_region}.amazonaws.com" if settings.bucket else None


def _stack(
    stack_name: str, template: Template, *, parameters: Mapping[str, str], capability: str
) -> StackBlueprint:
    tags = {BLUEPRINT_TAG: template.name, DIGEST_TAG: template.digest}
    return StackBlueprint(stack_name, template, parameters, (capability,), tags)


def _template(name: str, values: Mapping[str, object]) -> Template:
    source = (_SOURCES / f"{name}.yaml").read_text(encoding="utf-8")
    body = _render(source, values)
    return Template(name, body, hashlib.sha256(body.encode()).hexdigest())


# "# @@if key@@ … # @@end@@", each on its own line, keeps what lies between only when the value isn't empty.
_BLOCK = re.compile(r"^ *# @@(if|unless) (\w+)@@\n(.*?)^ *# @@end@@\n", re.MULTILINE | re.DOTALL)
_WHOLE_LINES = re.compile(r"^( *)@@(\w+)@@\n", re.MULTILINE)
_VALUE = re.compile(r'"@@(\w+)@@"')


def _render(source: str, values: Mapping[str, object]) -> str:
    """The template with its blocks chosen and its values put in; values are JSON, which YAML contains."""

    def choose(match: re.Match[str]) -> str:
        return match[3] if bool(values[match[2]]) is (match[1] == "if") else ""

    def indent(match: re.Match[str]) -> str:
        lines = str(values[match[2]]).splitlines(keepends=True)
        return "".join(match[1] + line if line.strip() else line for line in lines)

    # Values go in before whole texts, so that nothing inside such a text is taken for a placeholder.
    chosen = _BLOCK.sub(choose, source)
    filled = _VALUE.sub(lambda match: json.dumps(values[match[1]]), chosen)
    return _WHOLE_LINES.sub(indent, filled)


def _identity(stack: StackBlueprint) -> list[object]:
    return [stack.stack_name, stack.template.digest, dict(stack.parameters), list(stack.capabilities)]


def _old_identity(company: Company) -> list[list[str]]:
    old = company.old
    values = (old.stack_names, old.descriptions, old.role_logical_ids, old.trusted_principal_arns)
    return [sorted(value) for value in values]


def _digest_of(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
