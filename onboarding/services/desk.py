"""How does infosec keep order among accounts: tags, notes, who looks after which, saved views?

The one writer of models.desk, but for reminders. What concerns an account is on its audit record.
"""

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from onboarding.models import AccountNote, AccountTag, Assignment, AwsAccount, Member, SavedView
from onboarding.models.audit import AuditKind, append, append_for_each
from onboarding.models.people import STARTS_WORK_AGAIN, role_of
from onboarding.roster import LONGEST_TAG, TAG
from onboarding.services.accounts import NotOperator
from onboarding.services.refusals import Refused

LONGEST_NOTE = 4_000
LONGEST_VIEW_NAME = 60
MOST_VIEWS = 100


class NotATag(Refused):
    def __init__(self) -> None:
        super().__init__(
            "not_a_tag",
            _("A tag has up to 40 letters, digits, dots, colons, dashes or underscores, no sign first."),
        )


class NotOfInfosec(Refused):
    def __init__(self) -> None:
        super().__init__("not_of_infosec", _("Only somebody of infosec can look after an account."))


class EmptyNote(Refused):
    def __init__(self) -> None:
        super().__init__("empty_note", _("Write something, up to 4,000 characters."))


class NotAView(Refused):
    def __init__(self) -> None:
        super().__init__(
            "not_a_view", _("Give the view a name of up to 60 characters. 100 views are the most.")
        )


def demand_operator(by: User) -> None:
    if role_of(by) not in STARTS_WORK_AGAIN:
        raise NotOperator


def plain_tag(said: str) -> str:
    """The tag as it is stored. Raises NotATag."""
    tag = said.strip().lower()
    if len(tag) > LONGEST_TAG or not TAG.fullmatch(tag):
        raise NotATag
    return tag


@transaction.atomic
def tag(by: User, accounts: Iterable[AwsAccount], name: str) -> set[int]:
    """Tag those that aren't yet; answers their ids. Raises NotOperator, NotATag."""
    demand_operator(by)
    name = plain_tag(name)
    wanted = {account.pk: account for account in accounts}
    tagged = AccountTag.objects.filter(account_id__in=wanted, name=name).values_list("account_id", flat=True)
    new = [account for pk, account in wanted.items() if pk not in set(tagged)]
    AccountTag.objects.bulk_create(
        (AccountTag(account=account, name=name) for account in new), ignore_conflicts=True
    )
    append_for_each(AuditKind.TAG_ADDED, new, actor_id=by.pk, tag=name)
    return {account.pk for account in new}


@transaction.atomic
def untag(by: User, accounts: Iterable[AwsAccount], name: str) -> set[int]:
    """Take the tag off those that have it; answers their ids. Raises NotOperator, NotATag."""
    demand_operator(by)
    name = plain_tag(name)
    wanted = {account.pk: account for account in accounts}
    tags = AccountTag.objects.filter(account_id__in=wanted, name=name)
    tagged = set(tags.values_list("account_id", flat=True))
    tags.delete()
    append_for_each(AuditKind.TAG_REMOVED, [wanted[pk] for pk in tagged], actor_id=by.pk, tag=name)
    return tagged


@transaction.atomic
def assign(by: User, accounts: Iterable[AwsAccount], user_id: int | None) -> set[int]:
    """Give them to a colleague to look after, or to nobody; answers the ids of those that changed hands.

    Raises NotOperator, NotOfInfosec.
    """
    demand_operator(by)
    colleague = None
    if user_id is not None:
        colleague = User.objects.filter(pk=user_id, is_active=True, member__isnull=False).first()
        if colleague is None:
            raise NotOfInfosec
    wanted = {account.pk: account for account in accounts}
    before = dict(
        Assignment.objects.select_for_update()
        .filter(account_id__in=wanted)
        .order_by("account_id")
        .values_list("account_id", "user_id")
    )
    changed = [account for pk, account in wanted.items() if before.get(pk) != user_id]
    Assignment.objects.filter(account__in=changed).delete()
    if colleague is not None:
        Assignment.objects.bulk_create(
            (Assignment(account=account, user=colleague) for account in changed), ignore_conflicts=True
        )
    append_for_each(
        AuditKind.ASSIGNED, changed, actor_id=by.pk, user_id=user_id, to=colleague.email if colleague else ""
    )
    return {account.pk for account in changed}


@transaction.atomic
def note(by: User, account: AwsAccount, text: str) -> AccountNote:
    """Raises NotOperator, EmptyNote. The audit record tells that there is one, not what it says."""
    demand_operator(by)
    # PostgreSQL stores no null character, neither here nor in a name.
    text = text.replace("\x00", "").strip()
    if not text or len(text) > LONGEST_NOTE:
        raise EmptyNote
    written = AccountNote.objects.create(account=account, author=by, text=text)
    append(AuditKind.NOTE_ADDED, actor_id=by.pk, account_id=account.pk, note=written.pk)
    return written


def colleagues() -> list[User]:
    """Whom an account can be given to."""
    members = Member.objects.filter(user__is_active=True).select_related("user").order_by("user__email")
    return [member.user for member in members]


def save_view(by: User, name: str, query: str, *, is_shared: bool) -> SavedView:
    """One's own of that name is replaced. Raises NotAView."""
    name = " ".join(name.replace("\x00", "").split())
    if not name or len(name) > LONGEST_VIEW_NAME or len(query) > 2_000:
        raise NotAView
    if not by.saved_views.filter(name=name).exists() and by.saved_views.count() >= MOST_VIEWS:
        raise NotAView
    view, _made = SavedView.objects.update_or_create(
        owner=by, name=name, defaults={"query": query, "is_shared": is_shared}
    )
    return view


def forget_view(by: User, view_id: int) -> None:
    """One's own alone; nothing happens when it is gone already."""
    by.saved_views.filter(pk=view_id).delete()
