"""Is what an upgrade changes said in parts, and word for word?"""

from onboarding.planning.upgrade import ChangedParameter, compare, resources_of

OLD = """\
Parameters:
  Who:
    Type: String
Resources:
  # Reads.
  Reader:
    Type: AWS::IAM::Role
    Properties:
      MaxSessionDuration: 3600
  Gone:
    Type: AWS::SNS::Topic
Outputs:
  Reader:
    Value: !GetAtt Reader.Arn
"""
NEW = OLD.replace("3600", "7200").replace("  Gone:\n    Type: AWS::SNS::Topic\n", "  New:\n    Type: X\n")


def test_resources_are_known_by_their_ids_and_comments_are_none_of_them() -> None:
    assert resources_of(OLD).keys() == {"Reader", "Gone"}
    assert resources_of(OLD) == resources_of(OLD.replace("# Reads.", "# Reads configuration."))
    assert resources_of("") == {}


def test_what_is_added_removed_and_changed_is_named_and_shown() -> None:
    difference = compare(
        OLD, NEW, parameters={"Who": "a", "List": "x, y"}, wanted={"Who": "b", "List": "x,y"}
    )
    assert (difference.added, difference.removed, difference.changed) == (("New",), ("Gone",), ("Reader",))
    assert difference.parameters == (ChangedParameter("Who", "a", "b"),)
    assert "-      MaxSessionDuration: 3600" in difference.lines
    assert "+      MaxSessionDuration: 7200" in difference.lines
    assert not difference.is_empty


def test_the_same_twice_is_no_difference() -> None:
    assert compare(OLD, OLD, parameters={"Who": "a"}, wanted={"Who": "a"}).is_empty
