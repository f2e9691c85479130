"""How does an owner have it proven that the hand-over role can't be used any more?"""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from onboarding import wake
from onboarding.models import Run
from onboarding.models.stages import open_for_a_person
from onboarding.services.ownership import demand_ownership
from onboarding.services.refusals import Refused
from onboarding.states import Stage


class NothingToProve(Refused):
    """The run still needs its access, or no role was ever handed over."""

    def __init__(self) -> None:
        super().__init__(
            "nothing_to_prove", _("There is no hand-over role to look for, or it is still being used.")
        )


def ask(user: User, run: Run) -> None:
    """Have the worker try to use the role of a settled run's account. Raises NotOwner, NothingToProve."""
    demand_ownership(user, run.account)
    with transaction.atomic():
        current = Run.objects.select_for_update().select_related("account").get(pk=run.pk)
        is_used = current.account.runs.open().exists()
        if not current.is_settled or is_used or not current.account.last_role_arn:
            raise NothingToProve
        open_for_a_person(current, Stage.REVOKED)
        wake.wake(current.pk)
