"""What has the company set? Reads the file that COMPANY_FILE names, and refuses it with a reason.

Values only: nothing here knows of Django, AWS or a database. Each table of `company.example.toml` is one
dataclass here, each key one field, and the field carries the check that its value must pass.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, cast, get_type_hints
from urllib.parse import urlsplit

# Only AWS's commercial partition: no role is assumed and no log delivered across partitions.
ROLE_ARN = re.compile(r"arn:aws:iam::\d{12}:role/[\w+=,.@/-]{1,512}")
MANAGED_POLICY_ARN = re.compile(r"arn:aws:iam::(aws|\d{12}):policy/[\w+=,.@/-]{1,512}")
TOPIC_ARN = re.compile(r"arn:aws:sns:[a-z]{2}(-[a-z]+)+-\d:\d{12}:[A-Za-z0-9_-]{1,256}")
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
STACK_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}")
ROLE_NAME = re.compile(r"[\w+=,.@-]{1,64}")
LOGICAL_ID = re.compile(r"[A-Za-z0-9]{1,255}")
BUCKET_NAME = re.compile(r"(?!\d+(\.\d+){3}$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
ACCOUNT_NUMBER = re.compile(r"\d{12}")
EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}")
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1"})
EMAIL_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")


class CompanyFileError(Exception):
    """The company's file can't be used. The text names the file, the key and what is wrong with it."""


# A check answers what is wrong with a value, or None when nothing is.
Check = Callable[[Any], str | None]


def _matches(pattern: re.Pattern[str], what: str) -> Check:
    def check(value: str) -> str | None:
        return None if pattern.fullmatch(value) else f"is not {what}: {value!r}"

    return check


def _or_empty(check: Check) -> Check:
    return lambda value: None if value == "" else check(value)


def _each(check: Check, *, may_be_empty: bool = False) -> Check:
    def check_each(values: tuple[str, ...]) -> str | None:
        if not values and not may_be_empty:
            return "needs at least one value"
        if len(set(values)) != len(values):
            return "names a value twice"
        return next((problem for value in values if (problem := check(value))), None)

    return check_each


def _text(value: str) -> str | None:
    return None if value.strip() else "is empty"


def _hours(value: int) -> str | None:
    return None if 1 <= value <= 24 * 30 else f"must lie between 1 and 720 hours: {value}"


def _reader_role_name(value: str) -> str | None:
    if value.count("{account}") != 1:
        return f"must contain {{account}} exactly once: {value!r}"
    return _matches(ROLE_NAME, "a role name")(value.replace("{account}", "0" * 12))


def _trail_stack_name(value: str) -> str | None:
    # CloudFormation names the trail "<stack>-Trail-<13 characters>", and a trail's name has at most 128.
    if len(value) > 100:
        return f"is longer than 100 characters: {value!r}"
    return _matches(STACK_NAME, "a stack name")(value)


def _bugzilla(value: str) -> str | None:
    """Where an API key is sent: over TLS, but on this machine."""
    try:
        parts = urlsplit(value)
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _THIS_MACHINE)
        is_plain = not (parts.query or parts.fragment or parts.username or parts.password)
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return f"is not an address: {value!r}"
    return None if is_safe and is_plain and is_whole else f"is not an https:// address: {value!r}"


_role_arn = _matches(ROLE_ARN, "the ARN of a role in the partition aws")
_stack_name = _matches(STACK_NAME, "a stack name (letters, digits and hyphens; a letter first)")
_region = _matches(REGION, "a region's name")
_account = _matches(ACCOUNT_NUMBER, "an account number of 12 digits")
_logical_id = _matches(LOGICAL_ID, "a logical id")
_bucket = _matches(BUCKET_NAME, "a bucket's name")


def _key(check: Check, **options: Any) -> Any:
    return field(metadata={"check": check}, **options)


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalSettings:
    """The portal's own identity, and the hand-over role that it asks an owner to create."""

    worker_principal_arn: str = _key(_role_arn)
    handover_role_name: str = _key(_matches(ROLE_NAME, "a role name"))
    handover_stack_name: str = _key(_stack_name)
    handover_valid_hours: int = _key(_hours)


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeSettings:
    """Where the two parent stacks may live; the first region is the default."""

    regions: tuple[str, ...] = _key(_each(_region))


@dataclass(frozen=True, slots=True, kw_only=True)
class RolesSettings:
    """The stack with infosec's two roles: whom they trust, and what incident response may use.

    `external_id` is empty when none is demanded; verification sends it when it isn't.
    """

    stack_name: str = _key(_stack_name)
    security_audit_principal_arn: str = _key(_role_arn)
    incident_response_principal_arn: str = _key(_role_arn)
    incident_response_policy_arns: tuple[str, ...] = _key(
        _each(_matches(MANAGED_POLICY_ARN, "a managed policy's ARN"), may_be_empty=True)
    )
    external_id: str = _key(_or_empty(_matches(EXTERNAL_ID, "an external id")), default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailsSettings:
    """The names of the CloudTrail parent stack and of the stack it makes in each region."""

    parent_stack_name: str = _key(_stack_name)
    regional_stack_name: str = _key(_trail_stack_name)


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSettings:
    """The storage account: its bucket and topic, and the roles that look after and read them."""

    account_id: str = _key(_account)
    bucket: str = _key(_bucket)
    bucket_region: str = _key(_region)
    topic_arn: str = _key(_matches(TOPIC_ARN, "a topic's ARN"))
    admin_role_arn: str = _key(_role_arn)
    reader_role_name: str = _key(_reader_role_name)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationSettings:
    """The central role from which the account is looked at from outside."""

    auditor_role_arn: str = _key(_role_arn)


@dataclass(frozen=True, slots=True, kw_only=True)
class OldSettings:
    """The fingerprints of what the new roles replace: stacks by name and by content. Any may be empty."""

    stack_names: tuple[str, ...] = _key(_each(_stack_name, may_be_empty=True))
    descriptions: tuple[str, ...] = _key(_each(_text, may_be_empty=True))
    role_logical_ids: tuple[str, ...] = _key(_each(_logical_id, may_be_empty=True))
    trusted_principal_arns: tuple[str, ...] = _key(_each(_role_arn, may_be_empty=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplatesSettings:
    """The bucket that published templates are in. `bucket` is empty when none are published."""

    bucket: str = _key(_or_empty(_bucket), default="")
    bucket_region: str = _key(_region, default="us-west-2")


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketSettings:
    """The Bugzilla that infosec's tickets are in. Empty when nothing is to be written there."""

    bugzilla_url: str = _key(_or_empty(_bugzilla), default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """Everything a company sets, as its file says it."""

    name: str = _key(_text)
    infosec_contact: str = _key(_matches(EMAIL_ADDRESS, "an e-mail address"))
    portal: PortalSettings
    home: HomeSettings
    roles: RolesSettings
    trails: TrailsSettings
    storage: StorageSettings
    verification: VerificationSettings
    old: OldSettings
    templates: TemplatesSettings
    ticket: TicketSettings


def load_company(path: Path) -> Company:
    """Read and check the company's file; raise CompanyFileError naming the file, the key and the fault."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CompanyFileError(f"{path}: can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CompanyFileError(f"{path}: is not valid TOML: {error}") from error
    try:
        company: Company = _read_table(Company, document, prefix="")
        _check_together(company)
    except CompanyFileError as error:
        raise CompanyFileError(f"{path}: {error}") from None
    return company


def _read_table(kind: type[Any], table: Mapping[str, Any], *, prefix: str) -> Any:
    """One table of the file as its dataclass: every key known, none missing, each of its type and checked."""
    known = {one.name: one for one in fields(kind)}
    for key in table:
        if key not in known:
            raise CompanyFileError(f"{prefix}{key}: is not a known key")
    types = get_type_hints(kind)
    return kind(**{name: _read_key(one, types[name], table, prefix) for name, one in known.items()})


def _read_key(one: Field[Any], expected: Any, table: Mapping[str, Any], prefix: str) -> Any:
    name = f"{prefix}{one.name}"
    if isinstance(expected, type) and is_dataclass(expected):
        nested = table.get(one.name, {})
        if not isinstance(nested, dict):
            raise CompanyFileError(f"{name}: must be a table")
        return _read_table(expected, nested, prefix=f"{name}.")
    if one.name not in table:
        if one.default is MISSING:
            raise CompanyFileError(f"{name}: is missing")
        return one.default
    value = _as_type(table[one.name], expected, name)
    if problem := one.metadata["check"](value):
        raise CompanyFileError(f"{name}: {problem}")
    return value


def _as_type(value: object, expected: Any, name: str) -> Any:
    if expected is str and isinstance(value, str):
        return value
    # In TOML, as in Python, true is no number.
    if expected is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    is_list = isinstance(value, list) and all(isinstance(each, str) for each in value)
    if expected is not str and expected is not int and is_list:
        return tuple(cast(list[str], value))
    wanted = {str: "text", int: "a whole number"}.get(expected, "a list of texts")
    raise CompanyFileError(f"{name}: must be {wanted}, not {value!r}")


def _check_together(company: Company) -> None:
    """What no single key can get wrong: names that must differ from one another."""
    names = {
        "portal.handover_stack_name": company.portal.handover_stack_name,
        "roles.stack_name": company.roles.stack_name,
        "trails.parent_stack_name": company.trails.parent_stack_name,
        "trails.regional_stack_name": company.trails.regional_stack_name,
    }
    seen: dict[str, str] = {}
    for key, name in names.items():
        if name in seen:
            raise CompanyFileError(f"{key}: is the same name as {seen[name]}: {name!r}")
        if name in company.old.stack_names:
            raise CompanyFileError(f"{key}: is also one of old.stack_names: {name!r}")
        seen[name] = key
