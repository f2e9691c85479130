"""Whose hands does the stand-in use when it seeds? boto3 clients that call the stand-in itself over HTTP.

An account's root key is its own number, which ministack accepts without a signature: for seeding and nothing
else. Calls made this way carry a mark and stay out of the request log.
"""

import os
import threading
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from sandbox import minting
from sandbox.request_log import SEEDING

# One session for all: each new one reads the models of the services again. Making clients isn't thread-safe.
_session: Any = boto3.session.Session()
_making = threading.Lock()


def _make(service: str, region: str, **keys: Any) -> Any:
    with _making:
        return _session.client(
            service, region_name=region, endpoint_url=os.environ["AWS_ENDPOINT_URL"], **keys
        )


@cache
def _root(account: str, service: str, region: str) -> Any:
    config = Config(
        user_agent_extra=SEEDING,
        retries={"mode": "standard", "total_max_attempts": 2},
        s3={"addressing_style": "path"},
    )
    return _make(service, region, aws_access_key_id=account, aws_secret_access_key="test", config=config)


class Hands:
    """Acts in any account as its root. Blocking: never on the server's own loop."""

    def root(self, account: str, service: str, region: str = "us-east-1") -> Any:
        """A client with every right in the account."""
        return _root(account, service, region)

    def owner(self, account: str, service: str, region: str = "us-east-1") -> Any:
        """A client with the session of the account's administrator: its acts stand in the request log."""
        minted = minting.mint("role", account=account, session_name="console")
        return _make(
            service,
            region,
            aws_access_key_id=minted.access_key_id,
            aws_secret_access_key=minted.secret_access_key,
            aws_session_token=minted.session_token,
        )

    def create_stack(
        self,
        account: str,
        region: str,
        name: str,
        template: str,
        *,
        parameters: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        wait: bool = True,
        **more: Any,
    ) -> str:
        """Create a stack and, with `wait`, see it settle, well or not. Its id."""
        cloudformation = self.root(account, "cloudformation", region)
        stack_id: str = cloudformation.create_stack(
            StackName=name,
            TemplateBody=template,
            Capabilities=["CAPABILITY_NAMED_IAM"],
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in (parameters or {}).items()],
            Tags=[{"Key": k, "Value": v} for k, v in (tags or {}).items()],
            **more,
        )["StackId"]
        if wait:
            self.settle(account, region, stack_id)
        return stack_id

    def settle(self, account: str, region: str, stack_id: str) -> str:
        """Wait until nothing happens to the stack any more; its status."""
        cloudformation = self.root(account, "cloudformation", region)
        until = time.monotonic() + 120
        while time.monotonic() < until:
            status: str = cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"]
            if not status.endswith("IN_PROGRESS"):
                return status
            time.sleep(0.03)
        raise TimeoutError(f"{stack_id} does not settle")
