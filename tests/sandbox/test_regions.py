"""Does an account see its regions, and meet AWS's words in one that it has not enabled?"""

import pytest

from sandbox.client import Sandbox
from tests.sandbox.conftest import ClientFactory
from tests.sandbox.steering import refused

INVALID = "The security token included in the request is invalid."


@pytest.fixture(autouse=True)
def known_account(cloud: str, account: str) -> None:
    Sandbox(cloud).account(account, enabled_opt_in_regions=["eu-south-1", "af-south-1"])


def test_34_regions_exist_and_17_need_no_opt_in(client: ClientFactory, account: str) -> None:
    regions = client("ec2", account).describe_regions(AllRegions=True)["Regions"]
    assert len(regions) == 34
    statuses = [region["OptInStatus"] for region in regions]
    assert statuses.count("opt-in-not-required") == 17
    assert statuses.count("opted-in") == 2
    assert statuses.count("not-opted-in") == 15


def test_only_enabled_regions_are_described_unless_all_are_asked_for(
    client: ClientFactory, account: str
) -> None:
    regions = client("ec2", account).describe_regions()["Regions"]
    assert len(regions) == 19
    assert {region["RegionName"] for region in regions} >= {"eu-south-1", "af-south-1", "us-west-2"}


def test_regions_can_be_filtered_by_opt_in_status(client: ClientFactory, account: str) -> None:
    filters = [{"Name": "opt-in-status", "Values": ["opted-in"]}]
    regions = client("ec2", account).describe_regions(AllRegions=True, Filters=filters)["Regions"]
    assert {region["RegionName"] for region in regions} == {"eu-south-1", "af-south-1"}


def test_the_account_service_lists_them_by_page_with_its_own_words(
    client: ClientFactory, account: str
) -> None:
    service = client("account", account, "us-east-1")
    pages = list(service.get_paginator("list_regions").paginate(PaginationConfig={"PageSize": 10}))
    assert len(pages) == 4
    statuses = [region["RegionOptStatus"] for page in pages for region in page["Regions"]]
    assert statuses.count("ENABLED_BY_DEFAULT") == 17
    assert statuses.count("ENABLED") == 2
    assert statuses.count("DISABLED") == 15
    assert service.get_region_opt_status(RegionName="ap-east-1")["RegionOptStatus"] == "DISABLED"


def test_the_account_service_checks_rights(cloud: str, client: ClientFactory) -> None:
    worker = Sandbox(cloud).credentials(kind="worker")
    code, _message = refused(
        client(
            "account",
            region="us-east-1",
            credentials={
                "AccessKeyId": worker.access_key_id,
                "SecretAccessKey": worker.secret_access_key,
                "SessionToken": worker.session_token,
            },
        ).list_regions
    )
    assert code == "AccessDeniedException"


@pytest.mark.parametrize(
    ("service", "operation", "code", "message"),
    [
        ("ec2", "describe_regions", "AuthFailure",
         "AWS was not able to validate the provided access credentials"),
        ("cloudformation", "list_stacks", "InvalidClientTokenId", INVALID),
        ("sts", "get_caller_identity", "InvalidClientTokenId", INVALID),
        ("sns", "list_topics", "InvalidClientTokenId", INVALID),
        ("cloudtrail", "describe_trails", "UnrecognizedClientException", INVALID),
        ("lambda", "list_functions", "UnrecognizedClientException", INVALID),
    ],
)  # fmt: skip
def test_a_region_that_is_not_enabled_looks_like_bad_credentials(
    client: ClientFactory, account: str, *, service: str, operation: str, code: str, message: str
) -> None:
    assert refused(getattr(client(service, account, "ap-east-1"), operation)) == (code, message)
    getattr(client(service, account, "eu-south-1"), operation)()


def test_sts_says_so_when_the_account_of_the_role_has_not_enabled_the_region(
    cloud: str, client: ClientFactory, account: str
) -> None:
    worker = Sandbox(cloud).credentials(kind="worker")
    sts = client(
        "sts",
        region="ap-east-1",
        credentials={
            "AccessKeyId": worker.access_key_id,
            "SecretAccessKey": worker.secret_access_key,
            "SessionToken": worker.session_token,
        },
    )
    code, message = refused(
        sts.assume_role,
        RoleArn=f"arn:aws:iam::{account}:role/InfosecOnboardingHandover",
        RoleSessionName="abc",
    )
    assert code == "RegionDisabledException"
    assert message.startswith(f"STS is not activated in this region for account:{account}.")


def test_a_region_that_does_not_exist_is_refused_everywhere(client: ClientFactory, account: str) -> None:
    assert refused(client("cloudformation", account, "eu-nowhere-1").list_stacks)[0] == "InvalidClientTokenId"
