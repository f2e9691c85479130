"""Where is each page? Accounts by their number, runs by their id."""

from django.urls import path

from onboarding.views import (
    acts,
    audit,
    batches,
    by_hand,
    decide,
    front,
    health,
    importing,
    invitations,
    joining,
    leaving,
    logs,
    notices,
    people,
    plan,
    rights,
    run,
    staff,
    stream,
    style,
    wizard,
)
from onboarding.views.fleet import account as fleet_account
from onboarding.views.fleet import accounts as fleet_accounts
from onboarding.views.fleet import blueprint as fleet_blueprint
from onboarding.views.fleet import bulk as fleet_bulk
from onboarding.views.fleet import coverage_map as fleet_map
from onboarding.views.fleet import export as fleet_export
from onboarding.views.fleet import failures as fleet_failures
from onboarding.views.fleet import overview as fleet_overview

urlpatterns = [
    path("", front.front, name="front"),
    path("register/", wizard.register, name="register"),
    path("aws/<slug:number>/details/", wizard.account_details, name="account-details"),
    path("aws/<slug:number>/hand-over/", wizard.hand_over_role, name="hand-over"),
    path(
        "aws/<slug:number>/hand-over/credentials/", wizard.hand_over_credentials, name="hand-over-credentials"
    ),
    path("aws/<slug:number>/hand-over/template.yaml", wizard.hand_over_template, name="hand-over-template"),
    path("aws/<slug:number>/hand-over/rotate/", rights.rotate_external_id, name="rotate-external-id"),
    path("aws/<slug:number>/by-hand/", by_hand.by_hand, name="by-hand"),
    path("aws/<slug:number>/by-hand/<slug:stack>.yaml", by_hand.template, name="by-hand-template"),
    path("aws/<slug:number>/start-again/", acts.start_again, name="start-again"),
    path("aws/<slug:number>/logs/", logs.logs, name="logs"),
    path("aws/<slug:number>/leave/", leaving.leave, name="leave"),
    path("aws/<slug:number>/audit/", audit.account_audit, name="account-audit"),
    path("aws/<slug:number>/audit.jsonl", audit.account_audit_export, name="account-audit-export"),
    path("aws/<slug:number>/people/", people.people, name="people"),
    path("aws/<slug:number>/people/<int:user_id>/remove/", people.remove, name="remove-owner"),
    path("aws/<slug:number>/people/<int:user_id>/make-owner/", people.hand_on, name="hand-on"),
    path(
        "aws/<slug:number>/invitations/<int:invitation_id>/revoke/", people.revoke, name="revoke-invitation"
    ),
    path("aws/<slug:number>/ask/", joining.ask_owners, name="ask-owners"),
    path("invitation/", joining.invitation, name="invitation"),
    path("invitation/<str:token>/", joining.invitation_link, name="invitation-link"),
    path("fleet/blueprint/", fleet_blueprint.blueprint, name="fleet-blueprint"),
    path("fleet/import/", importing.import_accounts, name="import"),
    path("fleet/batches/<uuid:batch_id>/", batches.batch, name="batch"),
    path("fleet/batches/<uuid:batch_id>/confirm/", batches.confirm, name="confirm-batch"),
    path("fleet/batches/<uuid:batch_id>/not-done.csv", batches.report, name="batch-report"),
    path("fleet/invitations/", invitations.invitations_page, name="invitations"),
    path("fleet/invitations/new/", invitations.invite_owner, name="invite-owner"),
    path("fleet/invitations/<int:asked_id>/remind/", invitations.remind, name="remind-of-invitation"),
    path(
        "fleet/invitations/<int:asked_id>/take-back/",
        invitations.take_back,
        name="take-back-invitation",
    ),
    path("staff/", staff.staff, name="staff"),
    path("notices/", notices.notices, name="notices"),
    path("notices/<int:notice_id>/try-again/", notices.try_again, name="try-notice-again"),
    path("audit/", audit.audit, name="audit"),
    path("audit.jsonl", audit.audit_export, name="audit-export"),
    path("fleet/", fleet_overview.overview, name="fleet"),
    path("fleet/movement/", fleet_overview.movement, name="fleet-movement"),
    path("fleet/map/", fleet_map.coverage_map, name="fleet-map"),
    path("fleet/failures/", fleet_failures.failures, name="fleet-failures"),
    path("fleet/failures/<slug:code>/retry/", fleet_failures.retry, name="fleet-retry"),
    path("fleet/accounts.csv", fleet_export.accounts_csv, name="fleet-accounts-csv"),
    path("fleet/accounts.json", fleet_export.accounts_json, name="fleet-accounts-json"),
    path("fleet/accounts/", fleet_accounts.accounts, name="fleet-accounts"),
    path("fleet/accounts/bulk/", fleet_bulk.bulk, name="bulk"),
    path("fleet/accounts/views/", fleet_bulk.save_view, name="save-view"),
    path("fleet/accounts/views/<int:view_id>/forget/", fleet_bulk.forget_view, name="forget-view"),
    path("fleet/accounts/<slug:number>/desk/", fleet_bulk.act, name="desk"),
    path("fleet/accounts/<slug:number>/history/", fleet_account.history, name="fleet-account-history"),
    path("fleet/accounts/<slug:number>/", fleet_account.account, name="fleet-account"),
    path("second-factor/", staff.second_factor, name="second-factor"),
    path("runs/<uuid:run_id>/", run.run, name="run"),
    path("runs/<uuid:run_id>/aws/", run.aws_words, name="aws-words"),
    path("runs/<uuid:run_id>/plan/", plan.plan, name="plan"),
    path("runs/<uuid:run_id>/approval/", plan.approval_document, name="approval"),
    path("runs/<uuid:run_id>/decide/", decide.decide, name="decide"),
    path("runs/<uuid:run_id>/approve/", plan.approve, name="approve"),
    path("runs/<uuid:run_id>/rights/", rights.rights, name="rights"),
    path("runs/<uuid:run_id>/check-again/", rights.check_again, name="check-again"),
    path("runs/<uuid:run_id>/hand-over-role/", rights.hand_over_role_gone, name="hand-over-role-gone"),
    path("runs/<uuid:run_id>/retry/", acts.retry, name="retry"),
    path("runs/<uuid:run_id>/cancel/", acts.cancel, name="cancel"),
    path("runs/<uuid:run_id>/leave-as-is/", acts.leave_as_is, name="leave-as-is"),
    path("runs/<uuid:run_id>/undo/", acts.undo, name="undo"),
    path("runs/<uuid:run_id>/events", stream.events, name="events"),
    path("style/", style.style, name="style"),
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
]
