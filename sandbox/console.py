"""How does a person play the account owner? Pages under `/_sandbox/`; `console_pages` says how they look.

The owner acts with an administrator's session in the account, through the stand-in's own API, so what is done
here meets the same checks as anything else and stands in the request log.
"""

import json
from collections.abc import Mapping
from html import escape
from urllib.parse import parse_qs, quote, urlencode

from botocore.exceptions import BotoCoreError, ClientError

from sandbox import accounts, clock, console_pages, log_delivery, minting, seeds, settings
from sandbox.accounts import Account
from sandbox.refusals import Answer

Form = Mapping[str, str]


class NoPage(LookupError):
    """There is no such page."""


def _see(path: str, **said: str) -> Answer:
    return 303, {"Location": f"/_sandbox/{path}?{urlencode(said)}" if said else f"/_sandbox/{path}"}, b""


def _account(number: str) -> Account:
    found = next((a for a in accounts.known() if a.number == number), None)
    if found is None:
        raise NoPage(number)
    return found


def _hand_over(account: Account, form: Form) -> str:
    company = seeds.company()
    if not form.get("template", "").strip():
        return _role_by_hand(account, form)
    parameters = {
        "ExternalId": form.get("external_id", "").strip(),
        "ExpiresAt": form.get("expires_at", "").strip(),
    }
    stacks = seeds.hands.owner(account.number, "cloudformation", company.home_region)
    wanted = {
        p["ParameterKey"] for p in stacks.get_template_summary(TemplateBody=form["template"])["Parameters"]
    }
    asked = {
        "StackName": company.handover_stack_name,
        "TemplateBody": form["template"],
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
        # What is left empty is as the template has it: the wizard's file is filled in already.
        "Parameters": [
            {"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items() if v and k in wanted
        ],
    }
    try:
        stack_id = stacks.create_stack(**asked)["StackId"]
    except stacks.exceptions.AlreadyExistsException:
        # A second hand-over, with another ExternalId: people change the stack that they have.
        stack_id = stacks.update_stack(**asked)["StackId"]
    status = seeds.hands.settle(account.number, company.home_region, stack_id)
    return f"The stack {company.handover_stack_name} is {status}."


def _role_by_hand(account: Account, form: Form) -> str:
    iam = seeds.hands.owner(account.number, "iam")
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"AWS": form.get("principal", "").strip()},
                "Condition": {"StringEquals": {"sts:ExternalId": form.get("external_id", "").strip()}},
            }
        ],
    }
    name = form.get("role_name", "").strip()
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    iam.attach_role_policy(RoleName=name, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    return f"The role {name} exists."


def _set_clock(form: Form) -> Answer:
    clock.set_speed(float(form.get("speed", "1")))
    settings.change(log_delivery_seconds=float(form.get("log_delivery_seconds", "60")))
    log_delivery.hurry(settings.current().log_delivery_seconds)
    return _see("")


def _answer(method: str, path: str, query: Form, form: Form) -> Answer:
    match (method, path.split("/")):
        case ("GET", [""]):
            return console_pages.front()
        case ("POST", ["clock"]):
            return _set_clock(form)
        case ("GET", ["accounts", number]):
            return console_pages.account(_account(number), query.get("said", ""))
        case ("POST", ["accounts", number, "handover"]):
            try:
                said = _hand_over(_account(number), form)
            except (ClientError, BotoCoreError) as error:
                said = f"AWS refused: {error}"
            return _see(f"console/accounts/{quote(number)}", said=said)
        case ("POST", ["accounts", number, "credentials"]):
            account = _account(number)
            minutes = float(form.get("minutes", "60"))
            minted = minting.mint(
                form.get("kind", "role"), account=account.number, duration_seconds=minutes * 60
            )
            return console_pages.credentials(account, minted.document())
        case _:
            raise NoPage(path)


def handle(method: str, path: str, query: Form, body: bytes) -> Answer:
    """Answer one request to a page; `path` is what follows `/_sandbox/console/`. Blocking."""
    form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
    try:
        return _answer(method, path, query, form)
    except NoPage:
        return console_pages.page("Not found", "<h1>There is no such page</h1>", 404)
    except (ValueError, LookupError) as error:
        return console_pages.page(
            "Not possible", f"<h1>That is not possible</h1><p>{escape(str(error))}</p>", 400
        )
