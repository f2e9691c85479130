"""Is it true? Asks the stand-in cloud itself, as the account's owner with boto3, and believes no page."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from botocore.exceptions import ClientError

from demo.owner import Owner
from onboarding.company import Company


@dataclass(frozen=True, slots=True)
class OldRole:
    """What the run must remove: a stack, and the role that it made."""

    region: str
    stack_name: str
    stack_id: str
    role_name: str


@dataclass(frozen=True, slots=True)
class Claim:
    words: str
    holds: bool
    seen: str = ""

    def __str__(self) -> str:
        return (
            f"  {'yes' if self.holds else 'NO '}  {self.words}{'' if self.holds else f' (seen: {self.seen})'}"
        )


def find_old_role(owner: Owner, company: Company) -> OldRole | None:
    """The old stack, wherever it is and whatever it is called: known by the role that it holds."""
    for region in owner.enabled_regions():
        cloudformation = owner.client("cloudformation", region)
        for stack in owner.stacks(region):
            resources = cloudformation.describe_stack_resources(StackName=stack["StackId"])["StackResources"]
            for resource in resources:
                if resource["LogicalResourceId"] in company.old.role_logical_ids:
                    role_name = resource["PhysicalResourceId"]
                    return OldRole(region, stack["StackName"], stack["StackId"], role_name)
    return None


def claims(owner: Owner, company: Company, old: OldRole | None) -> list[Claim]:
    """What must be true of an account that the portal calls verified."""
    found: list[Claim] = []
    if old is not None:
        status = owner.stack_status(old.region, old.stack_id)
        found.append(
            Claim(
                f"the old stack {old.stack_name} in {old.region} is gone", status == "DELETE_COMPLETE", status
            )
        )
        found.append(
            Claim(f"its role {old.role_name} is gone", not owner.has_role(old.role_name), "it is there")
        )
    regions = owner.enabled_regions()
    with ThreadPoolExecutor(8) as pool:
        stacks = dict(zip(regions, pool.map(owner.stacks, regions), strict=True))
        homes = {
            name: [
                (region, stack["StackStatus"])
                for region in regions
                for stack in stacks[region]
                if stack["StackName"] == name
            ]
            for name in (company.roles.stack_name, company.trails.parent_stack_name)
        }
        for name, where in homes.items():
            is_right = [status for _, status in where] == ["CREATE_COMPLETE"] and where[0][
                0
            ] in company.home.regions
            found.append(Claim(f"{name} is CREATE_COMPLETE in exactly one home region", is_right, str(where)))
        places = {region for where in homes.values() for region, _ in where}
        found.append(Claim("both are in the same home region", len(places) == 1, ", ".join(sorted(places))))
        found += pool.map(lambda region: _region_claim(owner, company, region, stacks[region]), regions)
    found.append(_elsewhere(owner, regions))
    return found


def _region_claim(owner: Owner, company: Company, region: str, stacks: list[dict[str, str]]) -> Claim:
    """The regional stack and its trail, logging to the central bucket, with a first log delivered."""
    words = f"{region}: stack complete, trail logging to {company.storage.bucket}, first log delivered"
    ours = [
        stack["StackStatus"] for stack in stacks if stack["StackName"] == company.trails.regional_stack_name
    ]
    if ours not in (["CREATE_COMPLETE"], ["UPDATE_COMPLETE"]):
        return Claim(words, holds=False, seen=f"stack {ours}")
    cloudtrail = owner.client("cloudtrail", region)
    trails = [
        trail
        for trail in cloudtrail.describe_trails(includeShadowTrails=False)["trailList"]
        if trail["S3BucketName"] == company.storage.bucket and trail["HomeRegion"] == region
    ]
    if len(trails) != 1:
        return Claim(words, holds=False, seen=f"{len(trails)} trails")
    status = cloudtrail.get_trail_status(Name=trails[0]["TrailARN"])
    holds = status["IsLogging"] and "LatestDeliveryTime" in status and not status.get("LatestDeliveryError")
    return Claim(
        words, holds=bool(holds), seen=f"logging: {status['IsLogging']}, {status.get('LatestDeliveryTime')}"
    )


def _elsewhere(owner: Owner, enabled: tuple[str, ...]) -> Claim:
    """Regions that are not enabled answer nobody, so there can be nothing in them."""
    known = owner.client("account", "us-east-1").get_paginator("list_regions").paginate()
    others = sorted({region["RegionName"] for page in known for region in page["Regions"]} - set(enabled))
    answering: list[str] = []
    for region in others:
        try:
            owner.client("cloudtrail", region).describe_trails()
        except ClientError:
            continue
        answering.append(region)
    words = f"nothing in the {len(others)} regions that are not enabled"
    return Claim(words, holds=bool(others) and not answering, seen=", ".join(answering))
