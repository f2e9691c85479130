"""Which pages does the tour stop at, when, and what is said of each? A new page is one of STOPS."""

from dataclasses import dataclass
from enum import Enum, auto

from tests.tour import detours


class Moment(Enum):
    """How far the walk has come."""

    VISITOR = auto()
    SIGNED_IN = auto()
    REGISTERED = auto()
    PLANNED = auto()
    RUNNING = auto()
    VERIFIED = auto()
    INFOSEC = auto()


@dataclass(frozen=True, slots=True)
class Stop:
    """One page at one moment. `path` may name {number} and {run}; empty: where the walk stands.

    Infosec's may name what `tests.tour.fleet` prints.
    """

    moment: Moment | detours.Moment
    file: str
    path: str
    title: str
    words: str


STOPS = (
    Stop(Moment.VISITOR, "front", "/", "The front page", "What the portal does, and what it promises."),
    Stop(
        Moment.VISITOR,
        "sign-in",
        "/accounts/login/",
        "Sign in",
        "By password or passkey, or through the company’s identity provider.",
    ),
    Stop(
        Moment.SIGNED_IN,
        "register",
        "/register/",
        "Register an account",
        "The first of three screens. Each field says what it is for.",
    ),
    Stop(
        Moment.REGISTERED,
        "hand-over",
        "/aws/{number}/hand-over/",
        "Hand over a role",
        "A role that only the portal can use, with the account’s own ExternalId, until a date.",
    ),
    Stop(
        Moment.REGISTERED,
        "hand-over-credentials",
        "/aws/{number}/hand-over/credentials/",
        "Or temporary credentials",
        "Whatever AWS prints can be pasted. It is sealed at once and never shown again.",
    ),
    Stop(
        Moment.REGISTERED,
        "details",
        "/aws/{number}/details/",
        "The way back",
        "Name, contact and ticket can be changed at any time.",
    ),
    Stop(
        Moment.PLANNED,
        "plan",
        "/runs/{run}/plan/",
        "Read the plan",
        "What will happen, in short and in full; each deletion with a tick of its own.",
    ),
    Stop(
        Moment.PLANNED,
        "plan-rights",
        "/runs/{run}/plan/#afterwards",
        "What infosec can do afterwards",
        "Each right in words, beside the exact actions; old rights against new.",
    ),
    Stop(
        Moment.PLANNED,
        "approval",
        "/runs/{run}/approval/",
        "On paper",
        "For whoever must agree too; afterwards it is the record of who agreed to what.",
    ),
    Stop(
        Moment.PLANNED,
        "cancel",
        "/runs/{run}/cancel/",
        "The way out",
        "Asked on a page of its own, with what it means.",
    ),
    Stop(
        Moment.RUNNING,
        "running",
        "",
        "Watch it happen",
        "Region by region, live. It is never called done while a region is not.",
    ),
    Stop(
        Moment.VERIFIED,
        "verified",
        "",
        "Done means proven",
        "Both roles and every region, seen from outside.",
    ),
    Stop(
        Moment.VERIFIED,
        "aws-words",
        "/runs/{run}/aws/",
        "Word for word",
        "What AWS was asked and what it said, with request ids.",
    ),
    Stop(
        Moment.VERIFIED,
        "hand-over-role-gone",
        "/runs/{run}/hand-over-role/",
        "Take the access back",
        "And have it proven that the portal is locked out.",
    ),
    Stop(
        Moment.VERIFIED,
        "logs",
        "/aws/{number}/logs/",
        "Your logs",
        "How an owner fetches them and hears of new ones.",
    ),
    Stop(
        Moment.VERIFIED,
        "leave",
        "/aws/{number}/leave/",
        "How to leave again",
        "Commands, in the right order.",
    ),
    Stop(
        Moment.VERIFIED,
        "people",
        "/aws/{number}/people/",
        "Who answers for the account",
        "Co-owners by invitation.",
    ),
    Stop(
        Moment.VERIFIED,
        "account-audit",
        "/aws/{number}/audit/",
        "Everything that happened",
        "The account’s part of the audit log.",
    ),
    Stop(
        detours.Moment.ASKED,
        "asked",
        "/runs/{run}/",
        "When something is the owner’s to decide",
        "The work waits, and says for what.",
    ),
    Stop(
        detours.Moment.ASKED,
        "decide",
        "/runs/{run}/decide/",
        "The questions",
        "What was found, and what follows from each answer. The answers make the plan.",
    ),
    Stop(
        detours.Moment.FAILED,
        "partly-done",
        "/runs/{run}/",
        "When a region fails",
        "What happened, what it means, and the one thing to do. What is done stays done.",
    ),
    Stop(
        detours.Moment.FAILED,
        "retry",
        "/runs/{run}/retry/",
        "Try again what failed",
        "Under the plan that was approved.",
    ),
    Stop(
        detours.Moment.EXPIRED,
        "needs-access",
        "/runs/{run}/",
        "When the access is no good",
        "Told before anything was changed, with what would be.",
    ),
    Stop(
        detours.Moment.EXPIRED,
        "hand-over-again",
        "/aws/{number}/hand-over/credentials/",
        "Hand over again",
        "The run goes on where it stopped.",
    ),
    Stop(
        detours.Moment.BY_HAND,
        "by-hand-begin",
        "/aws/{number}/by-hand/",
        "Handing nothing over",
        "For who would rather create the stacks themselves.",
    ),
    Stop(
        detours.Moment.BY_HAND_BEGUN,
        "by-hand",
        "/aws/{number}/by-hand/",
        "By one’s own hand",
        "Each step with its link and its command, to be ticked off.",
    ),
    Stop(
        detours.Moment.CANCELLED,
        "cancelled",
        "/runs/{run}/",
        "After cancelling",
        "What AWS had begun has settled; the owner is asked what shall become of it.",
    ),
    Stop(
        detours.Moment.CANCELLED,
        "leave-or-undo",
        "/runs/{run}/leave-as-is/",
        "Leave it, or undo it",
        "Both ways, with what each means.",
    ),
    Stop(
        detours.Moment.UNDOING,
        "undo-plan",
        "/runs/{run}/plan/",
        "The plan that undoes",
        "Nothing but removals, read and approved like any other.",
    ),
    Stop(
        detours.Moment.ALL,
        "accounts",
        "/",
        "Your accounts",
        "Each with where it stands and the one next act.",
    ),
    Stop(
        detours.Moment.LOST,
        "not-found",
        "",
        "Not found",
        "What isn’t there, and what isn’t yours, look alike.",
    ),
    Stop(
        detours.Moment.GERMAN,
        "german",
        "/runs/{run}/plan/",
        "In German",
        "Every page, every mail, and every remedy.",
    ),
    Stop(
        detours.Moment.INVITED,
        "invitation",
        "",
        "Invited",
        "What a colleague sees who follows the link in the mail.",
    ),
    Stop(
        Moment.INFOSEC,
        "fleet",
        "/fleet/",
        "Infosec: the fleet",
        "What broke, what needs infosec, who is waited for; each number leads to what it counts.",
    ),
    Stop(
        Moment.INFOSEC,
        "fleet-accounts",
        "/fleet/accounts/?coverage=uncovered&sort=newest",
        "Infosec: accounts with an uncovered region",
        "Searched, filtered, sorted and paged; and an act for all that match.",
    ),
    Stop(
        Moment.INFOSEC,
        "fleet-view",
        "/fleet/accounts/?coverage=uncovered&tag=prod&column=state&column=since&column=remedy&column=owner"
        "&column=tags&column=assigned",
        "Infosec: a saved view, with columns of its own",
        "A list’s filters, order and columns under a name, for oneself or for all of infosec.",
    ),
    Stop(
        Moment.INFOSEC,
        "fleet-map",
        "/fleet/map/?coverage=uncovered&sort=newest",
        "Infosec: the map",
        "Every account, every region, at a glance.",
    ),
    Stop(
        Moment.INFOSEC,
        "fleet-account",
        "/fleet/accounts/{broken}/",
        "Infosec: one account",
        "Where it stands and why, whom to call, tags and notes, and region by region what is covered.",
    ),
    Stop(
        Moment.INFOSEC,
        "fleet-history",
        "/fleet/accounts/{number}/history/",
        "Infosec: what was done in an account",
        "Its runs, what was handed over and when it was destroyed, its stacks and their templates.",
    ),
    Stop(
        Moment.INFOSEC,
        "fleet-failures",
        "/fleet/failures/",
        "Infosec: failures, by what mends them",
        "One act may clear many accounts.",
    ),
    Stop(
        Moment.INFOSEC,
        "fleet-retry",
        "/fleet/failures/{cluster}/retry/",
        "Infosec: start a cluster again",
        "Once its cause is mended.",
    ),
    Stop(
        Moment.INFOSEC,
        "fleet-remind",
        "/fleet/batches/{remind}/",
        "Infosec: remind many at once",
        "Before anything is done: to how many it applies, and why not to the others.",
    ),
    Stop(
        Moment.INFOSEC,
        "fleet-start-again",
        "/fleet/batches/{retry}/",
        "Infosec: start many again",
        "The same for runs.",
    ),
    Stop(
        Moment.INFOSEC,
        "fleet-assign",
        "/fleet/batches/{assign}/",
        "Infosec: share the work",
        "Who of infosec looks after which accounts.",
    ),
    Stop(
        Moment.INFOSEC,
        "fleet-tag",
        "/fleet/batches/{tag}/",
        "Infosec: tag many at once",
        "Tags are infosec’s own; owners see none.",
    ),
    Stop(
        Moment.INFOSEC,
        "import",
        "/fleet/import/",
        "Infosec: import a list",
        "From a spreadsheet, by paste or file.",
    ),
    Stop(
        Moment.INFOSEC,
        "import-judged",
        "/fleet/batches/{import}/",
        "Infosec: each line judged",
        "Nothing is taken in before somebody says so; what is faulty is told line by line.",
    ),
    Stop(
        Moment.INFOSEC,
        "invitations",
        "/fleet/invitations/",
        "Infosec: who was asked",
        "Who hasn’t answered yet, and how often they were reminded.",
    ),
    Stop(
        Moment.INFOSEC,
        "invitations-unasked",
        "/fleet/invitations/?state=unasked",
        "Infosec: who is still to be asked",
        "Accounts that nobody answers for, and nobody was asked to.",
    ),
    Stop(
        Moment.INFOSEC,
        "invite-owner",
        "/fleet/invitations/new/",
        "Infosec: ask an owner",
        "The account is registered, and its owner comes by a link in a mail.",
    ),
    Stop(
        Moment.INFOSEC,
        "blueprint",
        "/fleet/blueprint/",
        "Infosec: who is behind the blueprint",
        "Which releases are deployed where, and the way to begin upgrades.",
    ),
    Stop(
        Moment.INFOSEC,
        "notices",
        "/notices/",
        "Infosec: mails and tickets",
        "What was told to whom, and what could not be delivered.",
    ),
    Stop(
        Moment.INFOSEC,
        "staff",
        "/staff/",
        "Infosec: its own people",
        "Who sees every account, and what else they may do.",
    ),
    Stop(
        Moment.INFOSEC,
        "audit",
        "/audit/",
        "Infosec: the audit log",
        "Only added to, and chained under a key that the web side doesn’t hold.",
    ),
)
