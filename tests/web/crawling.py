"""
The links of a page, and the requests that its enabled buttons send.

    offer = read_page(html)
    offer.links, offer.sends
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass(frozen=True, slots=True)
class ButtonRequest:
    """The request of a button in a form that was not filled in."""

    path: str
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Offer:
    """The links and requests of a page; *reasons* are the IDs that describe its disabled buttons."""

    links: set[str] = field(default_factory=set)
    sends: set[ButtonRequest] = field(default_factory=set)
    reasons: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    loose_times: list[str] = field(default_factory=list)  # texts with a time that isn't an element


_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d")


@dataclass(slots=True)
class _Form:
    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[dict[str, str]] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.offer = Offer()
        self._form: _Form | None = None
        self._named: dict[str, _Form] = {}
        self._forms: list[_Form] = []
        self._in_time = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.offer.ids.add(attributes.get("id", ""))
        self._in_time = tag == "time"
        if attributes.get("aria-disabled") == "true":
            assert (tag, attributes["type"]) == ("button", "button"), attributes
            assert "disabled" not in attributes, "nobody could get to it by keyboard"
            self.offer.reasons.append(attributes["aria-describedby"])
            return
        if tag == "form" and attributes.get("method") == "post":
            self._form = _Form(attributes["action"])
            self._forms.append(self._form)
            self._named[attributes.get("id", "")] = self._form
        elif tag == "a":
            self.offer.links.add(attributes["href"])
        elif tag == "input" and self._form and "name" in attributes and self._is_sent(attributes):
            self._form.fields.append((attributes["name"], attributes.get("value", "")))
        elif tag == "button" and attributes.get("type") != "button" and "disabled" not in attributes:
            form = self._named.get(attributes["form"]) if "form" in attributes else self._form
            if form:
                form.buttons.append(attributes)
        if tag != "button" and tag != "form":
            self.offer.links |= {attributes["hx-get"]} if "hx-get" in attributes else set()
            self.offer.sends |= {ButtonRequest(attributes["hx-post"])} if "hx-post" in attributes else set()

    @staticmethod
    def _is_sent(attributes: dict[str, str]) -> bool:
        is_checked = attributes.get("type") not in {"checkbox", "radio"} or "checked" in attributes
        return is_checked and "disabled" not in attributes and attributes.get("type") != "file"

    def handle_data(self, data: str) -> None:
        if _TIME.search(data) and not self._in_time:
            self.offer.loose_times.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None

    def close(self) -> None:
        super().close()
        for form in self._forms:
            for button in form.buttons:
                own_field = [(button["name"], button.get("value", ""))] if "name" in button else []
                self.offer.sends.add(ButtonRequest(button.get("formaction", form.action), (*form.fields, *own_field)))


def read_page(html: str) -> Offer:
    """Parse a page or a part of one."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.offer


MOST_QUERIES = 12


def crawl(client, *starts: str) -> tuple[dict[str, Offer], dict[str, int]]:
    """
    Follow all internal links from *starts*, except to the docs, which test_docs_site.py checks.

    Of a list with filters, only MOST_QUERIES addresses are followed: each filter combines with every other one.

    Return the offer of each page, and the status of other responses.
    """
    pages: dict[str, Offer] = {}
    others: dict[str, int] = {}
    queries: Counter[str] = Counter()
    waiting = list(starts)
    while waiting:
        path = waiting.pop().partition("#")[0]
        if not path.startswith("/") or path.startswith(("/static", "/help/")) or path in pages or path in others:
            continue
        queries[path.partition("?")[0]] += "?" in path
        if queries[path.partition("?")[0]] > MOST_QUERIES and path not in starts:
            continue
        assert len(pages) < 300, sorted(pages)
        answer = client.get(path)
        if answer.status_code == 200 and answer.headers["content-type"].startswith("text/html"):
            pages[path] = read_page(answer.text)
            waiting += pages[path].links
        else:
            others[path] = answer.status_code
    return pages, others
