"""Who is the worker in the stand-in cloud? Prints it as boto3's `credential_process` wants to read it.

For the containers of the demo; `make demo` puts the same into the worker's environment.
"""

import json
import sys
import tomllib

from demo.cloud import StandIn
from demo.stack import COMPANY_FILE


def main(address: str) -> None:
    role = tomllib.loads(COMPANY_FILE.read_text())["portal"]["worker_principal_arn"]
    identity = StandIn(address).credentials("worker", role_arn=role, duration_seconds=3600)
    print(json.dumps({"Version": 1} | {name: value for name, value in identity.items() if name != "Arn"}))


if __name__ == "__main__":
    main(sys.argv[1])
