"""What does the console show? HTML that works without JavaScript, in both light and dark.

Every value from outside goes through `escape`.
"""

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template

from ministack.services import cloudformation, iam

from sandbox import accounts, clock, regions, seeds, settings, trails
from sandbox.accounts import Account
from sandbox.refusals import Answer

_PAGE = Template((Path(__file__).parent / "console.html").read_text(encoding="utf-8"))

_KINDS = {
    "role": "a role's session (what the portal prefers)",
    "session-mfa": "a user's session with MFA",
    "session": "a user's session without MFA (can't manage IAM)",
    "federation": "a federation token (can't manage IAM)",
    "long-lived": "a user's long-term key (must be refused)",
    "root": "the root user's session (must be refused)",
}


def page(title: str, body: str, status: int = 200) -> Answer:
    """A whole page; `body` is HTML, `title` isn't."""
    text = _PAGE.substitute(title=escape(title), body=body)
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
        "Referrer-Policy": "no-referrer",
        "X-Frame-Options": "DENY",
    }
    return status, headers, text.encode()


def _status(word: str) -> str:
    kind = "bad" if "ROLLBACK" in word or "FAILED" in word else "good" if word.endswith("_COMPLETE") else ""
    return f'<span class="{kind}">{escape(word)}</span>'


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]], nothing: str) -> str:
    if not rows:
        return f'<p class="hint">{nothing}</p>'
    head = "".join(f"<th scope=col>{name}</th>" for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def front() -> Answer:
    """The accounts, and the clock."""
    owners = "".join(
        f'<section class="card"><h2><a href="/_sandbox/console/accounts/{a.number}">'
        f'{escape(a.name or "Account")}</a></h2><p class="number">{a.number}</p>'
        f'<p class="hint">{escape(a.alias) or "no alias"} · '
        f"{len(regions.enabled(a.number))} regions enabled</p>"
        "</section>"
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
    return page(
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
<input id="delivery" name="log_delivery_seconds" type="number" min="0" step="any"
value="{now.log_delivery_seconds:g}"></div>
<div><button>Set the clock</button></div></div></form></section>
<section class="card"><h2>Infosec's side</h2>{central}</section>""",
    )


def _handover_form(account: Account) -> str:
    company, here = seeds.company(), f"/_sandbox/console/accounts/{account.number}"
    return f"""<section class="card" id="handover"><h2>Hand the account over with a role</h2>
<p class="hint">Paste the hand-over template that the wizard gives you as a file. It is filled in already,
so the two fields below it may stay empty. It becomes the stack
{escape(company.handover_stack_name)} in {escape(company.home_region)}.</p>
<form method="post" action="{here}/handover">
<label for="template">Hand-over template</label><textarea id="template" name="template" rows="5"></textarea>
<div class="row"><div><label for="external_id">ExternalId</label>
<input id="external_id" name="external_id" autocomplete="off" spellcheck="false"></div>
<div><label for="expires_at">Expires at (UTC), as in 2027-01-31T12:00:00Z</label>
<input id="expires_at" name="expires_at" autocomplete="off"></div></div>
<details><summary>Without a template: a role made by hand</summary>
<p class="hint">Leave the template empty. The role gets an administrator's rights and trusts the principal
with that ExternalId.</p><div class="row">
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
    rows = [
        (region, escape(stack["StackName"]), _status(stack["StackStatus"]))
        for region in regions.enabled(account.number)
        for _name, stack in cloudformation._stacks.items_scoped(account.number, region)
        if stack["StackStatus"] != "DELETE_COMPLETE"
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
    name = seeds.company().handover_role_name
    roles = [r["Arn"] for key, r in list(iam._roles._data.items()) if key == (account.number, name)]
    if not roles:
        return ""
    return f'<p>Its hand-over role, to copy into the wizard:</p><pre id="role-arn">{escape(roles[0])}</pre>'


def account(shown: Account, said: str) -> Answer:
    """One account: what its owner can do, and what is in it now. `said` is the outcome of what was done."""
    number, enabled = shown.number, regions.enabled(shown.number)
    note = f'<section class="card note" role="status">{escape(said)}</section>' if said else ""
    opted_in = ", ".join(regions.opted_in(number)) or "none"
    off = len(regions.ALL_REGIONS) - len(enabled)
    return page(
        shown.name or number,
        f"""
<h1>{escape(shown.name or "Account")}</h1><p class="lead"><span class="number">{number}</span></p>{note}
{_role_arn(shown)}{_handover_form(shown)}{_credentials_form(shown)}
<section class="card"><h2>Stacks now</h2>{_stacks(shown)}</section>
<section class="card"><h2>Trails now</h2>{_trails(shown)}</section>
<section class="card"><h2>Regions</h2>
<p>{len(enabled)} enabled, {off} not. Opted in: {escape(opted_in)}.</p></section>""",
    )


def credentials(shown: Account, minted: Mapping[str, str]) -> Answer:
    """Credentials to copy, in the two forms in which people have them."""
    names = {
        "AccessKeyId": "AWS_ACCESS_KEY_ID",
        "SecretAccessKey": "AWS_SECRET_ACCESS_KEY",
        "SessionToken": "AWS_SESSION_TOKEN",
        "Expiration": "AWS_CREDENTIAL_EXPIRATION",
    }
    exports = "\n".join(f"export {names[key]}={value}" for key, value in minted.items() if key in names)
    document = json.dumps({"Version": 1, **{k: v for k, v in minted.items() if k in names}}, indent=2)
    return page(
        "Credentials",
        f"""<h1>Credentials for {shown.number}</h1>
<p class="lead">{escape(minted["Arn"])}. They are shown once.</p>
<section class="card"><h2>As lines for a shell</h2><pre id="exports">{escape(exports)}</pre>
<h2>As JSON</h2><pre id="json">{escape(document)}</pre>
<a href="/_sandbox/console/accounts/{shown.number}">Back to the account</a></section>""",
    )
