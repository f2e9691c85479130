"""How does infosec have something told again that could not be delivered?"""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from onboarding.models import Notice, NoticeOutcome, Run, history
from onboarding.models.people import STARTS_WORK_AGAIN, role_of
from onboarding.services.refusals import Refused


class NotOperator(Refused):
    def __init__(self) -> None:
        super().__init__("not_operator", _("Only an operator or a superuser of infosec may do this."))


def try_again(user: User, notice: Notice) -> None:
    """Make a notice that was given up due anew; one that wasn't is left as it is. Raises NotOperator."""
    if role_of(user) not in STARTS_WORK_AGAIN:
        raise NotOperator
    with transaction.atomic():
        Run.objects.select_for_update().get(pk=notice.run_id)
        asked = Notice.objects.filter(pk=notice.pk, outcome=NoticeOutcome.GIVEN_UP).update(
            outcome="", handled_at=None, attempts=0, due_at=timezone.now()
        )
        if asked:
            history.record(
                notice.run_id,
                "notice.asked_again",
                channel=notice.channel,
                status=notice.status,
                by_id=user.pk,
            )
