"""Which saved views of the list of accounts are offered to somebody?"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import BigAutoField

from onboarding.models import SavedView
from onboarding.models.prepared import Prepared


@dataclass(frozen=True, slots=True)
class OfferedView:
    pk: int
    name: str
    query: str
    owner_id: int
    owner_email: str


_offered = Prepared(
    OfferedView,
    lambda user: SavedView.objects.offered_to(user).values_list(
        "pk", "name", "query", "owner_id", "owner__email"
    ),
    BigAutoField(),
)


def views_for(user_id: int) -> Sequence[OfferedView]:
    """One's own, and those that colleagues share."""
    return _offered.ask(user_id)
