"""The company's file: read whole, or refused with the file, the key and the fault."""

import re
from pathlib import Path

import pytest

from onboarding.company import Company, CompanyFileError, load_company

EXAMPLE = Path(__file__).parents[1] / "company.example.toml"


def _with(tmp_path: Path, pattern: str, replacement: str) -> Path:
    text, count = re.subn(
        pattern, replacement, EXAMPLE.read_text(encoding="utf-8"), count=1, flags=re.MULTILINE
    )
    assert count == 1
    path = tmp_path / "company.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_example_is_read_whole() -> None:
    company = load_company(EXAMPLE)
    assert isinstance(company, Company)
    assert company.home.regions == ("us-west-2", "us-east-1")
    assert company.portal.handover_valid_hours == 72
    assert company.old.role_logical_ids == ("OpSecSecurityAuditRole",)
    assert company.templates.bucket == ""
    assert isinstance(hash(company), int)


def test_what_may_be_left_out_has_a_default(tmp_path: Path) -> None:
    assert load_company(_with(tmp_path, r"\[templates\][\s\S]*", "")).templates.bucket == ""
    assert load_company(_with(tmp_path, r"^external_id.*$", "")).roles.external_id == ""


@pytest.mark.parametrize(
    ("pattern", "replacement", "complaint"),
    [
        (r"^name = .*$", "", "name: is missing"),
        (r"^name = .*$", 'name = " "', "name: is empty"),
        (r"^name = .*$", 'name = "M"\nnmae = "M"', "nmae: is not a known key"),
        (r"^infosec_contact.*$", 'infosec_contact = "infosec"', "infosec_contact: is not an e-mail address"),
        (r"^worker_principal_arn.*$", "", "portal.worker_principal_arn: is missing"),
        (r"\[portal\]", '[portal]\nextra = "x"', "portal.extra: is not a known key"),
        (
            r"^worker_principal_arn.*$",
            'worker_principal_arn = "arn:aws-us-gov:iam::777788889999:role/W"',
            "portal.worker_principal_arn: is not the ARN of a role",
        ),
        (r"^handover_valid_hours.*$", 'handover_valid_hours = "72"', "must be a whole number, not '72'"),
        (r"^handover_valid_hours.*$", "handover_valid_hours = true", "must be a whole number, not True"),
        (r"^handover_valid_hours.*$", "handover_valid_hours = 0", "must lie between 1 and 720 hours: 0"),
        (r"^account_id.*$", "account_id = 88944123687", "storage.account_id: must be text"),
        (r"^account_id.*$", 'account_id = "88944123687"', "storage.account_id: is not an account number"),
        (
            r"^regions = .*$",
            'regions = ["us-west-2", "oregon"]',
            "home.regions: is not a region's name: 'oregon'",
        ),
        (r"^regions = .*$", "regions = []", "home.regions: needs at least one value"),
        (r"^regions = .*$", 'regions = ["us-west-2", "us-west-2"]', "home.regions: names a value twice"),
        (r"^regions = .*$", 'regions = "us-west-2"', "home.regions: must be a list of texts"),
        (
            r"^parent_stack_name.*$",
            'parent_stack_name = "1_x"',
            "trails.parent_stack_name: is not a stack name",
        ),
        (
            r"^regional_stack_name.*$",
            f'regional_stack_name = "{"R" * 101}"',
            "trails.regional_stack_name: is longer than 100 characters",
        ),
        (r"^bucket = .*$", 'bucket = "Mozilla_Logs"', "storage.bucket: is not a bucket's name"),
        (r"^topic_arn.*$", 'topic_arn = "MozillaCloudTrailLogs"', "storage.topic_arn: is not a topic's ARN"),
        (
            r"^reader_role_name.*$",
            'reader_role_name = "R"',
            "storage.reader_role_name: must contain {account}",
        ),
        (r"^external_id.*$", 'external_id = "with blank"', "roles.external_id: is not an external id"),
        (
            r"^incident_response_policy_arns.*$",
            'incident_response_policy_arns = ["ReadOnlyAccess"]',
            "roles.incident_response_policy_arns: is not a managed policy's ARN",
        ),
        (
            r"^regional_stack_name.*$",
            'regional_stack_name = "InfosecClientRoles"',
            "trails.regional_stack_name: is the same name as roles.stack_name",
        ),
        (
            r"^stack_names.*$",
            'stack_names = ["InfosecClientRoles"]',
            "roles.stack_name: is also one of old.stack_names",
        ),
        (r"\[home\]", "[[home]]", "home: must be a table"),
        (r"^name = .*$", "name = Mozilla", "is not valid TOML"),
    ],
)
def test_a_fault_is_named_with_its_file_and_key(
    tmp_path: Path, pattern: str, replacement: str, complaint: str
) -> None:
    path = _with(tmp_path, pattern, replacement)
    with pytest.raises(CompanyFileError) as caught:
        load_company(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert complaint in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CompanyFileError, match=r"company\.toml: can't be read"):
        load_company(tmp_path / "company.toml")
