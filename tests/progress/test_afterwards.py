"""Do the plain words tell of every right that the two roles get, and of none that they don't?"""

import dataclasses
import re

import pytest

from onboarding.blueprint import build_blueprint
from onboarding.observed import Role
from onboarding.progress import afterwards
from tests.surveys import COMPANY, make_survey

OLD = Role(
    arn="arn:aws:iam::484535289196:role/old-OpSec",
    name="old-OpSec",
    trusted_principals=("arn:aws:iam::656532927350:role/OpSecTrustedAuditor",),
    attached_policy_arns=(
        "arn:aws:iam::aws:policy/SecurityAudit",
        "arn:aws:iam::aws:policy/AdministratorAccess",
    ),
)


def test_every_action_of_the_template_stands_beside_the_words_that_tell_of_it() -> None:
    body = build_blueprint(COMPANY).roles.template.body
    in_template = set(re.findall(r"^\s*- ([a-z0-9]+:[A-Za-z*]+)$", body, re.MULTILINE))
    roles = afterwards.roles_in_words(COMPANY)
    told = {each for role in roles for right in role.rights for each in right.exactly}
    assert in_template <= told
    assert told - in_template == {
        "arn:aws:iam::aws:policy/SecurityAudit",
        *COMPANY.roles.incident_response_policy_arns,
    }


def test_a_statement_without_words_would_be_noticed() -> None:
    body = build_blueprint(COMPANY).roles.template.body
    assert set(afterwards.statements(body)) == set(afterwards._WORDS)


def test_who_may_use_each_role_is_named() -> None:
    audit, response = afterwards.roles_in_words(COMPANY)
    assert audit.principal_arn == COMPANY.roles.security_audit_principal_arn
    assert response.principal_arn == COMPANY.roles.incident_response_principal_arn


def test_another_companys_policy_is_named_as_what_it_is() -> None:
    roles = dataclasses.replace(
        COMPANY.roles, incident_response_policy_arns=("arn:aws:iam::aws:policy/PowerUserAccess",)
    )
    _audit, response = afterwards.roles_in_words(dataclasses.replace(COMPANY, roles=roles))
    assert "PowerUserAccess" in str(response.rights[0].words)


@pytest.mark.parametrize("is_removed", [True, False])
def test_old_rights_end_when_their_role_goes_and_stay_when_it_does_not(is_removed: bool) -> None:
    survey = dataclasses.replace(make_survey(), old_roles=(OLD,))
    found = afterwards.afterwards_of(
        COMPANY,
        survey,
        removed_roles=frozenset({OLD.name} if is_removed else ()),
        deploys_roles=True,
    )
    (old,) = [change for change in found.changes if OLD.name in change.words]
    assert old.kind == ("ends" if is_removed else "stays")
    assert "AdministratorAccess" in old.words
    (audit,) = [change for change in found.changes if "policy SecurityAudit" in change.words]
    assert audit.kind == ("stays" if is_removed else "new")


def test_where_the_roles_are_right_already_nothing_is_new() -> None:
    found = afterwards.afterwards_of(COMPANY, None, removed_roles=frozenset(), deploys_roles=False)
    assert {change.kind for change in found.changes} == {"stays"}
