"""Who is the worker in the stand-in cloud? Prints it as boto3's `credential_process` wants to read it.

For the containers of the demo; `make demo` puts the same into the worker's environment.
"""

import json
import sys
import tomllib

from demo.stack import COMPANY_FILE
from sandbox.client import Sandbox


def main(address: str) -> None:
    role = tomllib.loads(COMPANY_FILE.read_text())["portal"]["worker_principal_arn"]
    identity = Sandbox(address).credentials(kind="worker", role_arn=role, duration_seconds=3600)
    print(json.dumps({"Version": 1, **identity.for_json()}))


if __name__ == "__main__":
    main(sys.argv[1])
