"""Was it proven that the hand-over role can't be used any more? What AWS answered, and what it means."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from onboarding.models import Event, Run
from onboarding.progress.failures import Trouble, trouble_of
from onboarding.states import Stage


@dataclass(frozen=True, slots=True)
class Proof:
    """One try: what came of it, when, and AWS's own answer with its request id."""

    outcome: str
    words: str | Promise
    at: datetime
    trouble: Trouble | None

    @property
    def is_good(self) -> bool:
        return self.outcome in {"gone", "refused"}


@dataclass(frozen=True, slots=True)
class Revocation:
    role_arn: str
    # The command that deletes the stack which the portal's template made, and its page in the console.
    command: str
    console_url: str
    is_asked: bool
    proof: Proof | None


_WORDS: dict[str, str | Promise] = {
    "gone": _("AWS refused us, and through the audit role we saw that the role doesn’t exist any more."),
    "refused": _("AWS refused us: we can’t use the role any more. Whether it still exists we can’t see."),
    "still_there": _("AWS refused us, but the role still exists. Delete it, so that nothing is left of it."),
    "assumable": _("The role is still there and let us in. Delete it, then check again."),
    "unknown": _("AWS gave no clear answer. Check again in a minute."),
}


def revocation_of(run: Run) -> Revocation | None:
    """None while the run needs its access, and where no role was handed over."""
    role_arn = run.account.last_role_arn
    if not run.is_settled or not role_arn:
        return None
    company = settings.COMPANY
    region, stack = company.home.regions[0], company.portal.handover_stack_name
    return Revocation(
        role_arn=role_arn,
        command=f"aws cloudformation delete-stack --region {region} --stack-name {stack}",
        console_url=(
            f"https://{region}.console.aws.amazon.com/cloudformation/home?region={region}"
            f"#/stacks?filteringText={stack}"
        ),
        is_asked=run.work_items.filter(stage=Stage.REVOKED, due_at__isnull=False).exists(),
        proof=_proof(run),
    )


def _proof(run: Run) -> Proof | None:
    event = Event.objects.filter(run=run, kind="hand_over.checked").order_by("-number").first()
    if event is None:
        return None
    outcome = str(event.data["outcome"])
    return Proof(
        outcome=outcome,
        words=_WORDS.get(outcome, ""),
        at=event.at,
        trouble=trouble_of("", event.data.get("failure")),
    )
