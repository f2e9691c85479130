"""Does this user answer for this account?"""

from django.contrib.auth.models import User

from onboarding.models import AwsAccount
from onboarding.services.refusals import NotOwner


def demand_ownership(user: User, account: AwsAccount) -> None:
    """Raises NotOwner, also for infosec staff: they see, but consent is the owner's."""
    if not user.is_active or not account.ownerships.filter(user_id=user.pk).exists():
        raise NotOwner
