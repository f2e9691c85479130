"""Is what `mutations` would change still there? A table that has gone stale would plant nothing."""

import pytest

from tests.model.mutations import MUTATIONS, ROOT, Mutation


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_what_is_to_be_broken_is_there_once(mutation: Mutation) -> None:
    assert (ROOT / "onboarding" / mutation.path).read_text().count(mutation.was) == 1
