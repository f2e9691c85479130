"""What the model has found once, told as short as it can be."""

import pytest

from onboarding.states import RunStatus, Stage
from tests.model.machine import Onboarding
from tests.model.troubles import CALL, Trouble


def _work_until_due(model: Onboarding, stage: Stage) -> None:
    for _ in range(40):
        run = model.owner.run()
        assert run is not None
        if run.status == RunStatus.PLANNED:
            model.owner.does("approve")
        if run.work_items.filter(stage=stage, region="", due_at__isnull=False).exists():
            return
        model.cloud.settle()
        model.workers.look()
    pytest.fail(f"{stage} never fell due: {model.standing()}")


def test_the_regions_end_with_a_parent_that_is_refused_its_first_request(model: Onboarding) -> None:
    """They wait for it to begin. Nothing was due any more, until the next sweep; and then AWS's refusal of
    the parent, which is known, was called unknown in each of them.
    """
    model.begin(act="hand over credentials")
    _work_until_due(model, Stage.TRAILS)
    model.troubles.waiting.append(Trouble(CALL, 0, "denied", of="DescribeStacks"))
    model.workers.look()
    assert model.troubles.met == ["denied"]
    model.truths.all_hold()
    model.workers.work_until_something_is_in_flight()
    run = model.owner.run()
    assert run is not None
    steps = run.steps.filter(stage=Stage.TRAILS).values_list("kind", "status", "reason_code")
    assert set(steps) == {
        ("deploy_trails", "failed", "hand_over_too_small"),
        ("region_trail", "failed", "hand_over_too_small"),
    }
