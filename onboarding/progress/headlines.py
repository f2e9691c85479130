"""What is going on, in one line, and in one sentence more?"""

from collections.abc import Sequence

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from onboarding.models import Run, undoing
from onboarding.progress.regions import RegionCounts
from onboarding.progress.stages import StageProgress, StageState
from onboarding.states import RunStatus

_Words = str | Promise

_HEADLINES: dict[RunStatus, tuple[_Words, _Words]] = {
    RunStatus.DRAFT: (
        gettext_lazy("Waiting for the hand-over"),
        gettext_lazy("Nothing has been looked at yet."),
    ),
    RunStatus.SURVEYING: (
        gettext_lazy("Looking at the account"),
        "",
    ),
    RunStatus.PLANNED: (
        gettext_lazy("The plan is ready"),
        gettext_lazy("Nothing is changed until you have read and approved it."),
    ),
    RunStatus.RUNNING: (
        gettext_lazy("The work goes on"),
        "",
    ),
    RunStatus.VERIFYING: (
        gettext_lazy("Verifying from outside: %(covered)s of %(all)s regions covered"),
        gettext_lazy(
            "The access you gave is destroyed. Through the new audit role the portal now watches logs arrive."
        ),
    ),
    RunStatus.VERIFIED: (
        gettext_lazy("Done: all %(all)s regions are covered"),
        gettext_lazy("Both roles are in place, and a first log has arrived from every enabled region."),
    ),
    RunStatus.NEEDS_ACCESS: (
        gettext_lazy("The portal needs access to go on"),
        gettext_lazy("What is done stays done. After a new hand-over the run goes on where it stopped."),
    ),
    RunStatus.NEEDS_OWNER: (
        gettext_lazy("The portal needs your decision"),
        gettext_lazy("What is done stays done. When you have answered, the run goes on where it stopped."),
    ),
    RunStatus.PARTLY_DONE: (
        gettext_lazy("%(covered)s of %(all)s regions are covered"),
        gettext_lazy("What is done stays done. Trying again touches only what is missing."),
    ),
    RunStatus.FAILED: (
        gettext_lazy("The run failed"),
        gettext_lazy("What is done stays done. Trying again does the rest."),
    ),
    RunStatus.CANCELLING: (
        gettext_lazy("Cancelling"),
        gettext_lazy(
            "Nothing new is begun. What AWS is already doing can’t be stopped and is left to settle."
        ),
    ),
    RunStatus.CANCELLED: (
        gettext_lazy("Cancelled"),
        gettext_lazy("The access you gave is destroyed. Nothing more will happen by itself."),
    ),
}

# The same of a verified run that left regions out: each by its owner's own choice, or it weren't verified.
_VERIFIED_BUT_FOR = (
    gettext_lazy("Done: %(covered)s of %(all)s regions are covered, as you chose"),
    gettext_lazy(
        "Both roles are in place, and a first log has arrived from every region but those that you left out."
    ),
)

# The same, where nothing has been done yet that could stay done.
_UNTOUCHED: dict[RunStatus, _Words] = {
    RunStatus.NEEDS_ACCESS: gettext_lazy(
        "Nothing was changed in your account. After a new hand-over the portal looks at it."
    ),
    RunStatus.NEEDS_OWNER: gettext_lazy(
        "The portal found things of yours that it doesn’t touch without being told to. Nothing was changed; "
        "your answers make the plan, which you read and approve next."
    ),
    RunStatus.FAILED: gettext_lazy("Nothing was changed in your account. You can start again at any time."),
    RunStatus.CANCELLED: gettext_lazy(
        "Nothing was changed in your account, and the access you gave is destroyed. You can start again."
    ),
}


def headline_of(run: Run, counts: RegionCounts, stages: Sequence[StageProgress]) -> tuple[str, str]:
    """The page's heading and the sentence below it; empty where the next act's line says enough."""
    status = RunStatus(run.status)
    headline, lead = _HEADLINES[status]
    if status == RunStatus.VERIFIED and counts.covered < counts.wanted:
        headline, lead = _VERIFIED_BUT_FOR
    if run.approved_at is None and not any(stage.started_at or stage.done for stage in stages):
        lead = _UNTOUCHED.get(status, lead)
    if undoing.is_asked(run):
        return _("Cancelled: leave it, or undo it?"), _(
            "AWS has settled what it was asked. If you don’t choose within 30 minutes of cancelling, "
            "things are left as they are."
        )
    if run.reason_code == "undone":
        return _("Undone"), _(
            "Every stack that the cancelled run had created is gone, and the access you gave is destroyed."
        )
    current = next((one for one in stages if one.state == StageState.WORKING), None)
    if status == RunStatus.RUNNING and current is not None:
        return _("Now: %(stage)s") % {"stage": current.stage.label}, str(lead)
    return str(headline) % {"covered": counts.covered, "all": counts.wanted}, str(lead)
