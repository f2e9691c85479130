"""How would the straightforward script do it? boto3 and its waiters, one region after the other.

Written as one would write it for an account of one's own: find and delete the old stack, deploy the roles,
then one stack with a trail in each region, and look whether each logs. Nothing is made slower than it must
be; the waiters are boto3's, with the delays that they come with.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3

from onboarding.blueprint import Blueprint, roles_parameters
from sandbox.client import Sandbox

Client = Callable[[str, str], Any]


def client_of(cloud: Sandbox, account: str) -> Client:
    """Clients with the session of the account's administrator."""
    keys: dict[str, Any] = dict(cloud.credentials(account=account, duration_seconds=7200).for_boto3())
    session: Any = boto3.session.Session(**keys)
    made: dict[tuple[str, str], Any] = {}

    def client(service: str, region: str) -> Any:
        if (service, region) not in made:
            made[service, region] = session.client(service, region_name=region, endpoint_url=cloud.url)
        return made[service, region]

    return client


def find_and_delete_old(client: Client, region: str, blueprint: Blueprint) -> None:
    """Delete the region's old stack, if it has one."""
    cloudformation = client("cloudformation", region)
    for page in cloudformation.get_paginator("list_stacks").paginate(
        StackStatusFilter=["CREATE_COMPLETE", "UPDATE_COMPLETE"]
    ):
        for stack in page["StackSummaries"]:
            if stack["StackName"] in blueprint.company.old.stack_names:
                cloudformation.delete_stack(StackName=stack["StackId"])
                cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack["StackId"])


def _create(cloudformation: Any, name: str, body: str, parameters: dict[str, str]) -> None:
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=body,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name)


def deploy_roles(client: Client, blueprint: Blueprint) -> None:
    roles = blueprint.roles
    _create(
        client("cloudformation", "us-west-2"),
        roles.stack_name,
        roles.template.body,
        roles_parameters(blueprint),
    )


def cover_region(client: Client, region: str, blueprint: Blueprint) -> None:
    """One region: its stack, and a look whether its trail logs."""
    storage = blueprint.company.storage
    parameters = {"BucketName": storage.bucket, "TopicArn": storage.topic_arn}
    name = blueprint.company.trails.regional_stack_name
    _create(client("cloudformation", region), name, blueprint.regional_template.body, parameters)
    if not _trail(client, region, storage.bucket)["IsLogging"]:
        raise RuntimeError(f"{region} does not log.")


def wait_for_log(client: Client, region: str, blueprint: Blueprint) -> None:
    """The first log: there is no waiter for it."""
    while "LatestDeliveryTime" not in _trail(client, region, blueprint.company.storage.bucket):
        time.sleep(10)


def _trail(client: Client, region: str, bucket: str) -> dict[str, Any]:
    cloudtrail = client("cloudtrail", region)
    found = [trail for trail in cloudtrail.describe_trails()["trailList"] if trail["S3BucketName"] == bucket]
    status: dict[str, Any] = cloudtrail.get_trail_status(Name=found[0]["TrailARN"])
    return status


def seconds(
    cloud: Sandbox, account: str, regions: Sequence[str], blueprint: Blueprint, *, one_by_one: bool
) -> float:
    """What the script takes. Each region's part is timed by itself and the times added up.

    Nothing in one region waits for another, so unless `one_by_one` the parts are run beside one another: the
    sum is the same, and is there within minutes.
    """
    client = client_of(cloud, account)
    for region in regions:
        for service in ("cloudformation", "cloudtrail"):
            client(service, region)

    def timed(act: Callable[[], None]) -> float:
        start = time.monotonic()
        act()
        return time.monotonic() - start

    def region_by_region(act: Callable[[Client, str, Blueprint], None]) -> float:
        def part(region: str) -> float:
            return timed(lambda: act(client, region, blueprint))

        with ThreadPoolExecutor(1 if one_by_one else len(regions)) as pool:
            return sum(pool.map(part, regions))

    taken = region_by_region(find_and_delete_old)
    taken += timed(lambda: deploy_roles(client, blueprint))
    taken += region_by_region(cover_region)
    # By now only the last region's log can still be missing.
    return taken + timed(lambda: wait_for_log(client, regions[-1], blueprint))
