"""What may an owner answer, and what is wrong with it? Made from the questions that a run asks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from onboarding.progress.questions import CaseWords, GroupWords


class DecideForm(forms.Form):
    """A radio group for each question; where it is about several things, a way to answer each by itself."""

    def __init__(self, groups: Iterable[GroupWords], answers: Mapping[str, str], data: Any = None) -> None:
        super().__init__(data)
        self._groups = tuple(groups)
        for group in self._groups:
            common = _common_answer(group, answers)
            self.fields[group.key] = forms.ChoiceField(
                label=group.title,
                choices=[(option.value, option.label) for option in group.options],
                widget=forms.RadioSelect,
                initial=common,
                error_messages={
                    "required": _("Choose one of the answers."),
                    "invalid_choice": _("Choose one of the answers that are offered."),
                },
            )
            if len(group.cases) > 1:
                for case in group.cases:
                    self.fields[case.key] = _own_answer(group, case, answers.get(case.key), common)

    @property
    def panels(self) -> tuple["Panel", ...]:
        """Each question with its fields, for the page."""
        return tuple(self._panel(group) for group in self._groups)

    def _panel(self, group: GroupWords) -> "Panel":
        cases = ((case, self[case.key] if case.key in self.fields else None) for case in group.cases)
        return Panel(group, self[group.key], str(self[group.key].value()), tuple(cases))

    @property
    def answers(self) -> dict[str, str]:
        """The answer to each question, by its key, once the form is valid."""
        return {
            case.key: self.cleaned_data.get(case.key) or self.cleaned_data[group.key]
            for group in self._groups
            for case in group.cases
        }


@dataclass(frozen=True, slots=True)
class Panel:
    words: GroupWords
    field: forms.BoundField
    chosen: str
    cases: tuple[tuple[CaseWords, forms.BoundField | None], ...]

    @property
    def has_own_answers(self) -> bool:
        """Whether anything is answered, or wrong, below the one answer for all."""
        return any(field is not None and (field.value() or field.errors) for _case, field in self.cases)


def _common_answer(group: GroupWords, answers: Mapping[str, str]) -> str:
    """What most were answered with; the safe option where nothing was answered yet."""
    options = [option.value for option in group.options]
    given = [answers[case.key] for case in group.cases if answers.get(case.key) in options]
    return max(options, key=given.count) if given else group.safe


def _own_answer(group: GroupWords, case: CaseWords, given: str | None, common: str) -> forms.ChoiceField:
    offered = [(option.value, option.label) for option in group.options]
    return forms.ChoiceField(
        label=" ".join(filter(None, (case.name, case.region))),
        choices=[("", _("As answered above")), *offered],
        required=False,
        initial=given if given != common else "",
        error_messages={"invalid_choice": _("Choose one of the answers that are offered.")},
    )
