"""Does the central side admit a trail: do bucket policy and topic policy let CloudTrail deliver for it?"""

from typing import Any

from ministack.core import iam_evaluator, responses
from ministack.services import s3, sns

from sandbox.refusals import Refusal

SERVICE = "cloudtrail.amazonaws.com"


def _allowed(policy: str, action: str, resource: str, *, trail_arn: str, account: str, **keys: str) -> bool:
    context = iam_evaluator.EvalContext(
        # No IAM principal: an allowance for an account must not admit the service, "*" does.
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action=action,
        resource_arn=resource,
        region=trail_arn.split(":")[3],
        service_context={"aws:sourcearn": trail_arn, "aws:sourceaccount": account, **keys},
    )
    return bool(iam_evaluator.evaluate_resource_policy(policy, context, service=SERVICE).decision == "Allow")


def may_write(bucket: str, key: str, *, trail_arn: str, account: str) -> bool:
    """Whether the bucket's policy, as it is now, lets CloudTrail put this object for the trail."""
    policy = _policy(bucket)
    return policy is not None and _allowed(
        policy,
        "s3:PutObject",
        f"arn:aws:s3:::{bucket}/{key}",
        trail_arn=trail_arn,
        account=account,
        **{"s3:x-amz-acl": "bucket-owner-full-control"},
    )


def _policy(bucket: str) -> str | None:
    """The bucket's policy, empty when it has none; None without such a bucket in any account."""
    owner = s3._bucket_owner_account(bucket)
    if owner is None:
        return None
    stored: Any = s3._bucket_policies.get_scoped(owner, None, bucket) or ""
    return stored.decode() if isinstance(stored, bytes) else stored


def bucket_refusal(bucket: str, prefix: str, *, trail_arn: str, account: str) -> Refusal | None:
    """What CreateTrail answers about the bucket; None when it exists and admits the trail."""
    policy = _policy(bucket)
    if policy is None:
        return Refusal("S3BucketDoesNotExistException", f"S3 bucket {bucket} does not exist!")
    acl = _allowed(policy, "s3:GetBucketAcl", f"arn:aws:s3:::{bucket}", trail_arn=trail_arn, account=account)
    folder = f"{prefix}/AWSLogs/{account}" if prefix else f"AWSLogs/{account}"
    if acl and may_write(bucket, f"{folder}/CloudTrail/probe", trail_arn=trail_arn, account=account):
        return None
    return Refusal(
        "InsufficientS3BucketPolicyException", f"Incorrect S3 bucket policy is detected for bucket: {bucket}"
    )


def may_publish(topic_arn: str, *, trail_arn: str, account: str) -> bool:
    """Whether the topic exists and its policy lets CloudTrail publish for the trail."""
    _arn, _aws, _sns, region, owner, _name = topic_arn.split(":")
    # ministack sees a topic from its own region only.
    with responses.request_scope(owner, region):
        found = sns.topic_policy_for_arn(topic_arn)
    return found is not None and _allowed(
        found[0], "sns:Publish", topic_arn, trail_arn=trail_arn, account=account
    )


def topic_refusal(topic_arn: str, *, trail_arn: str, account: str) -> Refusal | None:
    """What CreateTrail answers about the topic; None when it admits the trail or none is wanted."""
    if not topic_arn or may_publish(topic_arn, trail_arn=trail_arn, account=account):
        return None
    return Refusal(
        "InsufficientSnsTopicPolicyException", "SNS Topic does not exist or the topic policy is incorrect!"
    )
