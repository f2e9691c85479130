"""What can an operator look up in the database? Everything but secrets; and change nothing.

Sign-in is the portal's own, with its rate limits; who may look is a superuser with a second factor.
"""

# ruff: noqa: ARG002 - permissions are asked with Django's signatures

from typing import TYPE_CHECKING, Any

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model, URLField
from django.http import HttpRequest, HttpResponse

from onboarding.middleware.gatekeeper import demand_second_factor, passed_second_factor
from onboarding.models import (
    AwsAccount,
    Event,
    Grant,
    Member,
    Ownership,
    RegionReading,
    Run,
    StaffRole,
    Step,
    WorkItem,
)
from onboarding.models.people import role_of


def _may_look(request: HttpRequest) -> bool:
    return role_of(request.user) == StaffRole.SUPERUSER and passed_second_factor(request)


def _lead_in(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    """Who isn't let in comes here: a superuser is led to the second factor, everybody else is turned away."""
    if role_of(request.user) == StaffRole.SUPERUSER:
        demand_second_factor(request)
    answer: HttpResponse = secure_admin_login(_login)(request, extra_context)
    return answer


_login = admin.site.login
admin.site.login = _lead_in  # type: ignore[method-assign]  # the admin signs in through allauth
admin.site.has_permission = _may_look  # type: ignore[method-assign]  # and asks for the second factor

if TYPE_CHECKING:
    ReadOnlyBase = admin.ModelAdmin[Model]
else:
    ReadOnlyBase = admin.ModelAdmin

# Other packages' pages change users, passwords and second factors; here nothing is changed.
for _model in tuple(admin.site._registry):  # noqa: SLF001 - Django has no public list
    admin.site.unregister(_model)


class ReadOnly(ReadOnlyBase):
    """Lists and shows; never adds, changes or deletes."""

    list_per_page = 50
    show_full_result_count = False
    formfield_overrides = {URLField: {"assume_scheme": "https"}}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(AwsAccount)
class AwsAccountAdmin(ReadOnly):
    list_display = ("number", "name", "contact_email", "registered_at")
    search_fields = ("number", "name", "contact_email")
    # For its owners' eyes alone.
    exclude = ("external_id",)


@admin.register(User)
class UserAdmin(ReadOnly):
    list_display = ("email", "is_active", "last_login", "date_joined")
    search_fields = ("email",)
    fields = ("email", "is_active", "last_login", "date_joined")


@admin.register(Member)
class MemberAdmin(ReadOnly):
    list_display = ("user", "role", "by_provider", "since")
    list_select_related = ("user",)
    list_filter = ("role",)


@admin.register(Ownership)
class OwnershipAdmin(ReadOnly):
    list_display = ("account", "user", "role", "since")
    list_select_related = ("account", "user")


@admin.register(Grant)
class GrantAdmin(ReadOnly):
    list_display = ("account", "kind", "handed_over_by", "handed_over_at", "destroyed_at")
    list_select_related = ("account", "handed_over_by")
    list_filter = ("kind",)
    exclude = ("sealed",)


@admin.register(Run)
class RunAdmin(ReadOnly):
    list_display = ("id", "account", "status", "reason_code", "status_since", "finished_at")
    list_select_related = ("account",)
    list_filter = ("status",)
    search_fields = ("account__number", "account__name")


@admin.register(Step)
class StepAdmin(ReadOnly):
    list_display = ("run_id", "ordinal", "kind", "region", "status", "aws_status", "reason_code", "attempts")
    list_filter = ("status", "kind", "region")
    search_fields = ("run__account__number",)


@admin.register(WorkItem)
class WorkItemAdmin(ReadOnly):
    list_display = ("run_id", "stage", "region", "due_at", "holder", "lease_until", "claims", "faults")
    list_filter = ("stage", "region")


@admin.register(RegionReading)
class RegionReadingAdmin(ReadOnly):
    list_display = (
        "account",
        "region",
        "state",
        "stack_status",
        "is_logging",
        "latest_delivery_at",
        "read_at",
    )
    list_select_related = ("account",)
    list_filter = ("state", "region")
    search_fields = ("account__number",)


@admin.register(Event)
class EventAdmin(ReadOnly):
    list_display = ("run_id", "number", "at", "kind", "region")
    list_filter = ("kind",)
    search_fields = ("run__account__number",)
    ordering = ("-at",)
