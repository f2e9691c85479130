"""Which failures have the same remedy, so that one act clears many accounts?"""

from collections.abc import Iterable
from dataclasses import dataclass

from onboarding import remedies
from onboarding.fleet.figures import Entry, Figure, figure
from onboarding.fleet.filters import Filters
from onboarding.models.standing import who_is_asked
from onboarding.remedies import Remedy
from onboarding.remedies.desk import act_of_infosec
from onboarding.remedies.remedy import Words
from onboarding.states import AccountState, BlockedOn

# Their run is over: another may be begun. The others wait in a run that goes on when its remedy is done.
MAY_BEGIN_AGAIN = (AccountState.FAILED, AccountState.PARTLY)


@dataclass(frozen=True, slots=True)
class Cluster:
    code: str
    remedy: Remedy
    # As infosec reads it.
    act: Words
    who: BlockedOn
    accounts: Figure
    may_begin_again: Figure


def clusters_of(entries: Iterable[Entry]) -> list[Cluster]:
    """By who acts, infosec before the others; of each the largest first."""
    all_of: dict[str, int] = {}
    over: dict[str, int] = {}
    for entry in entries:
        if entry.remedy:
            all_of[entry.remedy] = all_of.get(entry.remedy, 0) + entry.accounts
            if entry.state in MAY_BEGIN_AGAIN:
                over[entry.remedy] = over.get(entry.remedy, 0) + entry.accounts
    found = [
        Cluster(
            code=code,
            remedy=(remedy := remedies.REMEDIES.get(code, remedies.UNKNOWN)),
            act=act_of_infosec(remedy),
            who=who_is_asked(code),
            accounts=figure(number, Filters(remedy=code)),
            may_begin_again=figure(over.get(code, 0), Filters(state=MAY_BEGIN_AGAIN, remedy=code)),
        )
        for code, number in all_of.items()
        if number
    ]
    return sorted(
        found, key=lambda each: (each.who != BlockedOn.INFOSEC, each.who, -each.accounts.number, each.code)
    )
