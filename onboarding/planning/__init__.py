"""What is the difference between what should be and what is, step by step?

Blueprint × survey × the owner's choices -> a plan: the steps, in order, and notes that explain what is left
alone and why. Pure: no database, no clock, no AWS.
"""

from onboarding.matching import is_old_stack
from onboarding.planning.difference import plan, plans_differ
from onboarding.planning.homes import blocking, next_attempt
from onboarding.planning.questions import (
    Group,
    Question,
    answers_in,
    grouped,
    profiles_let_go,
    question_on_attachments,
    questions_on_removal,
    resources_let_go,
    version_of,
)
from onboarding.planning.undoing import plan_undoing
from onboarding.planning.values import Note, Plan, PlannedStep
from onboarding.stored import survey_as_json, survey_from_json

__all__ = [
    "Group",
    "Note",
    "Plan",
    "PlannedStep",
    "Question",
    "answers_in",
    "blocking",
    "grouped",
    "is_old_stack",
    "next_attempt",
    "plan",
    "plan_undoing",
    "plans_differ",
    "profiles_let_go",
    "question_on_attachments",
    "questions_on_removal",
    "resources_let_go",
    "survey_as_json",
    "survey_from_json",
    "version_of",
]
