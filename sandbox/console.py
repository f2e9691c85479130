"""How does a person play the account owner? Pages that work without JavaScript, under `/_sandbox/`.

The owner acts with an administrator's session in the account, through the stand-in's own API, so what is done
here meets the same checks as anything else and stands in the request log.
"""

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import parse_qs, quote, urlencode

from botocore.exceptions import BotoCoreError, ClientError

from sandbox import accounts, clock, credentials, log_delivery, regions, seeds, settings, trails
from sandbox.accounts import Account
from sandbox.refusals import Answer

_PAGE = Template((Path(__file__).parent / "console.html").read_text(encoding="utf-8"))

Form = Mapping[str, str]

_KINDS = {
    "role": "a role's session (what the portal prefers)",
    "session-mfa": "a user's session with MFA",
    "session": "a user's session without MFA (can't manage IAM)",
    "federation": "a federation token (can't manage IAM)",
    "long-lived": "a user's long-term key (must be refused)",
    "root": "the root user's session (must be refused)",
}


class NoPage(LookupError):
    """There is no such page."""


def _page(title: str, body: str, status: int = 200) -> Answer:
    text = _PAGE.substitute(title=escape(title), body=body)
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
        "Referrer-Policy": "no-referrer",
        "X-Frame-Options": "DENY",
    }
    return status, headers, text.encode()


def _see(path: str, **said: str) -> Answer:
    return 303, {"Location": f"/_sandbox/{path}?{urlencode(said)}" if said else f"/_sandbox/{path}"}, b""


def _status(word: str) -> str:
    kind = "bad" if "ROLLBACK" in word or "FAILED" in word else "good" if word.endswith("_COMPLETE") else ""
    return f'<span class="{kind}">{escape(word)}</span>'


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]], nothing: str) -> str:
    if not rows:
        return f'<p class="hint">{nothing}</p>'
    head = "".join(f"<th scope=col>{name}</th>" for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _front() -> Answer:
    owners = "".join(
        f'<section class="card"><h2><a href="/_sandbox/console/accounts/{a.number}">'
        f'{escape(a.name or "Account")}</a></h2><p class="number">{a.number}</p>'
        f'<p class="hint">{escape(a.alias) or "no alias"} · {len(regions.enabled(a.number))} regions enabled</p></section>'
        for a in accounts.known()
        if a.role == "owner"
    )
    central = _table(
        ("Account", "What it is"),
        [
            (f'<a class="number" href="/_sandbox/console/accounts/{a.number}">{a.number}</a>', escape(a.name))
            for a in accounts.known()
            if a.role != "owner"
        ],
        "none",
    )
    now = settings.current()
    return _page(
        "Accounts",
        f"""
<h1>Whose account do you want to play?</h1>
<p class="lead">Choose one, hand it over to the portal, and watch what the portal does in it.</p>
<div class="cards">{owners or '<p class="hint">No owner accounts yet: play the scenario “demo”.</p>'}</div>
<section class="card"><h2>Time</h2>
<form method="post" action="/_sandbox/console/clock"><div class="row">
<div><label for="speed">Stacks live this many times faster</label>
<input id="speed" name="speed" type="number" min="0.1" max="1000" step="any" value="{clock.speed():g}"></div>
<div><label for="delivery">First log after (seconds of that time)</label>
<input id="delivery" name="log_delivery_seconds" type="number" min="0" step="any" value="{now.log_delivery_seconds:g}"></div>
<div><button>Set the clock</button></div></div></form></section>
<section class="card"><h2>Infosec's side</h2>{central}</section>""",
    )


def _account(number: str) -> Account:
    found = next((a for a in accounts.known() if a.number == number), None)
    if found is None:
        raise NoPage(number)
    return found


def _handover_form(account: Account) -> str:
    company, here = seeds.company(), f"/_sandbox/console/accounts/{account.number}"
    return f"""<section class="card" id="handover"><h2>Hand the account over with a role</h2>
<p class="hint">Paste the hand-over template that the wizard shows, with the ExternalId and the time it names.
It becomes the stack {escape(company.handover_stack_name)} in {escape(company.home_region)}.</p>
<form method="post" action="{here}/handover">
<label for="template">Hand-over template</label><textarea id="template" name="template" rows="5"></textarea>
<div class="row"><div><label for="external_id">ExternalId</label>
<input id="external_id" name="external_id" autocomplete="off" spellcheck="false"></div>
<div><label for="expires_at">Expires at (UTC), as in 2027-01-31T12:00:00Z</label>
<input id="expires_at" name="expires_at" autocomplete="off"></div></div>
<details><summary>Without a template: a role made by hand</summary>
<p class="hint">Leave the template empty. The role gets an administrator's rights and trusts the principal with that
ExternalId.</p><div class="row">
<div><label for="role_name">Role name</label>
<input id="role_name" name="role_name" value="{escape(company.handover_role_name)}"></div>
<div><label for="principal">Trusted principal</label>
<input id="principal" name="principal" value="{escape(company.worker_role_arn)}"></div></div></details>
<button>Create the role</button></form></section>"""


def _credentials_form(account: Account) -> str:
    options = "".join(f'<option value="{kind}">{text}</option>' for kind, text in _KINDS.items())
    return f"""<section class="card" id="credentials"><h2>Or get temporary credentials to paste</h2>
<form method="post" action="/_sandbox/console/accounts/{account.number}/credentials"><div class="row">
<div><label for="kind">Kind</label><select id="kind" name="kind">{options}</select></div>
<div><label for="minutes">Valid for (minutes)</label>
<input id="minutes" name="minutes" type="number" min="0.1" max="720" step="any" value="60"></div>
<div><button>Get credentials</button></div></div></form></section>"""


def _stacks(account: Account) -> str:
    rows = []
    for region in regions.enabled(account.number):
        rows += [
            (region, escape(s["StackName"]), _status(s["StackStatus"]))
            for s in seeds.hands.stack_ids(account.number, region)
        ]
    return _table(("Region", "Stack", "Status"), rows, "No stacks in any region.")


def _trails(account: Account) -> str:
    rows = []
    for region in regions.enabled(account.number):
        for trail in trails.visible(account.number, region):
            log = trail.deliveries.get((account.number, region)) or trails.Deliveries()
            state = (
                '<span class="good">logging</span>' if trail.logging else '<span class="bad">stopped</span>'
            )
            delivery = (
                f'<span class="bad">{escape(log.error)}</span>'
                if log.error
                else "delivered"
                if log.delivered_at
                else "no log yet"
            )
            where = "" if trail.home_region == region else f" (home: {trail.home_region})"
            rows.append((region, escape(trail.name + where), escape(trail.bucket), state, delivery))
    return _table(("Region", "Trail", "Bucket", "State", "Logs"), rows, "No trails in any region.")


def _role_arn(account: Account) -> str:
    company = seeds.company()
    roles = seeds.hands.root(account.number, "iam").list_roles()["Roles"]
    found = [r["Arn"] for r in roles if r["RoleName"].startswith(company.handover_role_name)]
    return (
        f'<p>Its hand-over role, to copy into the wizard:</p><pre id="role-arn">{escape(found[0])}</pre>'
        if found
        else ""
    )


def _show_account(number: str, query: Form) -> Answer:
    account = _account(number)
    said = query.get("said", "")
    note = f'<section class="card note" role="status">{escape(said)}</section>' if said else ""
    opted_in = ", ".join(regions.opted_in(number)) or "none"
    off = len(regions.ALL_REGIONS) - len(regions.enabled(number))
    return _page(
        account.name or number,
        f"""
<h1>{escape(account.name or "Account")}</h1><p class="lead"><span class="number">{number}</span></p>{note}
{_role_arn(account)}{_handover_form(account)}{_credentials_form(account)}
<section class="card"><h2>Stacks now</h2>{_stacks(account)}</section>
<section class="card"><h2>Trails now</h2>{_trails(account)}</section>
<section class="card"><h2>Regions</h2><p>{len(regions.enabled(number))} enabled, {off} not. Opted in: {escape(opted_in)}.</p></section>""",
    )


def _hand_over(account: Account, form: Form) -> str:
    company = seeds.company()
    if not form.get("template", "").strip():
        return _role_by_hand(account, form)
    parameters = {
        "ExternalId": form.get("external_id", "").strip(),
        "ExpiresAt": form.get("expires_at", "").strip(),
    }
    cloudformation = seeds.hands.owner(account.number, "cloudformation", company.home_region)
    wanted = {
        p["ParameterKey"]
        for p in cloudformation.get_template_summary(TemplateBody=form["template"])["Parameters"]
    }
    stack_id = cloudformation.create_stack(
        StackName=company.handover_stack_name,
        TemplateBody=form["template"],
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items() if k in wanted],
    )["StackId"]
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


def _show_credentials(account: Account, form: Form) -> Answer:
    minted = credentials.mint(
        form.get("kind", "role"),
        account=account.number,
        duration_seconds=float(form.get("minutes", "60")) * 60,
    ).document()
    names = {
        "AccessKeyId": "AWS_ACCESS_KEY_ID",
        "SecretAccessKey": "AWS_SECRET_ACCESS_KEY",
        "SessionToken": "AWS_SESSION_TOKEN",
        "Expiration": "AWS_CREDENTIAL_EXPIRATION",
    }
    exports = "\n".join(f"export {names[key]}={value}" for key, value in minted.items() if key in names)
    document = json.dumps({"Version": 1, **{k: v for k, v in minted.items() if k in names}}, indent=2)
    return _page(
        "Credentials",
        f"""<h1>Credentials for {account.number}</h1>
<p class="lead">{escape(minted["Arn"])}. They are shown once.</p>
<section class="card"><h2>As lines for a shell</h2><pre id="exports">{escape(exports)}</pre>
<h2>As JSON</h2><pre id="json">{escape(document)}</pre>
<a href="/_sandbox/console/accounts/{account.number}">Back to the account</a></section>""",
    )


def _set_clock(form: Form) -> Answer:
    clock.set_speed(float(form.get("speed", "1")))
    settings.change(log_delivery_seconds=float(form.get("log_delivery_seconds", "60")))
    log_delivery.hurry(settings.current().log_delivery_seconds)
    return _see("")


def _answer(method: str, path: str, query: Form, form: Form) -> Answer:
    match (method, path.split("/")):
        case ("GET", [""]):
            return _front()
        case ("POST", ["clock"]):
            return _set_clock(form)
        case ("GET", ["accounts", number]):
            return _show_account(number, query)
        case ("POST", ["accounts", number, "handover"]):
            try:
                said = _hand_over(_account(number), form)
            except (ClientError, BotoCoreError) as error:
                said = f"AWS refused: {error}"
            return _see(f"console/accounts/{quote(number)}", said=said)
        case ("POST", ["accounts", number, "credentials"]):
            return _show_credentials(_account(number), form)
        case _:
            raise NoPage(path)


def handle(method: str, path: str, query: Form, body: bytes) -> Answer:
    """Answer one request to a page; `path` is what follows `/_sandbox/console/`. Blocking."""
    form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
    try:
        return _answer(method, path, query, form)
    except NoPage:
        return _page("Not found", "<h1>There is no such page</h1>", 404)
    except (ValueError, LookupError) as error:
        return _page("Not possible", f"<h1>That is not possible</h1><p>{escape(str(error))}</p>", 400)
