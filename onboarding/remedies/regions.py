"""What goes wrong in a single region, with its stack or its trail?"""

from django.utils.translation import gettext_lazy as _

from onboarding.remedies.remedy import Remedy, Who, sign
from onboarding.states import FailureKind, StepKind

HERE = (StepKind.REGION_TRAIL.value, StepKind.VERIFY_REGION.value, "survey")

ROWS = (
    Remedy(
        "too_many_trails",
        _("The region already has five trails"),
        _("AWS allows no sixth, and an organization's or another region's trail counts too."),
        _("Ours can't be added here. The other regions go on."),
        _("Delete a trail that nobody needs in this region, then start again."),
        Who.OWNER,
        signs=(
            sign("MaximumNumberOfTrailsExceededException"),
            sign(text=r"maximum number of trails|already has \d+ trails"),
        ),
        needs_new_plan=True,
    ),
    Remedy(
        "trail_name_taken",
        _("A trail of that name exists"),
        _("The stack wants to make a trail whose name is taken."),
        _("This region's trail was not made. The other regions go on."),
        _("Try again: a new name is made up each time."),
        Who.OWNER,
        signs=(sign("TrailAlreadyExistsException"), sign(text=r"Trail .* already exists")),
    ),
    Remedy(
        "trail_busy",
        _("CloudTrail is busy with this trail"),
        _("Another change of the trail hasn't ended yet."),
        _("It passes by itself within minutes."),
        _("Try again in a few minutes."),
        Who.OWNER,
        signs=(sign("ConflictException"),),
    ),
    Remedy(
        "wrong_home_region",
        _("Internal error"),
        _("A trail was addressed in another region than its own."),
        _("Nothing was changed."),
        _("Nothing for you to do: tell infosec if it stays."),
        Who.PORTAL,
        signs=(sign("InvalidHomeRegionException"),),
    ),
    Remedy(
        "not_logging",
        _("The trail isn't logging"),
        _("The region's trail is there, but switched off, missing or delivering elsewhere."),
        _("What happens in this region isn't recorded for infosec."),
        _("Start again: the plan switches it on."),
        Who.OWNER,
        needs_new_plan=True,
    ),
    Remedy(
        "trail_missing",
        _("The trail isn't there"),
        _("The region's stack is there, but its trail is not."),
        _("What happens in this region isn't recorded for infosec."),
        _("Start again: the plan makes it anew."),
        Who.OWNER,
        signs=(sign("TrailNotFoundException"),),
        needs_new_plan=True,
    ),
    Remedy(
        "region_stack_failed",
        _("The region's stack failed"),
        _("AWS could not create it; its words say why."),
        _("This region has no trail of ours. The other regions go on."),
        _("Put right what is named there, then start again: only what failed is done again."),
        Who.OWNER,
    ),
    Remedy(
        "region_stack_missing",
        _("The region's stack was not made"),
        _("The installer has ended and left no stack here."),
        _("This region has no trail of ours. The other regions go on."),
        _("Start again: only what failed is done again."),
        Who.OWNER,
    ),
    Remedy(
        "region_not_begun",
        _("The installer left this region out"),
        _("It ended, twice, without making a stack here and without a reason."),
        _("This region has no trail of ours. The other regions go on."),
        _("Start again: only what failed is done again."),
        Who.OWNER,
    ),
    Remedy(
        "region_denied_by_organization",
        _("Your organization blocks this region"),
        _("A policy of your AWS organization refuses everything here."),
        _("No trail can be made here by us, nor can anybody else do much here."),
        _("Nothing, if that is meant. Else ask your organization's administrators to allow CloudTrail."),
        Who.OWNER,
        signs=(sign(kinds=(FailureKind.DENIED_BY_ORGANIZATION,), places=HERE),),
    ),
    Remedy(
        "region_not_enabled",
        _("This region isn't enabled in your account"),
        _("AWS answers there as if it didn't know you."),
        _("Nothing can happen there, so it needs no trail."),
        _("Nothing. If you enable the region later, start again."),
        Who.NOBODY,
        signs=(sign(kinds=(FailureKind.NOT_ENABLED,)),),
    ),
    Remedy(
        "regions_not_listed",
        _("Only the default regions were looked at"),
        _("Your access may not list the account's regions."),
        _("A region that you enabled yourself may have been missed."),
        _("Hand over a role made from the hand-over template: it may list regions."),
        Who.OWNER,
        needs_new_plan=True,
    ),
)

GENERAL_ROWS = (
    Remedy(
        "region_unreachable",
        _("The region could not be reached"),
        _("AWS gave no answer from there, several times."),
        _("Nothing is known of it just now. The other regions go on."),
        _("Try again later."),
        Who.OWNER,
        signs=(sign(kinds=(FailureKind.UNREACHABLE,)),),
    ),
    Remedy(
        "answer_unreadable",
        _("AWS's answer could not be read"),
        _("Something between AWS and us answered instead of AWS, or the answer was cut."),
        _("We don't know whether the request was carried out; we look again before we repeat it."),
        _("Try again later; if it stays, tell infosec."),
        Who.INFOSEC,
        signs=(sign(kinds=(FailureKind.UNREADABLE,)),),
    ),
    Remedy(
        "throttled",
        _("AWS asks us to go slower"),
        _("Too many requests reached AWS for this account at once."),
        _("Nothing is wrong, it only takes longer."),
        _("Nothing: it is tried again by itself."),
        Who.NOBODY,
        signs=(sign(kinds=(FailureKind.THROTTLED,)),),
    ),
)
