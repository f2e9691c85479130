"""The installer's function: every region settled or told apart, and CloudFormation always answered."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from onboarding.blueprint import BLUEPRINT_TAG, DIGEST_TAG, REGION_CHOICES, REGIONAL_DESCRIPTION, Blueprint
from tests.cloudformation.installer_world import FakeRegion, FakeWorld, VirtualClock, refused

NAME = "MozillaSecuredCloudTrail"
Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(installer: ModuleType, blueprint: Blueprint) -> Ask:
    def ask(
        world: FakeWorld,
        kind: str = "Create",
        regions: str = "",
        choices: str = "",
        named: dict[str, str] | None = None,
        **event: Any,
    ) -> dict[str, Any]:
        properties = {
            "Regions": (regions or ",".join(world.regions)).split(","),
            "RegionChoices": choices,
            "Attempt": "1",
            **blueprint.trails.parameters,
            **(named or {}),
        }
        request = {
            "RequestType": kind,
            "RequestId": "5f2e6c1a-0000-4000-8000-000000000001",
            "StackId": "arn:aws:cloudformation:us-west-2:111122223333:stack/Parent/1",
            "LogicalResourceId": "RegionalTrails",
            "ResourceProperties": properties,
            **event,
        }
        answer: dict[str, Any] = installer.respond(request, lambda: world, VirtualClock())
        assert len(json.dumps(answer).encode()) <= 4096
        return answer

    return ask


@pytest.fixture
def standing(installer: ModuleType, blueprint: Blueprint) -> Callable[..., None]:
    """Puts the regional stack into a region as a former run left it."""

    def stand(region: FakeRegion, status: str = "CREATE_COMPLETE", **changes: Any) -> None:
        parameters = {
            "BucketName": blueprint.company.storage.bucket,
            "TopicArn": blueprint.company.storage.topic_arn,
        }
        region.stack = {
            "StackId": f"arn:{region.name}:old",
            "StackName": NAME,
            "StackStatus": status,
            "Description": REGIONAL_DESCRIPTION,
            "Parameters": installer.pairs(parameters, "ParameterKey", "ParameterValue"),
            "Tags": installer.pairs(
                {BLUEPRINT_TAG: "regional_trail", DIGEST_TAG: blueprint.regional_template.digest},
                "Key",
                "Value",
            ),
            **changes,
        }
        if status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            region._trail_from_stack()

    return stand


def test_the_rendered_function_carries_the_regional_template(
    installer: ModuleType, blueprint: Blueprint
) -> None:
    assert blueprint.regional_template.body == installer.REGIONAL_TEMPLATE
    assert blueprint.regional_template.digest == installer.DIGEST
    assert (BLUEPRINT_TAG, DIGEST_TAG) == (installer.BLUEPRINT_TAG, installer.DIGEST_TAG)
    assert REGIONAL_DESCRIPTION == installer.DESCRIPTION
    assert f"Description: {REGIONAL_DESCRIPTION}\n" in installer.REGIONAL_TEMPLATE
    assert REGION_CHOICES == ("skip", "adopt", "clear")


def test_an_empty_account_gets_a_stack_in_every_region(ask: Ask) -> None:
    world = FakeWorld("us-east-1", "eu-west-1", "ap-south-1")
    answer = ask(world)
    assert answer["Status"] == "SUCCESS"
    assert answer["Data"] == {"Covered": "3", "Failed": "0", "Pending": "0", "Reasons": "none"}
    for region in world.regions.values():
        assert region.writes == ["CreateStack"]
        assert region.trails[f"{NAME}-Trail-1"]["IsLogging"]
        assert {one["Key"] for one in region.stack["Tags"]} == {BLUEPRINT_TAG, DIGEST_TAG}  # type: ignore[index]


def test_a_region_that_is_right_is_left_alone(ask: Ask, standing: Any) -> None:
    world = FakeWorld("us-east-1", "eu-west-1")
    standing(world["us-east-1"], "UPDATE_COMPLETE")
    assert ask(world, "Update")["Data"]["Covered"] == "2"
    assert world["us-east-1"].writes == []
    assert world["eu-west-1"].writes == ["CreateStack"]


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"])
def test_a_dead_stack_of_ours_is_deleted_and_made_anew(ask: Ask, standing: Any, status: str) -> None:
    world = FakeWorld("us-east-1")
    standing(world["us-east-1"], status)
    assert ask(world)["Data"]["Covered"] == "1"
    assert world["us-east-1"].writes == ["DeleteStack", "CreateStack"]


def test_a_stack_with_other_contents_is_updated(ask: Ask, standing: Any) -> None:
    world = FakeWorld("us-east-1")
    standing(world["us-east-1"], Tags=[{"Key": BLUEPRINT_TAG, "Value": "regional_trail"}])
    assert ask(world)["Data"]["Covered"] == "1"
    assert world["us-east-1"].writes == ["UpdateStack"]


def test_nothing_to_update_is_success(ask: Ask, standing: Any) -> None:
    world = FakeWorld("us-east-1")
    standing(world["us-east-1"])
    world["us-east-1"].stack["StackStatus"] = "UPDATE_ROLLBACK_COMPLETE"  # type: ignore[index]
    assert ask(world)["Data"]["Covered"] == "1"
    assert world["us-east-1"].writes == ["UpdateStack"]


def test_a_stuck_update_rollback_is_continued_first(ask: Ask, standing: Any) -> None:
    world = FakeWorld("us-east-1")
    standing(world["us-east-1"])
    world["us-east-1"].stack["StackStatus"] = "UPDATE_ROLLBACK_FAILED"  # type: ignore[index]
    assert ask(world)["Data"]["Covered"] == "1"
    assert world["us-east-1"].writes == ["ContinueUpdateRollback", "UpdateStack"]


def test_an_update_that_rolls_back_fails_its_region_alone(ask: Ask, standing: Any) -> None:
    world = FakeWorld("us-east-1", "eu-west-1")
    standing(world["us-east-1"], Tags=[{"Key": BLUEPRINT_TAG, "Value": "regional_trail"}])
    world["us-east-1"].update_ends = "UPDATE_ROLLBACK_COMPLETE"
    answer = ask(world, "Update")
    assert answer["Status"] == "SUCCESS"
    assert answer["Data"]["Covered"] == "1"
    assert answer["Data"]["Reasons"].startswith("us-east-1: Resource handler returned")


def test_a_stack_in_progress_is_waited_for(ask: Ask, standing: Any) -> None:
    world = FakeWorld("us-east-1")
    standing(world["us-east-1"], "CREATE_IN_PROGRESS")
    world["us-east-1"].begin("CREATE_IN_PROGRESS", "CREATE_COMPLETE")
    assert ask(world)["Data"]["Covered"] == "1"
    assert world["us-east-1"].writes == []


def test_a_stack_that_infosec_did_not_make_is_refused(ask: Ask, standing: Any) -> None:
    world = FakeWorld("us-east-1", "eu-west-1")
    standing(world["us-east-1"], Tags=[], Description="Somebody's own")
    answer = ask(world)
    assert answer["Data"]["Reasons"] == "us-east-1: A stack of this name exists that infosec did not make"
    assert world["us-east-1"].writes == []


def test_a_foreign_stack_is_adopted_only_by_choice(ask: Ask, standing: Any) -> None:
    world = FakeWorld("us-east-1")
    standing(world["us-east-1"], Tags=[], Description="Somebody's own")
    assert ask(world, choices="us-east-1=adopt")["Data"]["Covered"] == "1"
    assert world["us-east-1"].writes == ["UpdateStack"]


def test_a_waiting_change_set_is_not_touched(ask: Ask, standing: Any) -> None:
    world = FakeWorld("us-east-1")
    standing(world["us-east-1"], "REVIEW_IN_PROGRESS")
    answer = ask(world)
    assert answer["Data"]["Reasons"] == "us-east-1: A change set waits under the stack's name"
    assert world["us-east-1"].writes == []


OWN = "arn:aws:cloudtrail:us-east-1:111122223333:trail/own"


def own_trail(**changes: Any) -> dict[str, Any]:
    return {
        "S3BucketName": "own",
        "SnsTopicARN": "",
        "IsLogging": True,
        "IsMultiRegionTrail": True,
        **changes,
    }


def test_a_named_trail_of_the_owners_delivers_to_the_log_storage_and_no_stack_is_made(
    ask: Ask, blueprint: Blueprint
) -> None:
    world = FakeWorld("us-east-1", "eu-west-1")
    world["us-east-1"].trails = {
        OWN: own_trail(KmsKeyId="key", LogFileValidationEnabled=False),
        "arn:other": own_trail(),
    }
    answer = ask(
        world,
        choices="eu-west-1=skip,us-east-1=skip",
        named={"RepointedTrailArns": OWN, "FreedTrailArns": ""},
    )
    assert (answer["Status"], answer["Data"]["Covered"]) == ("SUCCESS", "1")
    changed = world["us-east-1"].trails[OWN]
    assert changed["S3BucketName"] == blueprint.company.storage.bucket
    assert changed["SnsTopicARN"] == blueprint.company.storage.topic_arn
    assert (changed["KmsKeyId"], changed["IsMultiRegionTrail"], changed["LogFileValidationEnabled"]) == (
        "",
        True,
        False,
    )
    assert world["us-east-1"].writes == ["UpdateTrail"]
    assert world["us-east-1"].trails["arn:other"]["S3BucketName"] == "own"
    assert world["eu-west-1"].calls == []
    ask(world, named={"RepointedTrailArns": OWN}, regions="us-east-1")
    assert world["us-east-1"].writes == ["UpdateTrail"]


def test_a_named_trail_that_was_stopped_is_started(ask: Ask) -> None:
    world = FakeWorld("us-east-1")
    world["us-east-1"].trails = {OWN: own_trail(IsLogging=False)}
    ask(world, named={"RepointedTrailArns": OWN})
    assert world["us-east-1"].writes == ["UpdateTrail", "StartLogging"]


@pytest.mark.parametrize("is_there", [True, False])
def test_a_trail_is_deleted_only_when_it_is_named_and_then_ours_is_made(ask: Ask, is_there: bool) -> None:
    world = FakeWorld("us-east-1")
    world["us-east-1"].trails = {"arn:other": own_trail(), **({OWN: own_trail()} if is_there else {})}
    answer = ask(world, named={"FreedTrailArns": OWN})
    assert (answer["Status"], answer["Data"]["Covered"]) == ("SUCCESS", "1")
    assert world["us-east-1"].writes[:2] == ["DeleteTrail", "CreateStack"]
    assert "arn:other" in world["us-east-1"].trails


def test_a_named_trail_that_refuses_fails_its_region_alone(ask: Ask) -> None:
    world = FakeWorld("us-east-1", "eu-west-1")
    world["us-east-1"].trails = {OWN: own_trail()}
    world["us-east-1"].refuses["UpdateTrail"] = [refused("InsufficientS3BucketPolicyException", "No")]
    answer = ask(world, named={"RepointedTrailArns": OWN})
    assert (answer["Data"]["Covered"], answer["Data"]["Failed"]) == ("1", "1")
    assert "us-east-1: InsufficientS3BucketPolicyException" in answer["Data"]["Reasons"]
    assert "CreateStack" not in world["us-east-1"].writes


def test_a_change_set_that_waits_is_deleted_only_by_choice(ask: Ask, standing: Any) -> None:
    world = FakeWorld("us-east-1")
    standing(world["us-east-1"], "REVIEW_IN_PROGRESS")
    assert ask(world)["Status"] == "SUCCESS"
    assert world["us-east-1"].writes == []
    assert ask(world, choices="us-east-1=clear")["Data"]["Covered"] == "1"
    assert world["us-east-1"].writes[:2] == ["DeleteStack", "CreateStack"]


def test_a_skipped_region_is_not_even_looked_at(ask: Ask) -> None:
    world = FakeWorld("us-east-1", "eu-west-1")
    assert ask(world, choices="us-east-1=skip")["Data"]["Covered"] == "1"
    assert world["us-east-1"].calls == []


def test_an_owners_own_trails_are_neither_read_nor_changed(ask: Ask) -> None:
    world = FakeWorld("us-east-1")
    owners = {"S3BucketName": "theirs", "IsLogging": False, "IsOrganizationTrail": True}
    world["us-east-1"].trails["theirs"] = dict(owners)
    assert ask(world)["Data"]["Covered"] == "1"
    assert world["us-east-1"].trails["theirs"] == owners
    assert not {"DescribeTrails", "ListTrails"} & set(world["us-east-1"].calls)


def test_five_trails_fail_one_region_with_awss_reason(ask: Ask) -> None:
    world = FakeWorld("us-east-1", "eu-west-1", "eu-west-2")
    world["eu-west-1"].create_ends = "ROLLBACK_COMPLETE"
    world["eu-west-1"].reason = "User: 111122223333 already has 5 trails in eu-west-1."
    answer = ask(world)
    assert answer["Status"] == "SUCCESS"
    assert answer["Data"] == {
        "Covered": "2",
        "Failed": "1",
        "Pending": "0",
        "Reasons": "eu-west-1: User: 111122223333 already has 5 trails in eu-west-1.",
    }
    # The failed stack stays for whoever reads its events; the next attempt deletes it.
    assert world["eu-west-1"].stack["StackStatus"] == "ROLLBACK_COMPLETE"  # type: ignore[index]


def test_another_attempt_touches_only_the_region_that_failed(ask: Ask) -> None:
    world = FakeWorld("us-east-1", "eu-west-1")
    world["eu-west-1"].create_ends = "ROLLBACK_COMPLETE"
    assert ask(world)["Data"]["Failed"] == "1"
    world["eu-west-1"].create_ends = "CREATE_COMPLETE"
    for region in world.regions.values():
        region.calls.clear()
    assert ask(world, "Update")["Data"]["Covered"] == "2"
    assert world["us-east-1"].writes == []
    assert world["eu-west-1"].writes == ["DeleteStack", "CreateStack"]


def test_a_stopped_trail_is_started(ask: Ask, standing: Any) -> None:
    world = FakeWorld("us-east-1")
    standing(world["us-east-1"])
    world["us-east-1"].trails[f"{NAME}-Trail-1"]["IsLogging"] = False
    assert ask(world, "Update")["Data"]["Covered"] == "1"
    assert world["us-east-1"].writes == ["StartLogging"]


def test_a_redirected_trail_is_put_right(ask: Ask, standing: Any, blueprint: Blueprint) -> None:
    world = FakeWorld("us-east-1")
    standing(world["us-east-1"])
    world["us-east-1"].trails[f"{NAME}-Trail-1"]["S3BucketName"] = "elsewhere"
    assert ask(world, "Update")["Data"]["Covered"] == "1"
    assert world["us-east-1"].writes == ["UpdateTrail"]
    assert world["us-east-1"].trails[f"{NAME}-Trail-1"]["S3BucketName"] == blueprint.company.storage.bucket


def test_a_trail_deleted_by_hand_comes_back_with_a_new_stack(ask: Ask, standing: Any) -> None:
    world = FakeWorld("us-east-1")
    standing(world["us-east-1"])
    world["us-east-1"].trails.clear()
    assert ask(world, "Update")["Data"]["Covered"] == "1"
    assert world["us-east-1"].writes == ["DeleteStack", "CreateStack"]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (refused("InvalidClientTokenId", "The security token"), "The region is not enabled"),
        (
            refused("AccessDenied", "with an explicit deny in a service control policy"),
            "AccessDenied: with an",
        ),
        (EndpointConnectionError(endpoint_url="https://x"), "The region could not be reached"),
        (KeyError("Stacks"), "KeyError"),
    ],
)
def test_a_region_that_cannot_be_asked_spoils_no_other(ask: Ask, fault: Exception, reason: str) -> None:
    world = FakeWorld("us-east-1", "eu-west-1")
    world["us-east-1"].refuses["DescribeStacks"] = [fault]
    answer = ask(world)
    assert answer["Status"] == "SUCCESS"
    assert (answer["Data"]["Covered"], answer["Data"]["Failed"]) == ("1", "1")
    assert answer["Data"]["Reasons"].startswith(f"us-east-1: {reason}")


def test_failed_is_answered_only_when_nothing_could_start(ask: Ask) -> None:
    world = FakeWorld("us-east-1", "eu-west-1")
    for region in world.regions.values():
        region.refuses["CreateStack"] = [refused("AccessDenied", "no identity-based policy allows it")]
    answer = ask(world)
    assert answer["Status"] == "FAILED"
    assert "us-east-1: AccessDenied: no identity-based policy allows it" in answer["Reason"]


def test_regions_that_all_began_and_failed_are_no_reason_to_roll_back(ask: Ask) -> None:
    world = FakeWorld("us-east-1")
    world["us-east-1"].create_ends = "ROLLBACK_COMPLETE"
    answer = ask(world)
    assert (answer["Status"], answer["Data"]["Failed"]) == ("SUCCESS", "1")


def test_a_region_that_takes_too_long_is_pending(ask: Ask) -> None:
    world = FakeWorld("us-east-1", "eu-west-1")
    world["us-east-1"].looks = 10_000
    answer = ask(world)
    assert answer["Status"] == "SUCCESS"
    assert answer["Data"]["Reasons"] == "us-east-1: still CREATE_IN_PROGRESS"
    assert (answer["Data"]["Covered"], answer["Data"]["Pending"]) == ("1", "1")


def test_throttling_is_waited_out(ask: Ask) -> None:
    world = FakeWorld("us-east-1")
    slow = refused("Throttling", "Rate exceeded")
    missing = refused("ValidationError", f"Stack with id {NAME} does not exist")
    world["us-east-1"].refuses["DescribeStacks"] = [slow, slow, missing, missing]
    world["us-east-1"].refuses["CreateStack"] = [slow, refused("AccessDenied", "no")]
    assert ask(world)["Reason"] == "us-east-1: AccessDenied: no"


@pytest.mark.parametrize(("times", "verdict"), [(5, "Covered"), (6, "Failed")])
def test_a_busy_trail_is_waited_for_five_times(ask: Ask, standing: Any, times: int, verdict: str) -> None:
    world = FakeWorld("us-east-1")
    region = world["us-east-1"]
    standing(region)
    busy = refused("ConflictException", "The trail is being changed")
    looks = iter([busy] * times)
    look = region.get_trail_status

    def sometimes_busy(**request: Any) -> dict[str, Any]:
        if (refusal := next(looks, None)) is not None:
            raise refusal
        return look(**request)

    region.get_trail_status = sometimes_busy  # type: ignore[method-assign]
    assert ask(world)["Data"][verdict] == "1"


def test_throttling_without_end_ends_with_the_time(ask: Ask) -> None:
    world = FakeWorld("us-east-1")
    world["us-east-1"].refuses["DescribeStacks"] = [refused("Throttling", "Rate exceeded")]
    assert ask(world)["Reason"] == "us-east-1: Throttling: Rate exceeded"


def test_a_state_shown_late_is_no_failure(ask: Ask, standing: Any) -> None:
    world = FakeWorld("us-east-1")
    standing(world["us-east-1"], "ROLLBACK_COMPLETE")
    world["us-east-1"].stale_looks = 2
    assert ask(world)["Data"]["Covered"] == "1"
    assert world["us-east-1"].writes == ["DeleteStack", "CreateStack"]


def test_a_stack_that_somebody_else_makes_meanwhile_is_waited_for(ask: Ask, standing: Any) -> None:
    world = FakeWorld("us-east-1")
    region = world["us-east-1"]
    standing(region, "CREATE_IN_PROGRESS")
    region.begin("CREATE_IN_PROGRESS", "ROLLBACK_COMPLETE")
    missing = refused("ValidationError", f"Stack with id {NAME} does not exist")
    looks = iter([missing])
    look = region.describe_stacks

    def late(**request: Any) -> dict[str, Any]:
        if fault := next(looks, None):
            raise fault
        return look(**request)

    region.describe_stacks = late  # type: ignore[method-assign]
    # The other's creation failed; ours was never made, so the region is tried once more.
    assert ask(world)["Data"]["Covered"] == "1"
    assert region.writes == ["CreateStack", "DeleteStack", "CreateStack"]


def test_another_name_leaves_the_old_ones_to_cloudformations_delete(ask: Ask, standing: Any) -> None:
    world = FakeWorld("us-east-1", "eu-west-1")
    standing(world["eu-west-1"])
    old = {"Regions": ["us-east-1", "eu-west-1"], "RegionalStackName": "FormerName"}
    answer = ask(
        world,
        "Update",
        regions="us-east-1",
        OldResourceProperties=old,
        PhysicalResourceId="regional-trails-F",
    )
    assert answer["PhysicalResourceId"] == f"regional-trails-{NAME}"
    assert world["eu-west-1"].calls == []


def test_a_region_taken_off_the_list_loses_its_stack(ask: Ask, standing: Any, blueprint: Blueprint) -> None:
    world = FakeWorld("us-east-1", "eu-west-1", "eu-west-2")
    for region in world.regions.values():
        standing(region)
    standing(world["eu-west-2"], Tags=[], Description="Somebody's own")
    old = {"Regions": ["us-east-1", "eu-west-1", "eu-west-2"], "RegionalStackName": NAME}
    answer = ask(world, "Update", regions="us-east-1", OldResourceProperties=old)
    assert answer["Data"] == {"Covered": "1", "Failed": "0", "Pending": "0", "Reasons": "none"}
    assert world["eu-west-1"].stack is None
    assert world["eu-west-2"].writes == []


def test_delete_removes_our_stacks_in_every_region(ask: Ask, standing: Any) -> None:
    world = FakeWorld("us-east-1", "eu-west-1", "eu-west-2", "ap-east-1", "ca-central-1")
    standing(world["us-east-1"])
    standing(world["eu-west-1"], "ROLLBACK_COMPLETE")
    standing(world["eu-west-2"], Tags=[], Description="Somebody's own")
    world["ap-east-1"].refuses["DescribeStacks"] = [refused("InvalidClientTokenId", "not enabled")]
    answer = ask(world, "Delete", regions="us-east-1", PhysicalResourceId="regional-trails-x")
    assert answer["Status"] == "SUCCESS"
    assert answer["PhysicalResourceId"] == "regional-trails-x"
    assert world["us-east-1"].stack is None
    assert world["eu-west-1"].stack is None
    assert world["eu-west-2"].stack is not None
    assert world["ca-central-1"].writes == []


def test_delete_of_nothing_succeeds(ask: Ask) -> None:
    assert ask(FakeWorld("us-east-1"), "Delete", PhysicalResourceId="x")["Status"] == "SUCCESS"


def test_delete_aborts_a_creation_and_waits_for_an_update(ask: Ask, standing: Any) -> None:
    world = FakeWorld("us-east-1", "eu-west-1")
    standing(world["us-east-1"], "CREATE_IN_PROGRESS")
    standing(world["eu-west-1"], "UPDATE_IN_PROGRESS")
    world["eu-west-1"].begin("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE")
    assert ask(world, "Delete", PhysicalResourceId="x")["Status"] == "SUCCESS"
    assert world["us-east-1"].stack is None
    assert world["eu-west-1"].stack is None


def test_a_stack_that_cannot_be_deleted_fails_the_delete(ask: Ask, standing: Any) -> None:
    world = FakeWorld("us-east-1", "eu-west-1")
    standing(world["us-east-1"])
    standing(world["eu-west-1"])
    world["us-east-1"].delete_ends = "DELETE_FAILED"
    answer = ask(world, "Delete", PhysicalResourceId="x")
    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith("us-east-1: ")
    assert world["eu-west-1"].stack is None


def test_the_physical_id_stays_as_long_as_the_name_does(ask: Ask) -> None:
    world = FakeWorld("us-east-1")
    created = ask(world)["PhysicalResourceId"]
    assert ask(world, "Update", PhysicalResourceId=created)["PhysicalResourceId"] == created


def test_a_request_that_makes_no_sense_is_answered(installer: ModuleType) -> None:
    request = {"StackId": "s", "RequestId": "r", "LogicalResourceId": "l", "RequestType": "Create"}
    answer = installer.respond(request, FakeWorld, VirtualClock())
    assert answer["Status"] == "FAILED"
    assert answer["PhysicalResourceId"]


@pytest.mark.parametrize("own", [False, True])
def test_34_failing_regions_fit_into_one_answer(ask: Ask, *, own: bool) -> None:
    world = FakeWorld(*[f"ap-southeast-{number}" for number in range(34)])
    for number, region in enumerate(world.regions.values()):
        region.create_ends = "ROLLBACK_COMPLETE"
        region.reason = f'{number if own else ""} A long reason, with "quotes" and \u00fcmlauts. ' * 20
    answer = ask(world)
    assert answer["Data"]["Failed"] == "34"
    assert all(region in answer["Data"]["Reasons"] for region in world.regions)


def test_the_answer_is_put_again_until_it_is_taken(
    installer: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    taken: list[tuple[str | None, bytes]] = []
    statuses = [503, 200]

    class Receiver(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            taken.append((self.headers["Content-Type"], body))
            self.send_response(statuses.pop(0))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    monkeypatch.setattr(installer.time, "sleep", lambda _: None)
    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        installer.send(f"http://127.0.0.1:{server.server_port}/?Signature=secret", {"Status": "SUCCESS"})
        server.shutdown()
    assert taken == [("", b'{"Status": "SUCCESS"}')] * 2
    assert "secret" not in capsys.readouterr().out
