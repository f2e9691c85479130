"""What does infosec do about a failure that waits for infosec? Owners read `Remedy.act` instead."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from onboarding.remedies.remedy import Remedy, Words

_NEW_RELEASE = _("Bring out a new release of the blueprint, then start again.")
_READ_AND_TRY = _(
    "Read on the account’s page what AWS said, then start again. If it stays, tell the portal’s developers "
    "the code and the request id."
)

_ACTS: Mapping[str, Words] = {
    "other_partition": _("Tell the owner how such accounts are handled."),
    "bucket_missing": _(
        "Create the bucket in the storage account, or put its name right in the company’s settings; then "
        "start again."
    ),
    "admission_denied": _(
        "Allow the portal’s role in the storage account to change the policies of the bucket and the topic; "
        "then start again."
    ),
    "not_admitted": _(
        "The account’s page names the check. Put the bucket, the topic or the reader role right; then start "
        "again."
    ),
    "bucket_policy": _("See that the bucket’s policy admits the account; then start again."),
    "topic_policy": _("See that the topic’s policy admits the account; then start again."),
    "topic_missing": _(
        "Create the topic in the storage account, or put its name right in the company’s settings; then "
        "start again."
    ),
    "key_policy": _("Let CloudTrail use the bucket’s key for the account; then start again."),
    "delivery_failing": _(
        "The account’s page has the delivery’s error. Put the bucket, the topic or the key right; then start "
        "again to verify."
    ),
    "audit_role_not_assumable": _("Compare the role’s trust with infosec’s own account; then start again."),
    "runtime_retired": _NEW_RELEASE,
    "template_invalid": _NEW_RELEASE,
    "code_unreadable": _("See that the account may read the installer’s code; then start again."),
    "update_without_effect": _READ_AND_TRY,
    "request_not_accepted": _READ_AND_TRY,
    "unknown_stack_status": _READ_AND_TRY,
    "answer_unreadable": _READ_AND_TRY,
    "unknown": _READ_AND_TRY,
}


def act_of_infosec(remedy: Remedy) -> Words:
    """What infosec itself does; what its owner does, where it is the owner's."""
    return _ACTS.get(remedy.code, remedy.act)
