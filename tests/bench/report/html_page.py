"""An HTML page as its reader's software sees it."""

import html.parser
from dataclasses import dataclass, field

VOID = {"meta", "br", "img", "source", "link", "hr"}


@dataclass
class Seen:
    """Tags with their attributes, in order, and the text."""

    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    text: str = ""

    def all(self, *names):
        return [attributes for tag, attributes in self.tags if tag in names]


class _Reader(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen, self.open = Seen(), []

    def handle_starttag(self, tag, attrs):
        self.seen.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "svg"} & set(self.open):
            self.seen.text += data


def read(text):
    """A page; every element of it is closed in order."""
    reader = _Reader()
    reader.feed(text)
    assert not reader.open
    return reader.seen
