"""How does one use the portal without a browser? A visitor with cookies, who reads pages and sends forms."""

import re
from html import unescape
from http.cookiejar import CookieJar
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPCookieProcessor, build_opener

from demo.people import Person


class PageRefused(Exception):
    """The portal did not let the visitor go on. The text holds what the page said."""


class Visitor:
    """Someone at the portal. `address` is where they are, `page` what they see there."""

    def __init__(self, portal: str) -> None:
        self.portal = portal
        self.address = portal
        self.page = ""
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))

    def visit(self, path: str) -> str:
        return self._open(path, None)

    def send(self, path: str, **fields: str | list[str]) -> str:
        """Send a form as the page now seen would: with its token."""
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.page)
        if found is None:
            raise PageRefused(f"{self.address} has no form to send.")
        return self._open(path, urlencode({"csrfmiddlewaretoken": found[1], **fields}, doseq=True).encode())

    def sign_in(self, person: Person) -> None:
        self.visit("/accounts/login/")
        self.send("/accounts/login/", login=person.email, password=person.password)
        if "/accounts/login" in self.address:
            raise PageRefused(f"{person.email} could not sign in.\n{self.words()}")

    def field(self, name: str) -> str:
        """What the named field of the page now seen holds."""
        if found := self.fields(name):
            return found[0]
        raise PageRefused(f"{self.address} has no field {name}.\n{self.words()}")

    def fields(self, name: str) -> list[str]:
        """The same of all fields of that name."""
        tags = [tag for tag in re.findall(r"<input\b[^>]*>", self.page) if f'name="{name}"' in tag]
        values = (re.search(r'value="([^"]*)"', tag) for tag in tags)
        return [unescape(value[1]) if value else "" for value in values]

    def words(self) -> str:
        """The page's text, for a person who wants to know what it said."""
        text = re.sub(r"(?s)<(script|style|svg)\b.*?</\1>|<[^>]+>", " ", self.page)
        return re.sub(r"\s+", " ", unescape(text)).strip()

    def _open(self, path: str, body: bytes | None) -> str:
        address = urljoin(self.address, path)
        headers = {"Referer": self.address} if body else {}
        self._opener.addheaders = [*headers.items(), ("Accept", "text/html")]
        try:
            with self._opener.open(address, body, timeout=30) as answer:
                self.page, self.address = answer.read().decode(), answer.url
        except HTTPError as error:
            self.page = error.read().decode(errors="replace")
            raise PageRefused(f"{address}: {error.code}\n{self.words()}") from None
        return self.page
