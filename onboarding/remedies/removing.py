"""What goes wrong with the old stack?"""

from django.utils.translation import gettext_lazy as _

from onboarding.remedies.remedy import Remedy, Who, sign
from onboarding.states import FailureKind, StepKind

HERE = (StepKind.REMOVE_STACK.value, "remove")

ROWS = (
    Remedy(
        "not_deleted_other_content",
        _("A stack with the old name holds other things"),
        _("Its resources, or whom they trust, aren't those of the old stack alone."),
        _("We left it as it is: it may be yours."),
        _("If it is the old one, take your resources out of it or delete it yourself; then start again."),
        Who.OWNER,
        needs_new_plan=True,
    ),
    Remedy(
        "nested_or_stackset",
        _("The old stack is managed elsewhere"),
        _("Another stack or a stack set made it, and would make it again."),
        _("We left it as it is."),
        _("Remove it where it is managed, then start again."),
        Who.OWNER,
        needs_new_plan=True,
    ),
    Remedy(
        "termination_protected",
        _("The stack is protected from deletion"),
        _("Somebody switched on its termination protection."),
        _("We lift that only when its owner says so. The stack was left as it is."),
        _("Switch the termination protection off, then try again; or make a new plan, and allow it there."),
        Who.OWNER,
        signs=(sign(text=r"TerminationProtection is enabled"),),
    ),
    Remedy(
        "export_in_use",
        _("Another stack uses this one"),
        _("AWS stopped the deletion, as %(other)s imports a value from it."),
        _("%(stack)s is still there."),
        _("Change or delete %(other)s first, then try again."),
        Who.OWNER,
        signs=(sign(text=r"Cannot delete export .* in use by|Delete canceled"),),
    ),
    Remedy(
        "stack_role_gone",
        _("The stack's own service role is gone"),
        _("%(stack)s was made with a service role that CloudFormation can't assume any more."),
        _("Nobody can change or delete the stack until it can."),
        _("Create that role again, or delete the stack with another role; then try again."),
        Who.OWNER,
        signs=(sign(text=r"Role .* is invalid or cannot be assumed"),),
    ),
    Remedy(
        "old_role_has_attachments",
        _("Something was attached to the old role by hand"),
        _("AWS deletes a role only when nothing is attached to it; its words say what still is."),
        _("The old role still exists and is still trusted."),
        _("Detach in IAM what was attached by hand, then try again."),
        Who.OWNER,
        signs=(
            sign("DeleteConflict", "DeleteConflictException"),
            sign(text=r"must (detach|delete|remove) .*(policies|instance profile)"),
        ),
    ),
    Remedy(
        "delete_denied",
        _("A permission to delete is missing"),
        _("The access you handed over doesn’t allow %(action)s, which deleting the old stack needs."),
        _("The old stack is still there. AWS's words below name the missing action."),
        _("Delete this stack yourself, or hand over a role that may; then try again."),
        Who.OWNER,
        signs=(sign(kinds=(FailureKind.DENIED,), places=HERE),),
    ),
    Remedy(
        "old_role_left",
        _("The old role still exists"),
        _("No stack holds it any more, and it still trusts the old principal."),
        _("Whoever had access through it still has."),
        _("Delete the role in IAM, then try again."),
        Who.OWNER,
    ),
    Remedy(
        "old_role_in_stack",
        _("The old role still exists"),
        _("A stack that was not removed holds it, and it still trusts the old principal."),
        _("Whoever had access through it still has."),
        _("Remove that stack, or the role from it, where it is managed; then start again."),
        Who.OWNER,
        needs_new_plan=True,
    ),
    Remedy(
        "delete_failed",
        _("AWS could not delete %(stack)s"),
        _("The deletion ended in DELETE_FAILED; AWS's words say which part refused."),
        _("What could not be deleted is still there."),
        _("Remove what is named there, then try again."),
        Who.OWNER,
        signs=(sign("DELETE_FAILED"),),
    ),
    Remedy(
        "delete_without_effect",
        _("AWS accepted the deletion and did nothing"),
        _("The stack stands as before, without a reason."),
        _("It is still there."),
        _("Delete it yourself in the console, which shows more; then try again."),
        Who.OWNER,
    ),
    Remedy(
        "left_by_choice",
        _("The old stack was left, as its owner chose"),
        _("You answered that the portal shall not remove it, or not with what is in it."),
        _("The old role still exists and is still trusted."),
        _("Remove it yourself, or start again and answer otherwise."),
        Who.OWNER,
        needs_new_plan=True,
    ),
    Remedy(
        "stack_has_other_content",
        _("The stack is no longer what was approved"),
        _("Between your approval and the deletion somebody changed it."),
        _("We left it as it is."),
        _("Start again to get a new plan."),
        Who.OWNER,
        needs_new_plan=True,
    ),
)
