"""Which actions does the stand-in offer? Whatever is not listed is refused, as AWS refuses the unknown.

An emulator that answers 200 to what it never did is worse than none: only actions that are really carried
out are listed, however many more ministack has names for.
"""

from sandbox.calls import Call
from sandbox.refusals import Refusal

_IAM = """
CreateUser GetUser ListUsers DeleteUser CreateRole GetRole ListRoles DeleteRole UpdateRole CreatePolicy
GetPolicy GetPolicyVersion
ListPolicyVersions CreatePolicyVersion DeletePolicyVersion ListPolicies DeletePolicy
ListEntitiesForPolicy AttachRolePolicy DetachRolePolicy ListAttachedRolePolicies PutRolePolicy GetRolePolicy
DeleteRolePolicy ListRolePolicies AttachUserPolicy DetachUserPolicy ListAttachedUserPolicies CreateAccessKey
ListAccessKeys DeleteAccessKey UpdateAccessKey CreateInstanceProfile DeleteInstanceProfile GetInstanceProfile
AddRoleToInstanceProfile RemoveRoleFromInstanceProfile ListInstanceProfiles ListInstanceProfilesForRole
UpdateAssumeRolePolicy UpdateRoleDescription PutRolePermissionsBoundary DeleteRolePermissionsBoundary
PutUserPermissionsBoundary DeleteUserPermissionsBoundary TagRole UntagRole ListRoleTags TagUser UntagUser
ListUserTags SimulatePrincipalPolicy SimulateCustomPolicy PutUserPolicy GetUserPolicy DeleteUserPolicy
ListUserPolicies CreateGroup GetGroup DeleteGroup ListGroups AddUserToGroup RemoveUserFromGroup
ListGroupsForUser AttachGroupPolicy DetachGroupPolicy ListAttachedGroupPolicies PutGroupPolicy GetGroupPolicy
DeleteGroupPolicy ListGroupPolicies GetAccountAuthorizationDetails ListAccountAliases CreateAccountAlias
DeleteAccountAlias TagPolicy UntagPolicy ListPolicyTags
"""
_STS = "GetCallerIdentity AssumeRole GetSessionToken GetFederationToken GetAccessKeyInfo"
_CLOUDFORMATION = """
CreateStack DescribeStacks ListStacks DeleteStack UpdateStack DescribeStackEvents DescribeStackResource
DescribeStackResources ListStackResources GetTemplate ValidateTemplate ListExports ListImports CreateChangeSet
DescribeChangeSet ExecuteChangeSet DeleteChangeSet ListChangeSets GetTemplateSummary
UpdateTerminationProtection SetStackPolicy GetStackPolicy CancelUpdateStack ContinueUpdateRollback
RollbackStack
"""
_S3 = """
CreateBucket DeleteBucket ListAllMyBuckets ListBucket ListBucketVersions GetBucketLocation GetBucketPolicy
PutBucketPolicy DeleteBucketPolicy GetBucketPolicyStatus GetBucketVersioning PutBucketVersioning GetBucketAcl
PutBucketAcl GetObject GetObjectVersion PutObject DeleteObject DeleteObjectVersion GetObjectAcl PutObjectAcl
GetObjectTagging PutObjectTagging DeleteObjectTagging GetBucketTagging PutBucketTagging HeadBucket HeadObject
GetBucketPublicAccessBlock PutBucketPublicAccessBlock GetEncryptionConfiguration PutEncryptionConfiguration
GetBucketOwnershipControls PutBucketOwnershipControls ListBucketMultipartUploads AbortMultipartUpload
GetObjectAttributes ListMultipartUploadParts
"""
_SNS = """
CreateTopic DeleteTopic ListTopics GetTopicAttributes SetTopicAttributes AddPermission RemovePermission
Subscribe Unsubscribe ListSubscriptions ListSubscriptionsByTopic GetSubscriptionAttributes
SetSubscriptionAttributes Publish ListTagsForResource TagResource UntagResource
"""
# Ministack asks the queue's policy of every delivery, as AWS does.
_SQS = """
CreateQueue DeleteQueue GetQueueUrl GetQueueAttributes SetQueueAttributes SendMessage ReceiveMessage
DeleteMessage
"""
_LAMBDA = """
CreateFunction GetFunction GetFunctionConfiguration UpdateFunctionCode UpdateFunctionConfiguration
DeleteFunction ListFunctions InvokeFunction AddPermission RemovePermission GetPolicy ListTags TagResource
UntagResource ListVersionsByFunction PublishVersion
"""
_CLOUDTRAIL = """
CreateTrail UpdateTrail DeleteTrail GetTrail DescribeTrails ListTrails GetTrailStatus StartLogging StopLogging
PutEventSelectors GetEventSelectors AddTags ListTags RemoveTags LookupEvents
"""
_LOGS = """
CreateLogGroup DeleteLogGroup DescribeLogGroups CreateLogStream DeleteLogStream DescribeLogStreams
PutLogEvents GetLogEvents FilterLogEvents PutRetentionPolicy DeleteRetentionPolicy TagResource UntagResource
ListTagsForResource
"""

OFFERED: dict[str, frozenset[str]] = {
    "iam": frozenset(_IAM.split()),
    "sts": frozenset(_STS.split()),
    "cloudformation": frozenset(_CLOUDFORMATION.split()),
    "cloudtrail": frozenset(_CLOUDTRAIL.split()),
    "s3": frozenset(_S3.split()),
    "sns": frozenset(_SNS.split()),
    "sqs": frozenset(_SQS.split()),
    "lambda": frozenset(_LAMBDA.split()),
    "logs": frozenset(_LOGS.split()),
    "account": frozenset({"ListRegions", "GetRegionOptStatus"}),
    "organizations": frozenset({"DescribeOrganization", "DescribeAccount", "ListAccounts"}),
    "ec2": frozenset({"DescribeRegions"}),
}


def refusal(call: Call) -> Refusal | None:
    """What a call is answered when its action, or its whole service, isn't offered; None when it is."""
    if call.action in OFFERED.get(call.service, ()):
        return None
    if call.service == "s3":
        return Refusal(
            "NotImplemented", "A header you provided implies functionality that is not implemented.", 501
        )
    if call.service == "ec2":
        return Refusal("InvalidAction", f"The action {call.action} is not valid for this web service.", 400)
    if "x-amz-target" in call.headers:
        return Refusal(
            "UnknownOperationException", f"The stand-in does not offer {call.service}:{call.action}.", 400
        )
    if call.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return Refusal("InvalidAction", f"Could not find operation {call.action} for {call.service}.", 400)
    return Refusal(
        "UnknownOperationException", f"The stand-in does not offer {call.service}:{call.action}.", 404
    )
