"""Admission, asked of and written to a storage account, and the first log."""

import json
import threading
from typing import Any

import pytest

from onboarding.aws import central, policies, reader
from onboarding.aws.errors import AwsFailure
from onboarding.aws.session import AwsSession, assume_role
from onboarding.company import Company
from onboarding.states import FailureKind
from tests.aws.conftest import StandIn, StubFactory
from tests.sandbox.conftest import ClientFactory

NAMES = ["bucket policy", "topic policy", "reader role"]


@pytest.fixture
def storage(stand_in: StandIn, company: Company) -> AwsSession:
    """The session with which the engine looks after the storage account."""
    return central.storage_session(stand_in.worker, company)


def bucket_policy(client: ClientFactory, company: Company) -> Any:
    s3 = client("s3", company.storage.account_id)
    return json.loads(s3.get_bucket_policy(Bucket=company.storage.bucket)["Policy"])


def test_an_unknown_account_is_not_admitted_and_each_lack_is_named(
    storage: AwsSession, company: Company, account: str
) -> None:
    checks = central.check_admission(storage, company, account)
    assert [check.name for check in checks] == NAMES
    assert [check.is_ok for check in checks] == [False, False, False]
    assert [check.failure for check in checks] == [None, None, None]
    assert checks[2].detail == "there is no such role"


def test_checking_writes_nothing(
    stand_in: StandIn, storage: AwsSession, company: Company, account: str
) -> None:
    before = stand_in.control.last_request()
    central.check_admission(storage, company, account)
    assert stand_in.control.writes(after=before) == []


def test_an_account_is_admitted_beside_the_others_and_only_once(
    stand_in: StandIn, storage: AwsSession, company: Company, account: str, client: ClientFactory
) -> None:
    foreign = [each for each in bucket_policy(client, company)["Statement"] if "Onboarded" not in each["Sid"]]
    assert all(check.is_ok for check in central.admit(storage, company, account))
    after = bucket_policy(client, company)
    assert [each for each in after["Statement"] if "Onboarded" not in each["Sid"]] == foreign
    before = stand_in.control.last_request()
    assert all(check.is_ok for check in central.admit(storage, company, account))
    assert all(check.is_ok for check in central.check_admission(storage, company, account))
    assert stand_in.control.writes(after=before) == []


def test_an_account_that_infosec_admitted_itself_needs_no_writing(
    stand_in: StandIn, storage: AwsSession, company: Company
) -> None:
    before = stand_in.control.last_request()
    # The stand-in's central side admits it from the beginning, by aws:SourceArn.
    assert all(check.is_ok for check in central.admit(storage, company, "111122223333"))
    assert stand_in.control.writes(after=before) == []


def test_an_admitted_account_may_have_its_trail_and_one_that_is_not_may_not(
    stand_in: StandIn, storage: AwsSession, company: Company, account: str, owner: AwsSession
) -> None:
    cloudtrail = stand_in.client("cloudtrail", account, "eu-west-1")
    request = {
        "Name": "trail",
        "S3BucketName": company.storage.bucket,
        "SnsTopicName": company.storage.topic_arn,
    }
    with pytest.raises(cloudtrail.exceptions.InsufficientS3BucketPolicyException):
        cloudtrail.create_trail(**request)
    central.admit(storage, company, account)
    cloudtrail.create_trail(**request)


def test_many_are_admitted_at_the_same_time_and_none_is_lost(
    storage: AwsSession, company: Company, account: str
) -> None:
    accounts = [str(int(account) + number) for number in range(8)]
    threads = [threading.Thread(target=central.admit, args=(storage, company, number)) for number in accounts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(check.is_ok for one in accounts for check in central.check_admission(storage, company, one))


def test_a_refused_admission_names_the_check_and_why(
    stand_in: StandIn, storage: AwsSession, company: Company, account: str
) -> None:
    stand_in.control.fault(
        kind="access-denied", service="s3", action="PutBucketPolicy", account=company.storage.account_id
    )
    checks = {check.name: check for check in central.admit(storage, company, account)}
    refused = checks["bucket policy"]
    assert not refused.is_ok
    assert refused.failure is not None
    assert refused.failure.kind is FailureKind.DENIED
    assert checks["topic policy"].is_ok


def test_the_owner_reads_its_own_logs_and_nobody_elses(
    stand_in: StandIn, storage: AwsSession, company: Company, account: str, owner: AwsSession
) -> None:
    central.admit(storage, company, account)
    arn = f"arn:aws:iam::{company.storage.account_id}:role/{reader.role_name(company, account)}"
    reading = assume_role(owner, arn, external_id=None, session_name="me")
    s3 = reading.client("s3", company.storage.bucket_region)
    s3.list_objects_v2(Bucket=company.storage.bucket, Prefix=f"AWSLogs/{account}/CloudTrail/")
    for prefix in ("AWSLogs/", "AWSLogs/111122223333/"):
        with pytest.raises(s3.exceptions.ClientError, match="AccessDenied"):
            s3.list_objects_v2(Bucket=company.storage.bucket, Prefix=prefix)


def test_a_reader_role_that_trusts_somebody_else_is_left_and_reported(
    storage: AwsSession, company: Company, account: str, client: ClientFactory
) -> None:
    iam, name = client("iam", company.storage.account_id), reader.role_name(company, account)
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::999999999999:root"},
        "Action": "sts:AssumeRole",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)
    check = central.admit(storage, company, account)[2]
    assert (check.is_ok, check.detail) == (False, f"it does not trust the account {account}")
    assert iam.list_role_policies(RoleName=name)["PolicyNames"] == []


def test_a_reader_role_left_half_made_is_finished(
    storage: AwsSession, company: Company, account: str, client: ClientFactory
) -> None:
    central.admit(storage, company, account)
    iam, name = client("iam", company.storage.account_id), reader.role_name(company, account)
    iam.delete_role_policy(RoleName=name, PolicyName=reader.POLICY_NAME)
    assert not central.check_admission(storage, company, account)[2].is_ok
    assert central.admit(storage, company, account)[2].is_ok
    assert central.check_admission(storage, company, account)[2].is_ok


def test_a_bucket_without_a_policy_gets_one(session: AwsSession, stub: StubFactory, company: Company) -> None:
    s3 = stub("s3", company.storage.bucket_region)
    bucket = {"Bucket": company.storage.bucket, "ExpectedBucketOwner": company.storage.account_id}
    document = central._bucket_policy(session, company, "484535289196")
    for _read in range(2):
        s3.add_client_error(
            "get_bucket_policy", "NoSuchBucketPolicy", "None", http_status_code=404, expected_params=bucket
        )
    wanted = policies.with_account({}, document.additions, "484535289196")
    text = json.dumps(wanted, separators=(",", ":"))
    s3.add_response("put_bucket_policy", {}, {**bucket, "Policy": text})
    s3.add_response("get_bucket_policy", {"Policy": text}, bucket)
    assert central._admit(document, "484535289196").is_ok


def test_an_admission_undone_by_another_at_the_same_moment_is_written_again(
    session: AwsSession, stub: StubFactory, company: Company
) -> None:
    s3 = stub("s3", company.storage.bucket_region)
    document = central._bucket_policy(session, company, "484535289196")
    mine = policies.with_account({}, document.additions, "484535289196")
    for _read in range(2):
        s3.add_response("get_bucket_policy", {"Policy": "{}"})
    s3.add_response("put_bucket_policy", {})
    # Somebody else's write came between: ours is gone.
    for _read in range(2):
        s3.add_response("get_bucket_policy", {"Policy": "{}"})
    s3.add_client_error(
        "put_bucket_policy", "OperationAborted", "A conflicting operation", http_status_code=409
    )
    for _read in range(2):
        s3.add_response("get_bucket_policy", {"Policy": "{}"})
    s3.add_response("put_bucket_policy", {})
    s3.add_response("get_bucket_policy", {"Policy": json.dumps(mine)})
    assert central._admit(document, "484535289196").is_ok


def test_hundreds_of_accounts_fit_and_one_too_many_is_said(
    session: AwsSession, stub: StubFactory, company: Company
) -> None:
    s3 = stub("s3", company.storage.bucket_region)
    document = central._bucket_policy(session, company, "999999999999")
    policy: dict[str, Any] = {}
    for number in range(600):
        policy = policies.with_account(policy, document.additions, f"{100_000_000_000 + number}")
    assert len(json.dumps(policy, separators=(",", ":"))) < central.BUCKET_POLICY_BYTES
    for number in range(600, 700):
        policy = policies.with_account(policy, document.additions, f"{100_000_000_000 + number}")
    for _read in range(2):
        s3.add_response("get_bucket_policy", {"Policy": json.dumps(policy)})
    check = central._admit(document, "999999999999")
    assert check.failure is not None
    assert check.failure.kind is FailureKind.QUOTA


def test_a_storage_role_that_refuses_us_is_a_failure(
    stand_in: StandIn, company: Company, account: str, owner: AwsSession
) -> None:
    with pytest.raises(AwsFailure) as caught:
        central.storage_session(owner, company)
    assert caught.value.failure.kind is FailureKind.DENIED
