"""How does an owner fetch their own logs, and hear of new ones? Commands with everything filled in."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from onboarding.company import StorageSettings
from onboarding.states import RegionState
from onboarding.views.access import visible_account


@login_required
@require_safe
def logs(request: HttpRequest, number: str) -> HttpResponse:
    account = visible_account(request, number)
    # Settled or not, the latest run that has found where the account's stacks live.
    latest = account.runs.exclude(home_region="").first()
    covered = account.readings.filter(state=RegionState.COVERED).values_list("region", flat=True).first()
    example = latest.home_region if latest else covered
    storage = settings.COMPANY.storage
    return render(
        request,
        "logs.html",
        {
            "account": account,
            "run": account.runs.first(),
            "assume": _assume(storage, account.number),
            "fetch": _fetch(storage, account.number, example or storage.bucket_region),
            "subscribe": _subscribe(storage, account.number),
        },
    )


def _assume(storage: StorageSettings, number: str) -> str:
    role = f"arn:aws:iam::{storage.account_id}:role/{storage.reader_role_name.format(account=number)}"
    return f"aws sts assume-role --role-session-name my-logs \\\n  --role-arn {role}"


def _fetch(storage: StorageSettings, number: str, region: str) -> str:
    logs = f"s3://{storage.bucket}/AWSLogs/{number}/CloudTrail/{region}/"
    return (
        f"aws s3 ls --recursive --region {storage.bucket_region} \\\n  {logs}\n"
        f"aws s3 sync --region {storage.bucket_region} \\\n  {logs} \\\n"
        f"  ./cloudtrail-{number}-{region}/"
    )


def _subscribe(storage: StorageSettings, number: str) -> str:
    region = storage.topic_arn.split(":")[3]
    return (
        f"aws sns subscribe --region {region} \\\n"
        f"  --topic-arn {storage.topic_arn} \\\n"
        f"  --protocol sqs \\\n"
        f"  --notification-endpoint arn:aws:sqs:{region}:{number}:my-cloudtrail-logs"
    )
