"""Whatever AWS refuses, a person reads what happened, what it means and the one thing to do."""

import pytest

from onboarding.observed import Failure
from onboarding.remedies import REMEDIES, Remedy, Who, remedy_for, remedy_named
from onboarding.remedies.desk import act_of_infosec
from onboarding.states import FailureKind, StepKind

PLACES = ("hand_over", "access", "survey", *(str(kind) for kind in StepKind))


def make_failure(kind: FailureKind, code: str = "", message: str = "") -> Failure:
    return Failure(kind=kind, code=code, message=message, request_id="req-1")


@pytest.mark.parametrize("remedy", REMEDIES.values(), ids=REMEDIES)
def test_each_remedy_has_all_its_words_in_plain_language(remedy: Remedy) -> None:
    for words in (remedy.title, remedy.happened, remedy.meaning, remedy.act):
        assert str(words).strip()
        assert len(str(words)) < 140, words
    assert not str(remedy.title).endswith(".")


@pytest.mark.parametrize("code", REMEDIES)
def test_words_carry_the_names_that_are_known_and_read_well_without(code: str) -> None:
    names = dict.fromkeys(("stack", "other", "region", "role", "action", "bucket", "account"), "NAME")
    for remedy in (REMEDIES[code], remedy_named(code, {}), remedy_named(code, names)):
        words = " ".join(str(each) for each in (remedy.title, remedy.happened, remedy.meaning, remedy.act))
        assert "%(" not in words
        assert str(remedy.title)[0].isupper()


def test_a_remedy_names_the_very_stack_region_and_action() -> None:
    names = {"stack": "InfosecClientRoles", "region": "us-west-2", "action": "iam:DeleteRole"}
    quota = remedy_named("stack_quota", names)
    assert str(quota.title) == "The region us-west-2 has too many stacks"
    assert "the stack InfosecClientRoles can’t be added" in str(quota.happened)
    assert str(remedy_named("stack_quota", {}).title) == "The region has too many stacks"
    assert "doesn’t allow iam:DeleteRole, which" in str(remedy_named("delete_denied", names).happened)


def test_every_kind_of_failure_in_every_place_has_an_answer() -> None:
    for kind in FailureKind:
        for place in PLACES:
            remedy = remedy_for(make_failure(kind, "Whatever", "Something went wrong"), place)
            assert remedy.code in REMEDIES


def test_an_unknown_failure_is_told_with_awss_own_code_and_request_id() -> None:
    remedy = remedy_for(make_failure(FailureKind.UNKNOWN, "TeapotException", "short and stout"), "survey")
    assert remedy.code == "unknown"
    assert "TeapotException" in str(remedy.happened)
    assert "req-1" in str(remedy.happened)


def test_an_expiry_before_anything_was_begun_is_not_told_as_if_something_was() -> None:
    failure = Failure(FailureKind.EXPIRED, "ExpiredToken", "")
    assert "if anything" in str(remedy_for(failure, "deploy_roles").meaning)


def test_a_code_with_braces_does_not_break_the_words() -> None:
    remedy = remedy_for(make_failure(FailureKind.UNKNOWN, "{oops}"), "survey")
    assert "{oops}" in str(remedy.happened)


D, ORG, R, X, Q, C = (
    FailureKind.DENIED,
    FailureKind.DENIED_BY_ORGANIZATION,
    FailureKind.REQUEST,
    FailureKind.UNKNOWN,
    FailureKind.QUOTA,
    FailureKind.CONFLICT,
)
NOT_ALLOWED = "User: arn:aws:sts::1:assumed-role/x/y is not authorized to perform: "


@pytest.mark.parametrize(
    ("place", "kind", "code", "message", "expected"),
    [
        # handing over: aws-facts 1 to 20
        ("hand_over", FailureKind.OURS, "PartialCredentialsError", "", "incomplete_credentials"),
        ("hand_over", FailureKind.OURS, "long_term_key", "", "long_term_key"),
        ("access", FailureKind.OURS, "wrong_account", "", "wrong_account"),
        ("survey", FailureKind.EXPIRED, "ExpiredToken", "", "expired_credentials"),
        ("survey", FailureKind.EXPIRED, "RequestExpired", "", "expired_credentials"),
        ("deploy_roles", FailureKind.EXPIRED, "ExpiredTokenException", "", "expired_while_working"),
        ("survey", FailureKind.INVALID_CREDENTIALS, "InvalidClientTokenId", "", "invalid_credentials"),
        ("survey", FailureKind.INVALID_CREDENTIALS, "SignatureDoesNotMatch", "", "incomplete_paste"),
        ("survey", FailureKind.CLOCK_SKEW, "RequestTimeTooSkewed", "", "clock_skew"),
        ("survey", D, "AccessDenied", "explicit deny: AWSRevokeOlderSessions", "session_revoked"),
        ("survey", FailureKind.OURS, "session_without_mfa", "", "session_without_mfa"),
        ("survey", FailureKind.OURS, "federated_user", "", "federated_user"),
        ("survey", FailureKind.OURS, "root_user", "", "root_user"),
        ("access", D, "AccessDenied", NOT_ALLOWED + "sts:AssumeRole on resource: r", "role_not_assumable"),
        ("access", FailureKind.OURS, "role_without_external_id", "", "role_without_external_id"),
        ("access", R, "ValidationError", "exceeds the MaxSessionDuration set", "session_too_long"),
        ("access", FailureKind.NOT_ENABLED, "RegionDisabledException", "", "sts_region_disabled"),
        (
            "survey",
            D,
            "AccessDenied",
            NOT_ALLOWED + "x:Y because no identity-based policy allows the x:Y action",
            "hand_over_too_small",
        ),
        ("survey", D, "AccessDenied", "because no permissions boundary allows", "permissions_boundary"),
        ("survey", D, "AccessDenied", "because no session policy allows", "session_policy"),
        # regions: 21 to 26
        ("region_trail", ORG, "AccessDenied", "", "region_denied_by_organization"),
        ("deploy_roles", ORG, "AccessDenied", "", "denied_by_organization"),
        ("survey", FailureKind.NOT_ENABLED, "InvalidClientTokenId", "", "region_not_enabled"),
        ("survey", FailureKind.UNREACHABLE, "EndpointConnectionError", "", "region_unreachable"),
        ("survey", FailureKind.THROTTLED, "Throttling", "Rate exceeded", "throttled"),
        # the old stack: 27 to 40
        ("remove_stack", C, "ValidationError", "cannot be deleted while TerminationProtection is enabled",
         "termination_protected"),
        ("remove_stack", C, "ValidationError", "Stack [X] cannot be deleted while in status S",
         "stack_busy"),
        ("remove_stack", X, "", "Delete canceled. Cannot delete export E as it is in use by S.",
         "export_in_use"),
        ("remove_stack", R, "ValidationError", "Role arn:aws:iam::1:role/x is invalid or cannot be assumed",
         "stack_role_gone"),
        ("remove_stack", C, "DeleteConflict", "Cannot delete entity, must detach all policies first.",
         "old_role_has_attachments"),
        ("remove_stack", X, "DELETE_FAILED", "must remove roles from instance profile first.",
         "old_role_has_attachments"),
        ("remove_stack", D, "AccessDenied", NOT_ALLOWED + "iam:DeleteRole", "delete_denied"),
        ("remove_stack", FailureKind.UNREACHABLE, "ReadTimeoutError", "", "region_unreachable"),
        # the new stacks: 41 to 56
        ("deploy_roles", C, "AlreadyExistsException", "Stack [X] already exists", "name_taken"),
        ("deploy_roles", R, "InsufficientCapabilitiesException", "", "template_invalid"),
        ("deploy_roles", Q, "LimitExceededException", "", "stack_quota"),
        ("deploy_roles", Q, "LimitExceeded", "Cannot exceed quota for RolesPerAccount: 1000", "role_quota"),
        ("deploy_roles", C, "EntityAlreadyExists", "already exists in stack arn:x", "role_exists"),
        ("deploy_trails", X, "", "The runtime parameter of python2.7 is no longer supported",
         "runtime_retired"),
        ("deploy_trails", X, "", "S3 Error Code: PermanentRedirect. S3 Error Message: x", "code_unreadable"),
        ("deploy_roles", R, "ValidationError", "S3 error: Access Denied", "template_unreadable"),
        ("deploy_roles", R, "ValidationError", "Template format error: x", "template_invalid"),
        ("deploy_trails", X, "", "CloudFormation did not receive a response from your Custom Resource.",
         "installer_silent"),
        ("deploy_trails", D, "AccessDenied", NOT_ALLOWED + "lambda:InvokeFunction", "installer_not_invoked"),
        ("deploy_roles", X, "ROLLBACK_COMPLETE", "whatever", "create_failed"),
        ("deploy_roles", X, "ROLLBACK_FAILED", "whatever", "rollback_stuck"),
        ("deploy_roles", X, "UPDATE_ROLLBACK_COMPLETE", "whatever", "update_failed"),
        ("deploy_roles", R, "TokenAlreadyExistsException", "", "token_reused"),
        # trails: 57 to 69
        ("region_trail", R, "InsufficientS3BucketPolicyException", "", "bucket_policy"),
        ("region_trail", X, "CREATE_FAILED", "Incorrect S3 bucket policy is detected for bucket: X",
         "bucket_policy"),
        ("region_trail", FailureKind.NOT_FOUND, "S3BucketDoesNotExistException", "", "bucket_missing"),
        ("region_trail", R, "InsufficientSnsTopicPolicyException", "", "topic_policy"),
        ("region_trail", R, "InvalidSnsTopicNameException", "", "topic_missing"),
        ("region_trail", Q, "MaximumNumberOfTrailsExceededException", "", "too_many_trails"),
        ("region_trail", C, "TrailAlreadyExistsException", "", "trail_name_taken"),
        ("region_trail", R, "InvalidHomeRegionException", "", "wrong_home_region"),
        ("region_trail", C, "ConflictException", "", "trail_busy"),
        ("verify_region", FailureKind.OURS, "no_first_log", "", "no_first_log"),
        # the central side and verifying
        ("admit_account", D, "AccessDenied", "", "admission_denied"),
        ("admit_account", D, "AccessDenied", NOT_ALLOWED + "sts:AssumeRole on resource: r",
         "admission_denied"),
        ("admit_account", FailureKind.OURS, "NotAdmitted", "bucket policy: no", "not_admitted"),
        ("verify_roles", D, "AccessDenied", NOT_ALLOWED + "sts:AssumeRole", "audit_role_not_assumable"),
        ("survey", FailureKind.ACCOUNT_INACTIVE, "OptInRequired", "", "account_inactive"),
        ("survey", FailureKind.OURS, "NoCredentialsError", "", "portal_identity_missing"),
    ],
)  # fmt: skip
def test_what_aws_says_is_known_by_its_row(
    place: str, kind: FailureKind, code: str, message: str, expected: str
) -> None:
    assert remedy_for(make_failure(kind, code, message), place).code == expected


def test_what_waits_for_infosec_is_told_to_infosec_in_words_of_its_own() -> None:
    for remedy in REMEDIES.values():
        theirs = str(act_of_infosec(remedy))
        assert (theirs != str(remedy.act)) == (remedy.who == Who.INFOSEC), remedy.code
