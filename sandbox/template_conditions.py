"""What may a template's condition compare? ministack knows parameters only, CloudFormation also the place.

Pseudo-parameters and `Fn::Join` are replaced by their values before ministack judges the conditions.
"""

from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services.cloudformation import changesets, engine, handlers, stacks

from sandbox.events import Record

_evaluate = engine._evaluate_conditions


def _value(expression: Any, params: Record) -> Any:
    if isinstance(expression, list):
        return [_value(one, params) for one in expression]
    if not isinstance(expression, dict):
        return expression
    match expression:
        case {"Ref": "AWS::Region"}:
            return get_region()
        case {"Ref": "AWS::AccountId"}:
            return get_account_id()
        case {"Ref": "AWS::Partition"}:
            return "aws"
        case {"Fn::Join": [separator, {"Ref": name}]}:
            value = params[name]["Value"]
            return separator.join(value if isinstance(value, list) else str(value).split(","))
        case {"Fn::Join": [separator, [*parts]]}:
            found = (
                params[p["Ref"]]["Value"] if isinstance(p, dict) and p.get("Ref") in params else p
                for p in (_value(part, params) for part in parts)
            )
            return separator.join(str(one) for one in found)
        case _:
            return {key: _value(one, params) for key, one in expression.items()}


def _evaluate_conditions(template: Record, params: Record) -> Record:
    conditions = {name: _value(one, params) for name, one in (template.get("Conditions") or {}).items()}
    judged: Record = _evaluate({**template, "Conditions": conditions}, params)
    return judged


def install() -> None:
    """Each of these modules holds the function by name."""
    for module in (engine, handlers, stacks, changesets):
        module._evaluate_conditions = _evaluate_conditions
