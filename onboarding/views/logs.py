"""How does an owner fetch their own logs, and hear of new ones? Commands with everything filled in.

They are run as they stand, by a test, against a cloud that answers as AWS does. For bash and zsh, as in AWS
CloudShell; each block leaves the shell as it was.
"""

import json
import shlex

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from onboarding.company import StorageSettings
from onboarding.models import AwsAccount
from onboarding.states import RegionState
from onboarding.views.access import visible_account

QUEUE = "my-cloudtrail-logs"


@login_required
@require_safe
def logs(request: HttpRequest, number: str) -> HttpResponse:
    account = visible_account(request, number)
    storage, region = settings.COMPANY.storage, _example_region(account)
    return render(
        request,
        "logs.html",
        {
            "account": account,
            "run": account.runs.first(),
            "region": region,
            "list_logs": list_logs(storage, account.number, region),
            "fetch_logs": fetch_logs(storage, account.number, region),
            "make_queue": make_queue(storage, account.number),
            "subscribe": subscribe(storage, account.number),
            "hear": hear(storage),
        },
    )


def _example_region(account: AwsAccount) -> str:
    """One that surely has logs: settled or not, the latest run that found where the account's stacks live."""
    latest = account.runs.exclude(home_region="").first()
    covered = account.readings.filter(state=RegionState.COVERED).values_list("region", flat=True).first()
    return (latest.home_region if latest else covered) or settings.COMPANY.storage.bucket_region


def list_logs(storage: StorageSettings, number: str, region: str) -> str:
    place = _place(storage, number, region)
    return _as_reader(
        storage, number, f"aws s3 ls --recursive --region {storage.bucket_region} \\\n  {place}"
    )


def fetch_logs(storage: StorageSettings, number: str, region: str) -> str:
    place = _place(storage, number, region)
    copy = f"aws s3 sync --region {storage.bucket_region} \\\n  {place} \\\n  ./cloudtrail-{number}-{region}/"
    return _as_reader(storage, number, copy)


def make_queue(storage: StorageSettings, number: str) -> str:
    """A queue that infosec's topic may write to, and nobody else."""
    region = _topic_region(storage)
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": _queue_arn(storage, number),
                "Condition": {"ArnEquals": {"aws:SourceArn": storage.topic_arn}},
            }
        ],
    }
    attributes = shlex.quote(json.dumps({"Policy": json.dumps(policy)}))
    return (
        f"aws sqs create-queue --region {region} \\\n  --queue-name {QUEUE} \\\n  --attributes {attributes}"
    )


def subscribe(storage: StorageSettings, number: str) -> str:
    """All accounts share the topic: the filter leaves the messages of this one."""
    own = {"s3ObjectKey": [{"prefix": f"AWSLogs/{number}/"}]}
    attributes = shlex.quote(
        json.dumps({"FilterPolicyScope": "MessageBody", "FilterPolicy": json.dumps(own)})
    )
    return (
        f"aws sns subscribe --region {_topic_region(storage)} \\\n"
        f"  --topic-arn {storage.topic_arn} \\\n"
        f"  --protocol sqs \\\n"
        f"  --notification-endpoint {_queue_arn(storage, number)} \\\n"
        f"  --attributes {attributes}"
    )


def hear(storage: StorageSettings) -> str:
    """Waits for up to 20 seconds, the longest that SQS lets one wait."""
    region = _topic_region(storage)
    return (
        f"aws sqs receive-message --region {region} --wait-time-seconds 20 \\\n"
        f"  --queue-url $(aws sqs get-queue-url --region {region} --queue-name {QUEUE} \\\n"
        f"    --query QueueUrl --output text)"
    )


def _as_reader(storage: StorageSettings, number: str, command: str) -> str:
    """The command with the reader role's credentials, in a shell of its own that ends with it."""
    role = f"arn:aws:iam::{storage.account_id}:role/{storage.reader_role_name.format(account=number)}"
    names = "AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s AWS_SESSION_TOKEN=%s"
    return (
        f'(export $(printf "{names}" \\\n'
        f"  $(aws sts assume-role --region {storage.bucket_region} --role-session-name my-logs \\\n"
        f"    --role-arn {role} \\\n"
        f"    --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]' --output text))\n"
        f"{command})"
    )


def _place(storage: StorageSettings, number: str, region: str) -> str:
    return f"s3://{storage.bucket}/AWSLogs/{number}/CloudTrail/{region}/"


def _topic_region(storage: StorageSettings) -> str:
    return storage.topic_arn.split(":")[3]


def _queue_arn(storage: StorageSettings, number: str) -> str:
    return f"arn:aws:sqs:{_topic_region(storage)}:{number}:{QUEUE}"
