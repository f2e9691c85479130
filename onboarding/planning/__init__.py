"""What is the difference between what should be and what is, step by step?

Blueprint × survey × the owner's choices -> a plan: the steps, in order, and notes that explain what is left
alone and why. Pure: no database, no clock, no AWS.
"""

from onboarding.matching import is_old_stack
from onboarding.planning.difference import plan, plans_differ
from onboarding.planning.homes import next_attempt
from onboarding.planning.values import Note, Plan, PlannedStep
from onboarding.stored import survey_as_json, survey_from_json

__all__ = [
    "Note",
    "Plan",
    "PlannedStep",
    "is_old_stack",
    "next_attempt",
    "plan",
    "plans_differ",
    "survey_as_json",
    "survey_from_json",
]
