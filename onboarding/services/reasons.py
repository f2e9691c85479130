"""Why was an act not done to an account? Words for each reason that a batch's line may give."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from onboarding.models import BatchKind
from onboarding.roster import Fault

_WORDS: dict[str, str | Promise] = {
    "asks_only": _("Known already, and nobody answers for it: its owners will be asked."),
    "not_operator": _("You were no operator any more."),
}


def words_of(kind: str, reason: str) -> str | Promise:
    """Empty for no reason; the stored word itself where nobody knows it any more."""
    if kind == BatchKind.IMPORT and reason in Fault.values:
        return Fault(reason).label
    return _WORDS.get(reason, reason)
