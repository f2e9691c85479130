"""Can everybody tell the tones apart, and read them? Measured on the tokens themselves, in light and dark.

How eyes without one kind of cone see: Machado, Oliveira and Fernandes, 2009, at full severity, in linear RGB.
Differences are CIE 1976 ΔE; 2.3 is just noticeable.
"""

import itertools
import math
import re
from pathlib import Path

import pytest

TOKENS = (Path(__file__).parents[1] / "static" / "portal" / "tokens.css").read_text(encoding="utf-8")
TONES = ("good", "busy", "ask", "bad", "idle")
EYES = {
    "all cones": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red": ((0.1523, 1.0526, -0.2049), (0.1145, 0.7863, 0.0992), (-0.0039, -0.0481, 1.052)),
    "no green": ((0.3673, 0.8606, -0.228), (0.2801, 0.6725, 0.0474), (-0.0118, 0.0429, 0.9689)),
    "no blue": ((1.2555, -0.0767, -0.1788), (-0.0784, 0.9308, 0.1476), (0.0047, 0.6914, 0.3039)),
}
XYZ = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
WHITE = (0.9505, 1.0, 1.089)

Triple = tuple[float, ...]


def tokens(scheme: str) -> dict[str, str]:
    light, dark = TOKENS.split("@media (prefers-color-scheme: dark)")
    found = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", light))
    return found | (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", dark)) if scheme == "dark" else {})


def linear(colour: str) -> Triple:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return tuple(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)


def through(matrix: tuple[Triple, ...], colour: Triple) -> Triple:
    return tuple(sum(a * b for a, b in zip(row, colour, strict=True)) for row in matrix)


def lab(colour: Triple) -> Triple:
    clipped = tuple(min(1.0, max(0.0, part)) for part in colour)
    ratios = (part / white for part, white in zip(through(XYZ, clipped), WHITE, strict=True))
    x, y, z = (ratio ** (1 / 3) if ratio > 0.008856 else 7.787 * ratio + 16 / 116 for ratio in ratios)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def contrast(one: str, other: str) -> float:
    """WCAG's ratio."""
    dark, light = sorted(through(XYZ, linear(colour))[1] for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_any_two_tones_stay_apart(scheme: str, eyes: str) -> None:
    found = tokens(scheme)
    for one, other in itertools.combinations(TONES, 2):
        seen = (lab(through(EYES[eyes], linear(found[tone]))) for tone in (one, other))
        assert math.dist(*seen) >= 15, (one, other)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("tone", TONES)
def test_a_tone_is_read_on_its_ground_and_on_a_panel(tone: str, scheme: str) -> None:
    found = tokens(scheme)
    for ground in (f"{tone}-ground", "surface", "page"):
        assert contrast(found[tone], found[ground]) >= 4.5, ground


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_read_on_every_ground(scheme: str) -> None:
    found = tokens(scheme)
    for ink, ground in itertools.product(("ink", "muted"), ("page", "surface", "sunken")):
        assert contrast(found[ink], found[ground]) >= 4.5, (ink, ground)
    assert contrast(found["on-accent"], found["accent"]) >= 4.5


def test_colours_stand_in_the_tokens_alone() -> None:
    folder = Path(__file__).parents[1] / "static" / "portal"
    for sheet in folder.glob("*.css"):
        if sheet.name != "tokens.css":
            screen = sheet.read_text(encoding="utf-8").partition("@media print")[0]
            assert re.findall(r"#[0-9a-fA-F]{3,8}\b(?![^{]*\{)|rgba?\(|hsl", screen) == [], sheet.name
