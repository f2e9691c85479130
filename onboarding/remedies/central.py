"""What goes wrong on infosec's own side: admission, the storage, and looking from outside?"""

from django.utils.translation import gettext_lazy as _

from onboarding.remedies.remedy import Remedy, Who, sign
from onboarding.states import FailureKind, StepKind

ADMITTING = (StepKind.ADMIT_ACCOUNT.value, "admit")
VERIFYING = (StepKind.VERIFY_ROLES.value, StepKind.VERIFY_REGION.value, "verify")

ROWS = (
    Remedy(
        "bucket_missing",
        _("The log bucket isn't there"),
        _("%(bucket)s doesn’t exist, or has another name."),
        _("No trail can deliver to it."),
        _("Nothing for you to do: infosec has to put it right."),
        Who.INFOSEC,
        signs=(
            sign("S3BucketDoesNotExistException", "NoSuchBucket"),
            sign(text=r"S3 bucket .* does not exist"),
        ),
    ),
    Remedy(
        "admission_denied",
        _("The log storage could not be prepared"),
        _("Infosec's own storage account refused to admit your account."),
        _("Without that your logs would be rejected, so nothing was begun in your account."),
        _("Nothing for you to do: infosec has to allow it. Then try again."),
        Who.INFOSEC,
        signs=(
            sign(
                kinds=(FailureKind.DENIED, FailureKind.DENIED_BY_ORGANIZATION, FailureKind.NOT_FOUND),
                places=ADMITTING,
            ),
        ),
    ),
    Remedy(
        "not_admitted",
        _("The log storage doesn't admit the account"),
        _("A check of infosec's bucket, topic or reader role isn't satisfied; its name is shown below."),
        _("Without that your logs would be rejected, so nothing was begun in your account."),
        _("Nothing for you to do: infosec has to put it right. Then try again."),
        Who.INFOSEC,
        signs=(sign(places=ADMITTING),),
    ),
    Remedy(
        "bucket_policy",
        _("The log bucket doesn't admit the account"),
        _("CloudTrail may not write the logs of %(account)s into %(bucket)s."),
        _("The trail could not be made there."),
        _("Nothing for you to do: infosec admits the account, then it is tried again."),
        Who.INFOSEC,
        signs=(
            sign("InsufficientS3BucketPolicyException"),
            sign(text=r"Incorrect S3 bucket policy is detected"),
        ),
    ),
    Remedy(
        "topic_policy",
        _("The notification topic doesn't admit the account"),
        _("CloudTrail may not notify infosec's topic of your account's logs."),
        _("The trail could not be made there."),
        _("Nothing for you to do: infosec admits the account, then it is tried again."),
        Who.INFOSEC,
        signs=(
            sign("InsufficientSnsTopicPolicyException"),
            sign(text=r"SNS Topic does not exist|Incorrect SNS topic policy"),
            sign(text=r"not authorized to perform: SNS:Publish"),
        ),
    ),
    Remedy(
        "topic_missing",
        _("The notification topic isn't there"),
        _("Infosec's topic doesn't exist, or its account is suspended."),
        _("No trail can notify it."),
        _("Nothing for you to do: infosec has to put it right."),
        Who.INFOSEC,
        signs=(sign("InvalidSnsTopicNameException", "CloudTrailInvalidClientTokenIdException"),),
    ),
    Remedy(
        "key_policy",
        _("The log bucket's key doesn't admit the account"),
        _("CloudTrail may not use the key with which infosec's bucket is encrypted."),
        _("The trail could not be made there."),
        _("Nothing for you to do: infosec has to put it right."),
        Who.INFOSEC,
        signs=(
            sign(
                "InsufficientEncryptionPolicyException",
                "KmsException",
                "KmsKeyNotFoundException",
                "InvalidKmsKeyIdException",
            ),
        ),
    ),
    Remedy(
        "delivery_failing",
        _("The trail is on, but its logs don't arrive"),
        _("CloudTrail reports an error when it delivers to infosec's bucket or topic."),
        _("What happens in this region is recorded and doesn't reach infosec."),
        _("Nothing for you to do: infosec mends the storage, then try again to verify."),
        Who.INFOSEC,
    ),
    Remedy(
        "no_first_log",
        _("No log has arrived yet"),
        _("The trail is logging, but its first log hasn't been seen within the time allowed."),
        _("It may only be late: a quiet region can take half an hour."),
        _("Try again later: what is done stays done, and only this is looked at."),
        Who.OWNER,
    ),
    Remedy(
        "audit_role_not_assumable",
        _("Infosec can't use the new audit role"),
        _("The role was created, but assuming it from infosec's account is refused."),
        _("Infosec can't look at your account from outside, so nothing is verified."),
        _("Try again; if it stays, infosec compares the role's trust with its own account."),
        Who.INFOSEC,
        signs=(sign(kinds=(FailureKind.DENIED, FailureKind.DENIED_BY_ORGANIZATION), places=VERIFYING),),
    ),
    Remedy(
        "role_not_as_intended",
        _("A role isn't as intended"),
        _("Seen from outside, a role trusts somebody else or has other policies than it should."),
        _("Somebody changed it, or it was not created from this template."),
        _("Start again: the plan shows the difference."),
        Who.OWNER,
        needs_new_plan=True,
    ),
    Remedy(
        "audit_role_missing",
        _("The stack names no audit role"),
        _("The role stack is there, but its outputs don't say which role infosec shall use."),
        _("Infosec can't look at your account from outside, so nothing is verified."),
        _("Start again: the plan brings the stack up to date."),
        Who.OWNER,
        needs_new_plan=True,
    ),
    Remedy(
        "old_role_unknown",
        _("We can't see whether the old role is gone"),
        _("The new audit role may not list the account's roles."),
        _("Everything else is verified; whether the old access still exists isn't known."),
        _("Ask your organization's administrators what keeps the audit role from listing roles."),
        Who.OWNER,
    ),
    Remedy(
        "role_missing",
        _("A role isn't there"),
        _("Seen from outside, one of the two roles doesn't exist."),
        _("Infosec can't reach the account through it."),
        _("Start again: the plan shows what is missing."),
        Who.OWNER,
        signs=(sign("NoSuchEntity", "NoSuchEntityException", places=VERIFYING),),
        needs_new_plan=True,
    ),
)
