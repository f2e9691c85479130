"""A small world for the installer's function: regions with one stack and one trail each, and a virtual clock.

It plays only what the function sees of CloudFormation and CloudTrail. Whether AWS would agree is shown by the
runs against the stand-in cloud.
"""

import threading
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import cfnlint.decode
from botocore.exceptions import ClientError

from onboarding.blueprint import Blueprint

ACCOUNT = "111122223333"


def rendered_installer(blueprint: Blueprint) -> ModuleType:
    """The function as the rendered template carries it."""
    template, problems = cfnlint.decode.decode_str(blueprint.trails.template.body)
    assert not problems
    module = ModuleType("rendered_installer")
    exec(
        compile(template["Resources"]["Installer"]["Properties"]["Code"]["ZipFile"], "index.py", "exec"),
        vars(module),
    )
    return module


def refused(code: str, message: str, operation: str = "Operation") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


class VirtualClock:
    """780 seconds that pass only in pauses, shared by all regions' threads."""

    def __init__(self, seconds: float = 780) -> None:
        self._lock = threading.Lock()
        self._left = seconds
        self._own = threading.local()

    def left(self) -> float:
        return self._left - getattr(self._own, "spent", 0.0)

    def pause(self, seconds: float) -> None:
        # Each region's thread has its own time: real regions wait side by side.
        self._own.spent = getattr(self._own, "spent", 0.0) + seconds


@dataclass
class FakeRegion:
    """One region's CloudFormation and CloudTrail. Faults are put into its fields by the tests."""

    name: str
    stack: dict[str, Any] | None = None
    trails: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    # How many looks an operation takes, and how it ends.
    looks: int = 2
    create_ends: str = "CREATE_COMPLETE"
    delete_ends: str = "DELETE_COMPLETE"
    update_ends: str = "UPDATE_COMPLETE"
    reason: str = 'Resource handler returned message: "Invalid request provided"'
    refuses: dict[str, list[Exception]] = field(default_factory=dict)
    # How many looks still show the state before a write.
    stale_looks: int = 0
    _under_way: tuple[str, int] | None = None
    _made: int = 0
    _before: str = ""

    def _called(self, action: str) -> None:
        self.calls.append(action)
        if faults := self.refuses.get(action):
            raise faults.pop(0) if len(faults) > 1 else faults[0]

    def begin(self, status: str, ends: str) -> None:
        assert self.stack is not None
        self._before = self.stack.get("StackStatus", "")
        self.stack["StackStatus"] = status
        self._under_way = (ends, self.looks)

    def _progress(self) -> None:
        if self._under_way is None or self.stack is None:
            return
        ends, looks = self._under_way
        self._under_way = (ends, looks - 1) if looks else None
        if looks:
            return
        self.stack["StackStatus"] = ends
        if ends == "DELETE_COMPLETE":
            self.trails.pop(f"{self.stack['StackName']}-Trail-1", None)
            self.stack = None
        elif ends in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            self._trail_from_stack()

    def _trail_from_stack(self) -> None:
        assert self.stack is not None
        name = f"{self.stack['StackName']}-Trail-1"
        parameters = {one["ParameterKey"]: one["ParameterValue"] for one in self.stack["Parameters"]}
        self.stack["Outputs"] = [{"OutputKey": "TrailName", "OutputValue": name}]
        self.trails[name] = {
            "S3BucketName": parameters["BucketName"],
            "SnsTopicARN": parameters["TopicArn"],
            "LogFileValidationEnabled": True,
            "IsLogging": True,
        }

    # CloudFormation
    def describe_stacks(self, **request: Any) -> dict[str, Any]:
        self._called("DescribeStacks")
        if self._under_way and self.stale_looks and self.stack:
            self.stale_looks -= 1
            return {"Stacks": [{**self.stack, "StackStatus": self._before}]}
        self._progress()
        if self.stack is None:
            raise refused("ValidationError", f"Stack with id {request['StackName']} does not exist")
        return {"Stacks": [dict(self.stack)]}

    def create_stack(self, **request: Any) -> dict[str, Any]:
        self._called("CreateStack")
        if self.stack is not None:
            raise refused("AlreadyExistsException", f"Stack [{request['StackName']}] already exists")
        self._made += 1
        stack_id = f"arn:aws:cloudformation:{self.name}:{ACCOUNT}:stack/{request['StackName']}/{self._made}"
        self.stack = {
            "StackId": stack_id,
            **{key: request[key] for key in ("StackName", "Parameters", "Tags")},
        }
        self.begin("CREATE_IN_PROGRESS", self.create_ends)
        return {"StackId": stack_id}

    def update_stack(self, **request: Any) -> dict[str, Any]:
        self._called("UpdateStack")
        assert self.stack is not None
        if all(self.stack.get(key) == request[key] for key in ("Parameters", "Tags")):
            raise refused("ValidationError", "No updates are to be performed.")
        if self.update_ends == "UPDATE_COMPLETE":
            self.stack |= {key: request[key] for key in ("Parameters", "Tags")}
        self.begin("UPDATE_IN_PROGRESS", self.update_ends)
        return {"StackId": self.stack["StackId"]}

    def delete_stack(self, **request: Any) -> None:
        self._called("DeleteStack")
        if self.stack is not None:
            self.begin("DELETE_IN_PROGRESS", self.delete_ends)

    def continue_update_rollback(self, **request: Any) -> None:
        self._called("ContinueUpdateRollback")
        self.begin("UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE")

    def describe_stack_events(self, **request: Any) -> dict[str, Any]:
        self._called("DescribeStackEvents")
        return {
            "StackEvents": [
                {"ResourceStatus": "ROLLBACK_COMPLETE"},
                {"ResourceStatus": "CREATE_FAILED", "ResourceStatusReason": "Resource creation cancelled"},
                {"ResourceStatus": "DELETE_FAILED", "ResourceStatusReason": "What came of it"},
                {"ResourceStatus": "CREATE_FAILED", "ResourceStatusReason": self.reason},
                {"ResourceStatus": "CREATE_IN_PROGRESS", "ResourceStatusReason": "User Initiated"},
            ]
        }

    # CloudTrail
    def get_trail(self, **request: Any) -> dict[str, Any]:
        self._called("GetTrail")
        if request["Name"] not in self.trails:
            raise refused("TrailNotFoundException", f"Unknown trail: {request['Name']}")
        return {"Trail": self.trails[request["Name"]]}

    def get_trail_status(self, **request: Any) -> dict[str, Any]:
        self._called("GetTrailStatus")
        return {"IsLogging": self.trails[request["Name"]]["IsLogging"]}

    def start_logging(self, **request: Any) -> None:
        self._called("StartLogging")
        self.trails[request["Name"]]["IsLogging"] = True

    def update_trail(self, **request: Any) -> None:
        self._called("UpdateTrail")
        trail = self.trails[request["Name"]]
        trail |= {
            "S3BucketName": request["S3BucketName"],
            "SnsTopicARN": request["SnsTopicName"],
            "S3KeyPrefix": request["S3KeyPrefix"],
        }
        # What a request doesn't name stays as it is.
        if "EnableLogFileValidation" in request:
            trail["LogFileValidationEnabled"] = request["EnableLogFileValidation"]
        if "KmsKeyId" in request:
            trail["KmsKeyId"] = request["KmsKeyId"]

    def delete_trail(self, **request: Any) -> None:
        self._called("DeleteTrail")
        if self.trails.pop(request["Name"], None) is None:
            raise refused("TrailNotFoundException", f"Unknown trail: {request['Name']}")

    @property
    def writes(self) -> list[str]:
        reading = ("Describe", "Get")
        return [call for call in self.calls if not call.startswith(reading)]


class FakeWorld:
    """The account's regions; takes the place of the function's own Clients."""

    def __init__(self, *names: str) -> None:
        self.regions = {name: FakeRegion(name) for name in names}

    def __getitem__(self, region: str) -> FakeRegion:
        return self.regions[region]

    def of(self, service: str, region: str) -> FakeRegion:
        assert service in {"cloudformation", "cloudtrail"}
        return self.regions[region]

    def known_regions(self) -> set[str]:
        return set(self.regions)
