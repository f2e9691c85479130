"""The blueprint: names, parameters, digests and addresses."""

import dataclasses
import hashlib
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from onboarding.blueprint import (
    BLUEPRINT_TAG,
    DIGEST_TAG,
    RELEASES,
    build_blueprint,
    generated_name_pattern,
    handover_parameters,
    is_current,
    part_digest,
    quick_create_url,
    roles_parameters,
    sources_digest,
    template_key,
    template_url,
    trails_parameters,
)
from onboarding.company import Company, load_company


@pytest.fixture
def company() -> Company:
    return load_company(Path(__file__).parents[1] / "company.example.toml")


@pytest.fixture
def publishing(company: Company) -> Company:
    return dataclasses.replace(
        company, templates=dataclasses.replace(company.templates, bucket="infosec-templates")
    )


def test_a_blueprint_is_built_once_for_a_company(company: Company) -> None:
    assert build_blueprint(company) is build_blueprint(dataclasses.replace(company))


def test_a_digest_is_the_bodys_and_stands_in_the_tags(company: Company) -> None:
    blueprint = build_blueprint(company)
    for stack in (blueprint.roles, blueprint.trails, blueprint.handover):
        assert stack.template.digest == hashlib.sha256(stack.template.body.encode()).hexdigest()
        assert stack.tags == {BLUEPRINT_TAG: stack.template.name, DIGEST_TAG: stack.template.digest}


def test_the_digest_changes_with_what_is_installed_and_with_nothing_else(company: Company) -> None:
    digest = build_blueprint(company).digest
    build_blueprint.cache_clear()
    assert build_blueprint(company).digest == digest
    assert build_blueprint(dataclasses.replace(company, infosec_contact="else@example.org")).digest == digest
    storage = dataclasses.replace(company.storage, bucket="another-bucket")
    assert build_blueprint(dataclasses.replace(company, storage=storage)).digest != digest
    old = dataclasses.replace(company.old, stack_names=("another-name",))
    assert build_blueprint(dataclasses.replace(company, old=old)).digest != digest


def test_each_stack_gets_every_parameter_of_its_template(company: Company) -> None:
    blueprint = build_blueprint(company)
    expires_at = datetime(2026, 12, 1, tzinfo=UTC)
    for stack, parameters in [
        (blueprint.roles, roles_parameters(blueprint)),
        (blueprint.trails, trails_parameters(blueprint, regions=["us-east-1"], choices={}, attempt=1)),
        (blueprint.handover, handover_parameters(blueprint, external_id="e" * 36, expires_at=expires_at)),
    ]:
        declared = stack.template.body.split("\nParameters:\n")[1].split("\n\n")[0].splitlines()
        assert set(parameters) == {
            line.strip(" :") for line in declared if line.startswith("  ") and line[2] != " "
        }


def test_equal_sets_of_regions_give_equal_parameters(company: Company) -> None:
    blueprint = build_blueprint(company)
    one = trails_parameters(
        blueprint, regions=["us-east-1", "eu-west-1"], choices={"eu-west-1": "skip"}, attempt=2
    )
    other = trails_parameters(
        blueprint, regions=("eu-west-1", "us-east-1", "eu-west-1"), choices={"eu-west-1": "skip"}, attempt=2
    )
    assert one == other
    assert one["Regions"] == "eu-west-1,us-east-1"
    assert one["RegionChoices"] == "eu-west-1=skip"
    assert one["Attempt"] == "2"
    assert one["TemplateDigest"] == blueprint.trails.template.digest


def test_all_regions_with_choices_fit_into_a_parameter(company: Company) -> None:
    regions = [f"ap-southeast-{number}" for number in range(40)]
    parameters = trails_parameters(
        build_blueprint(company), regions=regions, choices=dict.fromkeys(regions, "adopt"), attempt=1
    )
    assert all(len(value) <= 4096 for value in parameters.values())


@pytest.mark.parametrize("choices", [{"us-east-1": "delete"}, {"eu-west-1": "skip"}])
def test_a_choice_that_makes_no_sense_is_refused(company: Company, choices: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="no such choice"):
        trails_parameters(build_blueprint(company), regions=["us-east-1"], choices=choices, attempt=1)


def test_the_expiry_is_written_in_utc(company: Company) -> None:
    blueprint = build_blueprint(company)
    local = datetime(2026, 12, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    parameters = handover_parameters(blueprint, external_id="an-id", expires_at=local)
    assert parameters == {"ExternalId": "an-id", "ExpiresAt": "2026-11-30T23:00:00Z"}
    with pytest.raises(ValueError, match="time zone"):
        handover_parameters(blueprint, external_id="an-id", expires_at=datetime(2026, 12, 1))  # noqa: DTZ001


def test_a_live_stack_is_current_when_its_digest_and_parameters_are(company: Company) -> None:
    blueprint = build_blueprint(company)
    wanted = trails_parameters(blueprint, regions=["us-east-1"], choices={}, attempt=2)
    tags = dict(blueprint.trails.tags)
    assert is_current(blueprint.trails, wanted, tags=tags, parameters={**wanted, "Attempt": "1"})
    assert not is_current(blueprint.trails, wanted, tags=tags, parameters={**wanted, "Regions": ""})
    assert not is_current(blueprint.trails, wanted, tags=tags, parameters={})
    assert not is_current(blueprint.trails, wanted, tags={DIGEST_TAG: "old"}, parameters=wanted)
    assert not is_current(blueprint.trails, wanted, tags={}, parameters=wanted)


def test_a_published_template_has_its_digest_in_its_address(company: Company, publishing: Company) -> None:
    template = build_blueprint(publishing).roles.template
    assert template_key(template) == f"templates/{template.digest}/infosec_client_roles.yaml"
    assert template_url(template, publishing) == (
        f"https://infosec-templates.s3.us-west-2.amazonaws.com/templates/{template.digest}/infosec_client_roles.yaml"
    )
    assert template_url(template, company) is None


def test_a_quick_create_link_is_filled_in_behind_the_hash(company: Company, publishing: Company) -> None:
    blueprint = build_blueprint(publishing)
    parameters = handover_parameters(
        blueprint, external_id="a/b=c", expires_at=datetime(2026, 12, 1, tzinfo=UTC)
    )
    link = quick_create_url(blueprint.handover, publishing, region="us-west-2", parameters=parameters)
    assert link is not None
    address, _, fragment = link.partition("#")
    assert address == "https://us-west-2.console.aws.amazon.com/cloudformation/home?region=us-west-2"
    query = parse_qs(fragment.partition("?")[2])
    assert query["param_ExternalId"] == ["a/b=c"]
    assert query["stackName"] == ["InfosecOnboardingHandover"]
    assert query["templateURL"] == [template_url(blueprint.handover.template, publishing)]
    assert quick_create_url(blueprint.handover, company, region="us-west-2", parameters=parameters) is None


@pytest.mark.parametrize(
    ("stack_name", "pattern"),
    [
        ("InfosecClientRoles", "InfosecClientRoles-*"),
        ("DeployCloudTrailCloudFormationStacks", "DeployCloudTrail*"),
        ("S" * 29, "S" * 29 + "-*"),
        ("S" * 30, "S" * 16 + "*"),
    ],
)
def test_patterns_match_the_names_that_cloudformation_cuts(stack_name: str, pattern: str) -> None:
    assert generated_name_pattern(stack_name) == pattern


@pytest.mark.parametrize("answered", ["b,a", "b, a", "['b', 'a']"])
def test_a_list_is_the_same_however_an_endpoint_answers_it(company: Company, answered: str) -> None:
    blueprint = build_blueprint(company)
    tags = {DIGEST_TAG: blueprint.roles.template.digest}
    name = "IncidentResponsePolicyArns"
    assert is_current(blueprint.roles, {name: "b,a"}, tags=tags, parameters={name: answered})
    assert not is_current(blueprint.roles, {name: "b"}, tags=tags, parameters={name: answered})


def test_whoever_changes_a_template_adds_a_release() -> None:
    """While nobody deployed the last release, its digest may follow: put this one into RELEASES."""
    assert RELEASES[-1].sources == sources_digest()
    assert len({release.version for release in RELEASES}) == len(RELEASES)


def test_a_deployed_parts_digest_changes_with_template_and_settings_and_not_with_lists_spelling(
    company: Company,
) -> None:
    roles = build_blueprint(company).roles
    digest = part_digest(roles)
    as_read = {name: value.replace(",", ", ") for name, value in roles.parameters.items()}
    assert part_digest(roles, template_digest=roles.template.digest, parameters=as_read) == digest
    assert part_digest(roles, template_digest="0" * 64, parameters=as_read) != digest
    for name in as_read:
        assert part_digest(roles, parameters=as_read | {name: "another"}) != digest
    trails = build_blueprint(company).trails
    more = dict(trails.parameters) | {"Regions": "us-east-1", "Attempt": "7"}
    assert part_digest(trails, parameters=more) == part_digest(trails)
