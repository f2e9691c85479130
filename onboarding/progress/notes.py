"""What does a plan's note say, in words? What is left alone and why, what it may cost."""

from collections.abc import Callable

from django.utils.translation import gettext as _

from onboarding.planning import Note


class _Fields(dict[str, str]):
    """A sentence may name a field that an older plan's note doesn't carry."""

    def __missing__(self, key: str) -> str:
        return "?"


def words_of(note: Note) -> str:
    """One or two sentences; its regions stand beside it. A code without words stands for itself."""
    sentence = _SENTENCES.get(note.code)
    fields = _Fields({key: _as_text(value) for key, value in note.fields.items()})
    return sentence() % fields if sentence else note.code.replace("_", " ")


def _as_text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


_SENTENCES: dict[str, Callable[[], str]] = {
    # Trails that aren't ours
    "keeps_own_trail": lambda: _(
        "Your own trail %(trail)s is kept, and ours is added beside it. For the second copy of the same "
        "events CloudTrail charges you about $%(extra_copy_usd_per_100_000_events)s per 100,000."
    ),
    "organization_trail": lambda: _(
        "Your organization’s trail %(trail)s is left as it is, and ours is added beside it. For the second "
        "copy of the same events CloudTrail charges about $%(extra_copy_usd_per_100_000_events)s per 100,000."
    ),
    # Old stacks and roles that are left alone
    "no_old_stack": lambda: _("No old audit stack was found in the %(regions_searched)s regions searched."),
    "not_deleted_other_content": lambda: _(
        "The stack %(stack)s has the old stack’s name but other content. It is not touched."
    ),
    "not_deleted_unreadable": lambda: _(
        "The stack %(stack)s looks like the old one, but its content could not be read. It is not touched."
    ),
    "nested_or_stackset": lambda: _(
        "The stack %(stack)s looks like the old one but belongs to another stack or a StackSet. It is not "
        "touched: whoever manages that must remove it."
    ),
    "old_stack_left": lambda: _(
        "The old stack %(stack)s is left as it is. While its role is trusted, the account can’t be verified."
    ),
    "old_stack_has_service_role": lambda: _(
        "The old stack %(stack)s works with a service role of its own, %(service_role)s: AWS would delete it "
        "with that role’s rights, which nobody can narrow. It is not touched. Delete it yourself, then start "
        "again: aws cloudformation delete-stack --region %(stack_region)s --stack-name %(stack)s"
    ),
    "old_role_left": lambda: _(
        "The role %(role)s still trusts the old account, and no stack that is deleted here takes it along. "
        "Delete it yourself: until then the account can’t be verified."
    ),
    "old_role_in_stack": lambda: _(
        "The role %(role)s in the stack %(stack)s still trusts the old account. Until the role is gone from "
        "that stack, or the stack is gone, the account can’t be verified."
    ),
    "old_roles_not_listed": lambda: _(
        "The account’s roles could not be listed, so the portal can’t tell whether an old audit role is left."
    ),
    # What stands in the way
    "name_taken": lambda: _(
        "A stack named %(stack)s exists already and is not infosec’s. It is not touched, and nothing is made "
        "here."
    ),
    "blocked_name_left": lambda: _(
        "A dead stack holds the name %(stack)s. It is left as it is, so nothing is made here."
    ),
    "change_set_waiting": lambda: _(
        "The stack %(stack)s waits with a change set that was never executed. It is not touched: execute or "
        "delete it, then start again."
    ),
    "update_stuck": lambda: _(
        "The stack %(stack)s is stuck in a failed update. It is not touched: continue its rollback in the "
        "AWS console, then start again."
    ),
    "home_region_unreadable": lambda: _(
        "The home region could not be read, so the stack can’t be made there."
    ),
    "parent_refused": lambda: _(
        "The stack that makes the trails can’t be deployed, so no trail is made here."
    ),
    "too_many_trails": lambda: _(
        "Five trails are the most that AWS allows in a region, and they exist already: %(trails)s. Delete "
        "one, then start again."
    ),
    "undo_would_take_more": lambda: _(
        "The stack %(stack)s looks after stacks in your regions that were there before the cancelled run. "
        "Deleting it would delete those too, so it is left as it is."
    ),
    "undo_unreadable": lambda: _(
        "This region could not be read, so the stack %(stack)s can’t be deleted there."
    ),
    # What is there already
    "already_present": lambda: _("The stack %(stack)s is already as it should be."),
    "exists_in_other_home": lambda: _(
        "Another stack named %(stack)s stands in this region too. It is not touched; one is enough."
    ),
    # Regions that are left out
    "skipped_not_enabled": lambda: _(
        "Not enabled in this account, so there is nothing to protect: neither searched nor changed."
    ),
    "skipped_denied": lambda: _(
        "Your organization’s policies or the role’s rights deny access here: neither searched nor changed."
    ),
    "unreachable_not_searched": lambda: _("AWS did not answer here: neither searched nor changed."),
    "skipped_by_choice": lambda: _("Left out, as you chose."),
    "only_default_regions_checked": lambda: _(
        "The list of enabled regions could not be read: only the regions that are enabled by default are "
        "covered."
    ),
}
