"""How tests hand the control client's credentials to boto3, and read AWS's answers."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.client import Credentials


def keys(credentials: Credentials) -> dict[str, str]:
    """As `client(…, credentials=…)` takes them."""
    found = {
        "AccessKeyId": credentials.access_key_id,
        "SecretAccessKey": credentials.secret_access_key,
        "SessionToken": credentials.session_token,
    }
    return {name: value for name, value in found.items() if value}


def refused(act: Callable[..., Any], **arguments: Any) -> tuple[str, str]:
    """The code and message with which AWS refuses this."""
    with pytest.raises(ClientError) as failure:
        act(**arguments)
    error = failure.value.response["Error"]
    return error["Code"], error["Message"]


def eventually(look: Callable[[], Any], seconds: float = 10) -> Any:
    """What `look` finds once it finds something; fails when it never does."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError("it never happened")
