"""An endpoint that stays silent is left alone by everybody for a while, and asked again by one."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from onboarding.aws import breaker, clock
from onboarding.aws.errors import AwsFailure, ask
from onboarding.aws.session import Cloud, session_from
from onboarding.credentials import TemporaryCredentials
from onboarding.states import FailureKind
from tests.aws.conftest import StandIn, StubFactory

HERE, ELSEWHERE = ("cloudformation", "eu-west-1"), ("cloudformation", "us-west-2")


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    time = SimpleNamespace(seconds=1000.0)
    monkeypatch.setattr("onboarding.aws.breaker.time.monotonic", lambda: time.seconds)
    return time


def break_open() -> None:
    for _ in range(breaker.MOST_SILENCES):
        assert breaker.lets_pass(*HERE)
        breaker.silent(*HERE)


def test_one_answer_among_silences_keeps_it_open_to_all() -> None:
    for _ in range(5):
        for _ in range(breaker.MOST_SILENCES - 1):
            breaker.silent(*HERE)
        breaker.heard(*HERE)
    assert breaker.lets_pass(*HERE)
    assert breaker.paused() == ()


def test_a_silent_endpoint_is_left_alone_and_no_other(now: SimpleNamespace) -> None:
    break_open()
    assert not breaker.lets_pass(*HERE)
    assert breaker.lets_pass(*ELSEWHERE)
    assert breaker.lets_pass("cloudtrail", "eu-west-1")
    assert breaker.paused() == (HERE,)


def test_after_the_pause_one_call_asks_and_its_answer_lets_all_pass(now: SimpleNamespace) -> None:
    break_open()
    now.seconds += 1.2 * breaker.PAUSE_SECONDS + 1
    assert [breaker.lets_pass(*HERE) for _ in range(5)] == [True, False, False, False, False]
    breaker.heard(*HERE)
    assert all(breaker.lets_pass(*HERE) for _ in range(5))


def test_a_probe_without_an_answer_begins_another_pause(now: SimpleNamespace) -> None:
    break_open()
    now.seconds += 1.2 * breaker.PAUSE_SECONDS + 1
    assert breaker.lets_pass(*HERE)
    breaker.silent(*HERE)
    now.seconds += 0.8 * breaker.PAUSE_SECONDS - 1
    assert not breaker.lets_pass(*HERE)


def test_a_probe_that_died_with_its_thread_is_not_waited_for_for_ever(now: SimpleNamespace) -> None:
    break_open()
    now.seconds += 1.2 * breaker.PAUSE_SECONDS + 1
    assert breaker.lets_pass(*HERE)
    now.seconds += breaker.PROBE_SECONDS + 1
    assert breaker.lets_pass(*HERE)


def test_where_nobody_listens_nothing_is_sent_after_a_few_calls() -> None:
    made_up = TemporaryCredentials("ASIAMADEUPMADEUPMADE", "made-up-secret", "made-up-token")
    client = session_from(Cloud("http://127.0.0.1:1"), made_up).client("cloudformation", "eu-west-1")
    codes = []
    for _ in range(breaker.MOST_SILENCES + 2):
        with pytest.raises(AwsFailure) as refusal:
            ask(client.describe_stacks)
        assert refusal.value.failure.kind == FailureKind.UNREACHABLE
        codes.append(refusal.value.failure.code)
    silences = ["EndpointConnectionError"] * breaker.MOST_SILENCES
    assert codes == [*silences, "NotAskedJustNow", "NotAskedJustNow"]


def test_a_refusal_is_an_answer(stub: StubFactory) -> None:
    stubber = stub(*HERE)
    client: Any = stubber.client
    for _ in range(breaker.MOST_SILENCES + 1):
        stubber.add_client_error("describe_stacks", "AccessDenied", http_status_code=403)
        with pytest.raises(AwsFailure):
            ask(client.describe_stacks)
    assert breaker.paused() == ()


def test_our_clock_is_compared_with_each_answer(stand_in: StandIn) -> None:
    ask(stand_in.worker.client("sts").get_caller_identity)
    offset = clock.offset()
    assert offset is not None
    assert abs(offset) < timedelta(seconds=3)
    ahead = (datetime.now(UTC) + timedelta(minutes=7)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    clock.listen(http_response=SimpleNamespace(headers={"date": ahead}))
    offset = clock.offset()
    assert offset is not None
    assert timedelta(minutes=6, seconds=58) < offset <= timedelta(minutes=7)
