"""Why does a step or a run stop without a refusal by AWS?"""

from django.utils.translation import gettext_lazy as _

from onboarding.remedies.remedy import Remedy, Who, sign
from onboarding.states import FailureKind

ROWS = (
    Remedy(
        "stack_busy",
        _("AWS is still busy with %(stack)s"),
        _("Another change of the stack hasn't ended within the time we wait for it."),
        _("Nothing of ours was done to it meanwhile."),
        _("Wait until the stack has settled, then start again."),
        Who.OWNER,
        signs=(
            sign(text=r"cannot be deleted while in status|in \w+_IN_PROGRESS state and can ?not be updated"),
            sign("OperationInProgressException"),
        ),
    ),
    Remedy(
        "unknown_stack_status",
        _("AWS reports a status that we don't know"),
        _("The stack is in a state that is newer than this portal."),
        _("We waited, and then left it as it is."),
        _("Tell infosec: the portal must learn the new word."),
        Who.INFOSEC,
    ),
    Remedy(
        "took_too_long",
        _("It took too long"),
        _("This was not done within the time allowed, and no reason was given."),
        _("AWS may still be at work on it."),
        _("Start again later: what is done by then stays done."),
        Who.OWNER,
    ),
    Remedy(
        "portal_broke",
        _("Something broke on our side"),
        _("The portal's own program broke at this, again and again. Your account and your access are fine."),
        _("What had been done by then stays as it is; what was handed over is destroyed with the run's end."),
        _("The portal's operators find it in the worker's log and mend it. Start again after that."),
        Who.PORTAL,
    ),
    Remedy(
        "undone_again_and_again",
        _("Somebody undoes what we do"),
        _("The same thing had to be begun several times, and never lasted."),
        _("Something else in your account works against it, an automatic clean-up perhaps."),
        _("Find out what (your CloudTrail shows it), stop it, then start again."),
        Who.OWNER,
    ),
    Remedy(
        "by_hand",
        _("It is your turn"),
        _("The log storage accepts this account now."),
        _("The portal waits until you have created both stacks yourself. It has no access, and needs none."),
        _("Follow the steps, then have the account verified."),
        Who.OWNER,
    ),
    Remedy(
        "owner_must_decide",
        _("Something only you can decide"),
        _("The portal found things of yours that it does not touch without being told to."),
        _("Nothing is done to them, and nothing more is begun, until you have decided."),
        _("Answer the questions; each says what its answers do, cost and leave behind."),
        Who.OWNER,
    ),
    Remedy(
        "account_changed",
        _("The account has changed since you approved"),
        _("Before going on we looked again, and something is needed that your approval doesn't cover."),
        _("Nothing more was done."),
        _("Read the new plan and approve it."),
        Who.OWNER,
        needs_new_plan=True,
    ),
    Remedy(
        "cancelled_by_owner",
        _("Cancelled"),
        _("An owner of the account has cancelled this run."),
        _("What had been done by then stays as it is; the access was destroyed."),
        _("Start again whenever you like: what is done stays done."),
        Who.NOBODY,
    ),
    Remedy(
        "nobody_approved",
        _("Nobody approved in time"),
        _("The plan waited for its owner until its time was over."),
        _("Nothing was changed; what was handed over was destroyed."),
        _("Start again whenever you like: you get a fresh plan."),
        Who.OWNER,
    ),
    Remedy(
        "nobody_gave_access",
        _("Nobody handed over access in time"),
        _("The run waited for new access until its time was over."),
        _("What had been done by then stays as it is."),
        _("Start again whenever you like: what is done stays done."),
        Who.OWNER,
    ),
    Remedy(
        "nobody_decided",
        _("Nobody decided in time"),
        _("The run waited for a decision that only its owner can make, until its time was over."),
        _("What had been done by then stays; what was handed over was destroyed."),
        _("Start again whenever you like: what is done stays done."),
        Who.OWNER,
    ),
    Remedy(
        "earlier_stage_failed",
        _("An earlier step has to be done first"),
        _("This was not begun because something before it failed."),
        _("Nothing was done by this step."),
        _("Put right what is said of the earlier step, then start again."),
        Who.OWNER,
    ),
    Remedy(
        "portal_identity_missing",
        _("A temporary problem on our side"),
        _("The portal's worker has no AWS identity of its own just now."),
        _("Nothing was done, and your access is fine."),
        _("Nothing for you to do: the portal's operators put it right."),
        Who.PORTAL,
        signs=(
            sign(
                "NoCredentialsError",
                "CredentialRetrievalError",
                "ProfileNotFound",
                kinds=(FailureKind.OURS,),
            ),
        ),
    ),
)
