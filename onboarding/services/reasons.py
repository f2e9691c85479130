"""Why was an act not done to an account? Words for each reason that a batch's line may give."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from onboarding.models import BatchKind
from onboarding.roster import Fault

_WORDS: dict[str, str | Promise] = {
    "asks_only": _("Known already, and nobody answers for it: its owners will be asked."),
    "not_operator": _("You were no operator any more."),
    "nobody_asked": _("Nobody answers for it, and nobody was asked to: ask somebody first."),
    "no_owner": _("Nobody answers for it yet."),
    "nothing_to_do": _("Its owners have nothing to do."),
    "waits_for_infosec": _("It doesn’t wait for its owners, but for infosec or the portal."),
    "reminded_lately": _("They got a mail within the last day."),
    "never_started": _("It was never begun: its owner has still to hand it over."),
    "still_open": _("A run of it is still open."),
    "nothing_to_retry": _("It is as it should be: there is nothing to do again."),
    "not_a_tag": _("This is no tag."),
    "not_of_infosec": _("Only somebody of infosec can look after an account."),
    "gone": _("The account is gone."),
}


def words_of(kind: str, reason: str) -> str | Promise:
    """Empty for no reason; the stored word itself where nobody knows it any more."""
    if kind == BatchKind.IMPORT and reason in Fault.values:
        return Fault(reason).label
    return _WORDS.get(reason, reason)
