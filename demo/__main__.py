"""`make demo`: start everything, say how to use it, and stop everything at Ctrl-C."""

import argparse
import signal
import sys
import time
from pathlib import Path

from demo.people import OWNER, STAFF
from demo.processes import DidNotStart, port_or_another
from demo.stack import ROOT, Options, Stack, running


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo", description="The portal with a stand-in for AWS.")
    parser.add_argument(
        "--web-port", type=int, default=8000, help="another free one is taken when it is in use"
    )
    parser.add_argument("--cloud-port", type=int, default=4599, help="the same")
    parser.add_argument(
        "--speed", type=float, default=15, help="how many times faster than AWS stacks are made"
    )
    parser.add_argument("--directory", type=Path, default=ROOT / ".run" / "demo", help="database and logs")
    return parser.parse_args()


def _introduce(stack: Stack, options: Options) -> None:
    accounts = [account for account in stack.cloud.accounts() if account["role"] == "owner"]
    listed = "\n".join(f"    {account['number']}  {account['name']}" for account in accounts)
    print(f"""
The portal is ready: {stack.address}

  Sign in as an account owner   {OWNER.email}   {OWNER.password}
  or as infosec staff           {STAFF.email}   {STAFF.password}
    They need a second factor. Put this key into an authenticator app:  {STAFF.authenticator_seed}
    (or a passkey of their own, at {stack.address.replace("127.0.0.1", "localhost")}: passkeys need a name),
    or let the terminal say the present code:  {sys.executable} -m demo.people code

  AWS accounts in the stand-in cloud (its clock runs {options.speed:g} times as fast):
{listed}

  To play the account's owner at AWS, open the stand-in's console: {stack.cloud.url}/_sandbox/
  Choose the account there. Either create the hand-over role from the template that the portal gives you,
  then go on in the portal; or get temporary credentials there and paste those into the portal.

  Logs: {stack.processes.logs}
  Ctrl-C stops everything; nothing is kept.
""")


def _watch(stack: Stack) -> int:
    """Stay until told to stop; 1 when a process ended by itself."""
    while (name := stack.processes.ended()) is None:
        time.sleep(0.5)
    print(f"{name} ended by itself.\n{stack.processes.tail(name)}", file=sys.stderr)
    return 1


def main() -> int:
    arguments = _arguments()
    # A closed terminal or a supervisor's stop ends the demo as Ctrl-C does; a shell that starts it in the
    # background would have it ignore even that.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    options = Options(
        directory=arguments.directory,
        web_port=port_or_another(arguments.web_port),
        cloud_port=port_or_another(arguments.cloud_port),
        speed=arguments.speed,
    )
    try:
        with running(options) as stack:
            _introduce(stack, options)
            return _watch(stack)
    except DidNotStart as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.")
        return 0


if __name__ == "__main__":
    sys.exit(main())
