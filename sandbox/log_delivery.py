"""When do the logs of a trail arrive in its bucket, and what is in them?

While a trail logs, each region it covers delivers the account's calls there as a gzipped JSON object,
`log_delivery_seconds` of the stand-in's time after it started and again after as long. The bucket's policy is
asked anew each time: an account that is no longer admitted sees `LatestDeliveryError`, as at AWS.
"""

import asyncio
import gzip
import json
import logging
import secrets
import time
from collections.abc import Sequence
from typing import Any

from ministack.core import responses
from ministack.services import s3, sns

from sandbox import admission, clock, request_log, settings, trails
from sandbox.trail_api import event
from sandbox.trails import Deliveries, Trail

logger = logging.getLogger("sandbox")

_LOOK_EVERY_SECONDS = 0.1

# A task that nobody holds may be collected.
_tasks: list[asyncio.Task[None]] = []


def _started(trail: Trail, account: str, region: str) -> dict[str, Any]:
    """The first event of a trail: its own start. Nobody else's call may ever happen in a quiet region."""
    return event(
        request_log.Entry(
            number=0,
            time=trail.started_at or time.time(),
            request_id=responses.new_uuid(),
            service="cloudtrail",
            action="StartLogging",
            writes=True,
            region=region,
            account=account,
            principal=f"arn:aws:iam::{account}:root",
            access_key_id="",
            stack="",
            resource=trail.arn,
            user_agent="cloudtrail.amazonaws.com",
            status=200,
            error="",
            fault="",
        )
    )


def object_key(trail: Trail, account: str, region: str, moment: float) -> str:
    """Where a log file of that moment lies."""
    day, minute = (
        time.strftime("%Y/%m/%d", time.gmtime(moment)),
        time.strftime("%Y%m%dT%H%MZ", time.gmtime(moment)),
    )
    unique = secrets.token_urlsafe(12).replace("-", "a").replace("_", "b")
    prefix = f"{trail.prefix}/" if trail.prefix else ""
    return (
        f"{prefix}AWSLogs/{account}/CloudTrail/{region}/{day}/"
        f"{account}_CloudTrail_{region}_{minute}_{unique}.json.gz"
    )


def _put(bucket: str, key: str, records: Sequence[dict[str, Any]]) -> str:
    """Store the log file; S3's error code, empty when it is stored."""
    owner = s3._bucket_owner_account(bucket)
    if owner is None:
        return "NoSuchBucket"
    home = s3.bucket_region(bucket) or "us-east-1"
    with responses.request_scope(owner, home):
        status, *_rest = s3._put_object(
            bucket,
            key,
            gzip.compress(json.dumps({"Records": records}).encode()),
            {
                "content-type": "application/json",
                "content-encoding": "gzip",
                "x-amz-acl": "bucket-owner-full-control",
            },
        )
    return "" if status == 200 else "InternalError"


def _notify(trail: Trail, key: str, log: Deliveries) -> None:
    if not trail.topic:
        return
    if not admission.may_publish(trail.topic, trail_arn=trail.arn, account=trail.account):
        log.notification_error = "AuthorizationError"
        return
    _arn, _aws, _sns, region, owner, _name = trail.topic.split(":")
    with responses.request_scope(owner, region):
        sns.publish_internal(trail.topic, {"s3Bucket": trail.bucket, "s3ObjectKey": [key]})
    log.notified_at, log.notification_error = time.time(), ""


def deliver(trail: Trail, account: str, region: str, log: Deliveries) -> None:
    """Try to deliver what happened in that account and region since the last time."""
    moment, seen = time.time(), request_log.last_number()
    records = [
        event(e) for e in request_log.entries(account=account, after=log.seen_request) if e.region == region
    ]
    if log.delivered_at is None:
        records.insert(0, _started(trail, account, region))
    if not records:
        log.seen_request = seen
        return
    key = object_key(trail, account, region, moment)
    log.attempted_at = moment
    if admission.may_write(trail.bucket, key, trail_arn=trail.arn, account=account):
        log.error = _put(trail.bucket, key, records)
    else:
        log.error = "AccessDenied" if s3._bucket_owner_account(trail.bucket) else "NoSuchBucket"
    if not log.error:
        log.delivered_at, log.seen_request = moment, seen
        _notify(trail, key, log)


def _is_due(log: Deliveries) -> bool:
    now, pause = clock.now(), settings.current().log_delivery_seconds
    if log.due_at is None:
        log.due_at, log.seen_request = now + pause, request_log.last_number()
        return False
    if now < log.due_at:
        return False
    log.due_at = now + max(pause, 0.5)
    return True


async def _look_round() -> None:
    for trail in trails.all_trails():
        for account, region in trail.places() if trail.logging and not trail.played else ():
            log = trail.deliveries.setdefault((account, region), Deliveries())
            if _is_due(log):
                deliver(trail, account, region, log)
                # Requests come first, however many logs are due.
                await asyncio.sleep(0)


async def _keep_looking() -> None:
    while True:
        await asyncio.sleep(_LOOK_EVERY_SECONDS)
        try:
            await _look_round()
        except Exception:
            logger.exception("log delivery failed")


def hurry(seconds: float) -> None:
    """Bring what is due later than in so many stand-in seconds forward to then: the pause was shortened."""
    for trail in trails.all_trails():
        for log in trail.deliveries.values():
            if log.due_at is not None:
                log.due_at = min(log.due_at, clock.now() + seconds)


def install() -> None:
    """Start looking for logs that are due; ministack delivers none.

    On the server's own loop: S3 walks through its objects there, and nobody may add one meanwhile.
    """
    _tasks.append(asyncio.get_running_loop().create_task(_keep_looking()))
