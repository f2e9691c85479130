"""How does a state look in a dense table? A glyph and a word in a tone, made once and not for each row."""

from collections.abc import Mapping

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from onboarding.states import AccountState, BlockedOn, RegionState

# The tone and the sprite's glyph.
STATE_LOOKS: Mapping[str, tuple[str, str]] = {
    AccountState.NO_OWNER: ("ask", "alert"),
    AccountState.NOT_STARTED: ("idle", "clock"),
    AccountState.WAITING: ("ask", "hand"),
    AccountState.WORKING: ("busy", "turning"),
    AccountState.VERIFIED: ("good", "check"),
    AccountState.PARTLY: ("ask", "alert"),
    AccountState.FAILED: ("bad", "cross"),
    AccountState.CANCELLED: ("idle", "stop"),
}

# The tone, and a sign that is text: a map has thousands of cells, and an icon in each would be too heavy.
REGION_LOOKS: Mapping[str, tuple[str, str]] = {
    RegionState.COVERED: ("good", "✓"),
    RegionState.LOGGING: ("busy", "◐"),
    RegionState.CREATING: ("busy", "…"),
    RegionState.WAITING: ("idle", "○"),
    RegionState.UNKNOWN: ("ask", "?"),
    RegionState.FAILED: ("bad", "✕"),
    RegionState.SKIPPED: ("skipped", "–"),
}

# Both by the language they are in.
_words: dict[tuple[str, str], str] = {}
_made: dict[tuple[str, str], SafeString] = {}


def state_chip(state: str) -> SafeString:
    """The state of an account, as every page of the fleet shows it."""
    key = (get_language() or "", state)
    if key not in _made:
        tone, glyph = STATE_LOOKS.get(state, ("idle", "minus"))
        word = AccountState(state).label if state in AccountState.values else state
        _made[key] = format_html(
            '<span class="chip tone-{}"><svg class="icon" aria-hidden="true" focusable="false">'
            '<use href="#icon-{}"/></svg><span>{}</span></span>',
            tone,
            glyph,
            word,
        )
    return _made[key]


def blocked_word(blocked_on: str) -> str:
    if blocked_on not in BlockedOn.values:
        return blocked_on
    key = (get_language() or "", blocked_on)
    if key not in _words:
        _words[key] = str(BlockedOn(blocked_on).label)
    return _words[key]
