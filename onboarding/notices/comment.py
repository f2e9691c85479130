"""What does the ticket get to read? What its owner once wrote by hand: that both stacks exist, and where.

Plain text for any tracker, in the portal's own language, as a ticket's readers are many. Made of what the
run's own steps proved, and so the same for ever.
"""

from collections.abc import Iterable, Sequence
from urllib.parse import urljoin

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from onboarding.models import Run, Step
from onboarding.states import StepKind, StepStatus

# The outputs of the role stack, by the template's names for them.
_ROLES = {
    "SecurityAuditRoleArn": gettext_lazy("Security audit role"),
    "IncidentResponseRoleArn": gettext_lazy("Incident response role"),
}


def run_url(run: Run) -> str:
    """The run's page."""
    return urljoin(f"{settings.PUBLIC_URL}/", reverse("run", args=[run.pk]))


def is_in(run: Run, texts: Iterable[str]) -> bool:
    """Whether one of these is the comment on this run: by its last words, which don't change.

    By the run's address alone it isn't known again: anybody may have pasted that into the ticket.
    """
    with translation.override(settings.LANGUAGE_CODE):
        ending = _proof(run)
    return any(" ".join(text.split()).endswith(ending) for text in texts)


def comment_on(run: Run, steps: Iterable[Step]) -> str:
    """The comment on a verified run."""
    done = [step for step in steps if step.status == StepStatus.FINISHED]
    with translation.override(settings.LANGUAGE_CODE):
        return "\n\n".join(
            part
            for part in (_opening(run), _roles(run, done), _trails(run, done), _ending(run, done))
            if part
        )


def _opening(run: Run) -> str:
    return _("Both stacks are in place in the AWS account %(number)s (%(name)s).") % {
        "number": run.account.number,
        "name": " ".join(run.account.name.split()),
    }


def _roles(run: Run, done: Sequence[Step]) -> str:
    stack = settings.COMPANY.roles.stack_name
    proven: dict[str, str] = next((step.outputs for step in done if step.kind == StepKind.VERIFY_ROLES), {})
    lines = [_("Roles: stack %(stack)s in %(region)s") % {"stack": stack, "region": run.home_region}]
    lines += [f"- {label}: {proven[name]}" for name, label in _ROLES.items() if proven.get(name)]
    return "\n".join(lines)


def _trails(run: Run, done: Sequence[Step]) -> str:
    regions = sorted(step.region for step in done if step.kind == StepKind.VERIFY_REGION)
    stack = settings.COMPANY.trails.parent_stack_name
    covered = ngettext(
        "CloudTrail logs in %(count)d region, and a first log has arrived from it:",
        "CloudTrail logs in %(count)d regions, and a first log has arrived from each:",
        len(regions),
    ) % {"count": len(regions)}
    return "\n".join(
        [
            _("CloudTrail: stack %(stack)s in %(region)s") % {"stack": stack, "region": run.home_region},
            f"{covered} {', '.join(regions)}",
        ]
    )


def _ending(run: Run, done: Sequence[Step]) -> str:
    gone = [
        _("Removed: the old stack %(stack)s in %(region)s") % {"stack": step.target, "region": step.region}
        for step in done
        if step.kind == StepKind.REMOVE_STACK
    ]
    return "\n".join([*gone, _proof(run)])


def _proof(run: Run) -> str:
    at = run.finished_at
    proof = _("Verified from outside, through the new audit role, on %(day)s (UTC). What was proven:") % {
        "day": at.strftime("%Y-%m-%d %H:%M") if at else "?"
    }
    return f"{proof} {run_url(run)}"
