"""What does an account's owner do at AWS? Through boto3, with an administrator's session in the account."""

import time
from threading import Lock
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.client import Sandbox


class Owner:
    """The owner of one account of the stand-in cloud."""

    def __init__(self, cloud: Sandbox, account: str) -> None:
        self.cloud = cloud
        self.account = account
        keys: dict[str, Any] = cloud.credentials(account=account).for_boto3()
        # One session for all clients: each loads its services' models once.
        self._session = boto3.session.Session(**keys)
        self._clients: dict[tuple[str, str], Any] = {}
        self._making = Lock()

    def enabled_regions(self) -> tuple[str, ...]:
        known = self.cloud.accounts()
        return tuple(
            next(account["enabled_regions"] for account in known if account["number"] == self.account)
        )

    def client(self, service: str, region: str) -> Any:
        with self._making:
            if (service, region) not in self._clients:
                make: Any = self._session.client
                config = Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 2})
                self._clients[service, region] = make(
                    service, region_name=region, endpoint_url=self.cloud.url, config=config
                )
            return self._clients[service, region]

    def create_hand_over_role(self, template: str, *, region: str, stack_name: str) -> None:
        """Create the stack that the wizard offers, as its template is; returns when it is complete."""
        cloudformation = self.client("cloudformation", region)
        stack_id = cloudformation.create_stack(
            StackName=stack_name, TemplateBody=template, Capabilities=["CAPABILITY_NAMED_IAM"]
        )["StackId"]
        while (status := self.stack_status(region, stack_id)) == "CREATE_IN_PROGRESS":
            time.sleep(0.1)
        if status != "CREATE_COMPLETE":
            raise RuntimeError(f"The hand-over stack is {status}.")

    def stacks(self, region: str) -> list[dict[str, Any]]:
        """The stacks of a region that are not deleted."""
        listed = self.client("cloudformation", region).get_paginator("describe_stacks").paginate()
        return [stack for page in listed for stack in page["Stacks"]]

    def stack_status(self, region: str, stack_id: str) -> str:
        found = self.client("cloudformation", region).describe_stacks(StackName=stack_id)
        return str(found["Stacks"][0]["StackStatus"])

    def has_role(self, name: str) -> bool:
        try:
            self.client("iam", "us-east-1").get_role(RoleName=name)
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchEntity":
                return False
            raise
        return True
