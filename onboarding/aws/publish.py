"""Are the templates where CloudFormation can read them?"""

from collections.abc import Iterable

from onboarding.aws.errors import AwsFailure, ask
from onboarding.aws.session import AwsSession
from onboarding.blueprint import Template, template_key, template_url
from onboarding.company import Company
from onboarding.observed import Failure
from onboarding.states import FailureKind


def put_templates(session: AwsSession, company: Company, templates: Iterable[Template]) -> tuple[str, ...]:
    """Put each template into the company's bucket, unless it is there, and return their URLs.

    Objects are final: the digest is in the key. Raises AwsFailure when the bucket keeps no versions, for then
    whoever may write to it could change what owners have approved and leave no trace.
    """
    bucket, region = company.templates.bucket, company.templates.bucket_region
    if not bucket:
        raise _ours("NoTemplateBucket", "The company's file names no bucket for templates.")
    _check_versions_are_kept(session, bucket, region)
    urls = []
    for template in templates:
        _put(session, bucket, region, template)
        urls.append(template_url(template, company) or "")
    return tuple(urls)


def _check_versions_are_kept(session: AwsSession, bucket: str, region: str) -> None:
    try:
        versioning = ask(session.client("s3", region).get_bucket_versioning, Bucket=bucket)
    except AwsFailure as refusal:
        # Whoever only publishes needn't be allowed to ask.
        if refusal.failure.kind is FailureKind.DENIED:
            return
        raise
    if versioning.get("Status") != "Enabled":
        raise _ours("BucketNotVersioned", f"The bucket {bucket} keeps no versions: enable versioning first.")


def _put(session: AwsSession, bucket: str, region: str, template: Template) -> None:
    try:
        ask(
            session.client("s3", region).put_object,
            Bucket=bucket,
            Key=template_key(template),
            Body=template.body.encode(),
            ContentType="application/yaml",
            IfNoneMatch="*",
        )
    except AwsFailure as refusal:
        if refusal.failure.code != "PreconditionFailed":
            raise


def _ours(code: str, message: str) -> AwsFailure:
    return AwsFailure(Failure(kind=FailureKind.OURS, code=code, message=message, service="s3"))
