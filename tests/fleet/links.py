"""Which numbers stand on a page, each with the address that it leads to, and how long is the list there?"""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from django.test import Client

from onboarding.states import RegionState

# "57 for more than 90 days" is a number of accounts, and an age that isn't.
_AGES = re.compile(r"(?:\d+ to )?\d+ (?:days|hours)\b|\bseven days\b")
# What stands once in each line of a list, by the list's place.
_LINES = (
    (re.compile(r"/fleet/accounts/$"), re.compile(r'name="number"')),
    (re.compile(r"/fleet/invitations/$"), re.compile(r'<div class="state">')),
    (re.compile(r"/fleet/batches/[^/]+/$"), re.compile(r'<span class="under mono whole">')),
    (re.compile(r"/notices/$"), re.compile(r'<span class="under mono whole">')),
)
_ON_MAP = re.compile(r'<td class="on-map[^"]*"><a href="[^"]*" aria-label="([^"]*)">')
_COVERED = {str(RegionState.COVERED.label), str(RegionState.SKIPPED.label)}


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._open: str | None = None
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self._open, self._text = dict(attrs).get("href") or "", ""

    def handle_data(self, data: str) -> None:
        self._text += f" {data}"

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._open is not None:
            self.found.append((self._open, " ".join(self._text.split())))
            self._open = None


def numbers_of(html: str, here: str) -> Iterator[tuple[str, int]]:
    """(address, number) of each link to a list whose text holds a number. `here`: the page's own address."""
    links = _Links()
    links.feed(html)
    for href, text in links.found:
        address = urljoin(here, href)
        number = re.search(r"\d[\d,]*", _AGES.sub("", text))
        if number and _is_list(address):
            yield address.partition("#")[0], int(number[0].replace(",", ""))


def length_of(client: Client, address: str) -> int:
    """How many lines the list at this address has, over all its pages; of the map, its uncovered cells."""
    path = urlsplit(address).path
    pages = list(_pages(client, address))
    if path == "/fleet/map/":
        return sum(word not in _COVERED for html in pages for word in _ON_MAP.findall(html))
    line = next(line for place, line in _LINES if place.search(path))
    return sum(len(line.findall(html)) for html in pages)


def _is_list(address: str) -> bool:
    path = urlsplit(address).path
    return path == "/fleet/map/" or any(place.search(path) for place, _line in _LINES)


def _pages(client: Client, address: str) -> Iterator[str]:
    while address:
        html = client.get(address).text
        yield html
        following = re.search(r'href="([^"]*)" rel="next"', html)
        address = urljoin(address, following[1].replace("&amp;", "&")) if following else ""
