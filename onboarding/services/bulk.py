"""Which acts can be done to many accounts at once, and how is each done to some of them?"""

from collections.abc import Mapping

from onboarding.models import BatchKind
from onboarding.services import importing
from onboarding.services.batches import Act

ACTS: Mapping[BatchKind, Act] = {BatchKind.IMPORT: importing.take_in}
