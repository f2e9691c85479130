"""Does a prepared question answer as the same question put together anew does?"""

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BigAutoField, CharField, Count, Q, UUIDField
from django.test.utils import CaptureQueriesContext

from onboarding.models import AwsAccount, RegionReading, Run, Step
from onboarding.models.prepared import Prepared, ask_together, columns_of
from onboarding.models.reading import PlainReading
from onboarding.states import RegionState

pytestmark = pytest.mark.django_db
NOW = "2026-11-23T12:00:00Z"


@pytest.fixture
def accounts() -> list[AwsAccount]:
    return [AwsAccount.objects.create(number=f"{number:012}", name="IT") for number in range(2)]


def test_each_key_gets_its_own_answer_and_what_has_changed_since(accounts: list[AwsAccount]) -> None:
    prepared = Prepared(
        str, lambda key: RegionReading.objects.filter(account=key).values_list("region"), BigAutoField()
    )
    first, second = accounts
    RegionReading.objects.create(account=first, region="eu-west-1", read_at=NOW)
    assert (prepared.ask(first.pk), prepared.ask(second.pk)) == (["eu-west-1"], [])
    RegionReading.objects.create(account=second, region="us-east-1", read_at=NOW)
    assert (prepared.ask(first.pk), prepared.ask(second.pk)) == (["eu-west-1"], ["us-east-1"])


def test_times_and_json_and_nothing_are_read_as_a_model_reads_them(accounts: list[AwsAccount]) -> None:
    prepared = Prepared(
        PlainReading,
        lambda key: RegionReading.objects.filter(account=key).values_list(*columns_of(PlainReading)),
        BigAutoField(),
    )
    RegionReading.objects.create(
        account=accounts[0], region="eu-west-1", read_at=NOW, failure={"code": "AccessDenied", "n": [1]},
        state=RegionState.FAILED, is_logging=False,
    )  # fmt: skip
    (found,) = prepared.ask(accounts[0].pk)
    stored = RegionReading.objects.get()
    assert {name: getattr(found, name) for name in columns_of(PlainReading)} == {
        name: getattr(stored, name) for name in columns_of(PlainReading)
    }


def test_keys_are_written_as_their_field_writes_them(accounts: list[AwsAccount]) -> None:
    """A run's id is text in SQLite, and a type of its own in PostgreSQL."""
    run = Run.objects.create(account=accounts[0])
    Step.objects.create(run=run, ordinal=1, stage="roles", kind="deploy_roles", goal="present", target="x")
    prepared = Prepared(str, lambda key: Step.objects.filter(run=key).values_list("target"), UUIDField())
    assert prepared.ask(run.pk) == ["x"]


def test_a_key_is_a_value_and_never_sql(accounts: list[AwsAccount]) -> None:
    prepared = Prepared(
        str, lambda key: AwsAccount.objects.filter(number=key).values_list("name"), CharField()
    )
    for number in ("' OR 1=1 --", "%s", "%", accounts[0].number + "'"):
        assert prepared.ask(number) == []
    assert prepared.ask(accounts[0].number) == ["IT"]


def test_several_keys_stand_where_they_belong_and_one_may_stand_twice(accounts: list[AwsAccount]) -> None:
    prepared = Prepared(
        str,
        lambda name, number: (
            AwsAccount.objects.filter(Q(number=number) | Q(alias=number), name=name)
            .order_by("number")
            .values_list("number")
        ),
        CharField(),
        CharField(),
    )
    AwsAccount.objects.filter(pk=accounts[1].pk).update(alias=accounts[0].number)
    assert prepared.ask("IT", accounts[0].number) == [account.number for account in accounts]
    assert prepared.ask(accounts[0].number, "IT") == []


def test_sums_and_joins_and_limits_stay_what_they_are(accounts: list[AwsAccount]) -> None:
    user = User.objects.create_user("ada", "ada@example.org")
    accounts[0].ownerships.create(user=user)
    prepared = Prepared(
        lambda email, many: (email, many),
        lambda: User.objects.values_list("email").annotate(many=Count("ownerships")).order_by("email")[:1],
    )
    assert prepared.ask() == [("ada@example.org", 1)]


def test_django_puts_it_into_sql_once(accounts: list[AwsAccount]) -> None:
    made = []

    def question(key: object) -> object:
        made.append(key)
        return AwsAccount.objects.filter(number=key).values_list("name")

    prepared = Prepared(str, question, CharField())  # type: ignore[arg-type]  # counts its calls
    with CaptureQueriesContext(connection) as asked:
        assert prepared.ask(accounts[0].number) == prepared.ask(accounts[1].number) == ["IT"]
    assert (len(made), len(asked)) == (1, 2)


def test_questions_asked_together_are_each_answered_with_their_own_rows(accounts: list[AwsAccount]) -> None:
    first, second = accounts
    RegionReading.objects.create(account=first, region="eu-west-1", read_at=NOW, failure={"code": "100%"})
    regions = Prepared(
        lambda region, failure: (region, failure),
        lambda key: RegionReading.objects.filter(account=key).values_list("region", "failure"),
        BigAutoField(),
    )
    names = Prepared(str, lambda: AwsAccount.objects.order_by("pk").values_list("name"))
    percent = Prepared(
        str, lambda key: AwsAccount.objects.filter(name__contains=key).values_list("name"), CharField()
    )
    asked = [
        regions.asked(first.pk),
        names.asked(),
        regions.asked(second.pk),
        percent.asked("; SELECT '%s' --"),
    ]
    with CaptureQueriesContext(connection) as queries:
        found = ask_together(*asked)
    assert found == [[("eu-west-1", {"code": "100%"})], ["IT", "IT"], [], []]
    assert len(queries) == (1 if connection.vendor == "postgresql" else len(asked))


@pytest.mark.django_db(transaction=True)
def test_several_are_answered_also_where_the_server_binds_the_parameters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("PostgreSQL's own setting")
    for number in range(2):
        AwsAccount.objects.create(number=f"{number:012}", name="IT")
    names = Prepared(str, lambda key: AwsAccount.objects.filter(number=key).values_list("name"), CharField())
    numbers = Prepared(
        str, lambda key: AwsAccount.objects.exclude(number=key).values_list("number"), CharField()
    )
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "server_side_binding", True)
    connection.close()
    try:
        assert ask_together(names.asked("000000000001"), numbers.asked("000000000001")) == [
            ["IT"],
            ["000000000000"],
        ]
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_whoever_asks_first_may_end() -> None:
    """A request's thread takes its connection with it; nothing that was made there may hold it open."""
    prepared = Prepared(str, lambda: AwsAccount.objects.values_list("name"))

    def ask() -> "weakref.ref[BaseDatabaseWrapper]":
        prepared.ask()
        own = connections["default"]
        own.close()
        return weakref.ref(own)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask).result()
    gc.collect()
    assert first() is None
    assert prepared.ask() == []
