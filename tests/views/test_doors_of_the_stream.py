"""Who may watch a run? The rows of doors.txt for the stream, which reads in a thread of its own and so needs
what is committed.
"""

import pytest

from tests.views.test_doors_table import ROWS, VISITORS, address, make_world, patterns, word


@pytest.mark.django_db(transaction=True)
def test_each_visitor_gets_the_answer_of_the_row() -> None:
    world = make_world()
    rows = [row for row in ROWS if row[1].startswith("events")]
    assert len(rows) == 4
    for method, name, *expected in rows:
        [path] = patterns(name.removesuffix("/absent"))
        url = address(path, world.values["absent" if name.endswith("/absent") else "there"])
        assert url is not None
        got = []
        for visitor in VISITORS:
            answer = world.ask(visitor, method, url)
            got.append(word(answer))
            answer.close()
        assert dict(zip(VISITORS, got, strict=True)) == dict(zip(VISITORS, expected, strict=True)), url
