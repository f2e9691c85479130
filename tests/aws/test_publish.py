"""Templates in their bucket, once and for good."""

import dataclasses
import uuid

import pytest

from onboarding.aws import publish
from onboarding.aws.errors import AwsFailure
from onboarding.aws.session import AwsSession
from onboarding.blueprint import build_blueprint, template_key
from onboarding.company import Company, TemplatesSettings
from tests.aws.conftest import StandIn, StubFactory


def with_bucket(company: Company, bucket: str) -> Company:
    return dataclasses.replace(company, templates=TemplatesSettings(bucket=bucket, bucket_region="us-west-2"))


def test_templates_are_published_under_their_digest_and_again_without_harm(
    stand_in: StandIn, owner: AwsSession, company: Company, account: str
) -> None:
    bucket = f"templates-{uuid.uuid4()}"
    s3 = stand_in.client("s3", account)
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    publishing = with_bucket(company, bucket)
    template = build_blueprint(publishing).roles.template
    with pytest.raises(AwsFailure) as caught:
        publish.put_templates(owner, publishing, [template])
    assert caught.value.failure.code == "BucketNotVersioned"
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for _time in range(2):
        (url,) = publish.put_templates(owner, publishing, [template])
        assert bucket in url
        assert template.digest in url
    body = s3.get_object(Bucket=bucket, Key=template_key(template))["Body"].read()
    assert body.decode() == template.body


def test_what_is_already_there_is_left(session: AwsSession, stub: StubFactory, company: Company) -> None:
    publishing = with_bucket(company, "templates")
    template = build_blueprint(publishing).roles.template
    s3 = stub("s3", "us-west-2")
    s3.add_client_error("get_bucket_versioning", "AccessDenied", "no", http_status_code=403)
    s3.add_client_error(
        "put_object",
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
        http_status_code=412,
        expected_params={
            "Bucket": "templates",
            "Key": template_key(template),
            "Body": template.body.encode(),
            "ContentType": "application/yaml",
            "IfNoneMatch": "*",
        },
    )
    assert len(publish.put_templates(session, publishing, [template])) == 1


def test_without_a_bucket_nothing_is_published(session: AwsSession, company: Company) -> None:
    with pytest.raises(AwsFailure, match="NoTemplateBucket"):
        publish.put_templates(session, company, [])
