"""What is the one obvious thing to do next, in each status of a run?"""

from dataclasses import dataclass

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from onboarding.models import AwsAccount, Run, undoing
from onboarding.remedies import REMEDIES
from onboarding.states import RunStatus


@dataclass(frozen=True, slots=True)
class Act:
    label: str | Promise
    url: str


# Nothing to do but wait, and what for.
_WAITING_FOR = {
    RunStatus.SURVEYING: _("Nothing for you to do: this takes a minute or two, and changes nothing."),
    RunStatus.RUNNING: _("Nothing for you to do. You may close this page: the work goes on without it."),
    RunStatus.VERIFYING: _(
        "Nothing for you to do. AWS usually delivers a region's first log within 5 to 15 minutes."
    ),
}

# Where the owner creates the stacks, the page that leads their hands comes next.
_BY_HAND = {
    RunStatus.NEEDS_OWNER: _("Go on by your own hand"),
    RunStatus.FAILED: _("Have it verified again"),
    RunStatus.PARTLY_DONE: _("Have it verified again"),
}

_MAY_BE_CANCELLED = {
    RunStatus.DRAFT,
    RunStatus.SURVEYING,
    RunStatus.PLANNED,
    RunStatus.RUNNING,
    RunStatus.NEEDS_ACCESS,
    RunStatus.NEEDS_OWNER,
}


def next_act(account: AwsAccount, run: Run | None) -> Act | None:
    """The one next act of the owner; None where there is nothing to do but wait."""
    hand_over = reverse("hand-over", args=[account.number])
    if run is None or run.status == RunStatus.DRAFT:
        return Act(_("Hand over access"), hand_over)
    if run.is_by_hand and run.status in _BY_HAND:
        return Act(_BY_HAND[RunStatus(run.status)], reverse("by-hand", args=[account.number]))
    match RunStatus(run.status):
        case RunStatus.PLANNED:
            return Act(_("Read the plan"), reverse("plan", args=[run.pk]))
        case RunStatus.NEEDS_ACCESS if run.reason_code == "missing_permissions":
            return Act(_("See what is missing"), reverse("rights", args=[run.pk]))
        case RunStatus.NEEDS_OWNER:
            return Act(_("Answer the questions"), reverse("decide", args=[run.pk]))
        case RunStatus.NEEDS_ACCESS:
            return Act(_("Hand over access again"), hand_over)
        case RunStatus.FAILED | RunStatus.PARTLY_DONE | RunStatus.CANCELLED:
            return _once_more(account, run)
        case RunStatus.CANCELLING:
            label = _("Leave it, or undo it") if undoing.is_asked(run) else _("Leave things as they are")
            return Act(label, reverse("leave-as-is", args=[run.pk]))
        case RunStatus.VERIFIED:
            return Act(_("See how to fetch your logs"), reverse("logs", args=[account.number]))
        case _:
            return None


def _once_more(account: AwsAccount, run: Run) -> Act:
    if run.status != RunStatus.CANCELLED and may_be_tried_again(run):
        return Act(_("Try again what failed"), reverse("retry", args=[run.pk]))
    label = _("Make a new plan") if run.reason_code == "region_enabled_later" else _("Start again")
    return Act(label, reverse("start-again", args=[account.number]))


def may_be_tried_again(run: Run) -> bool:
    """Whether the plan that was approved could still bring about what failed, as far as the reason tells."""
    remedy = REMEDIES.get(run.reason_code)
    is_approved = bool(run.approved_digest) and run.approved_digest == run.plan_digest
    return is_approved and remedy is not None and not remedy.needs_new_plan


def waiting_for(run: Run) -> str | Promise:
    """What a page says instead of an act; empty when there is one."""
    return _WAITING_FOR.get(RunStatus(run.status), "")


def may_be_cancelled(run: Run) -> bool:
    return run.status in _MAY_BE_CANCELLED
