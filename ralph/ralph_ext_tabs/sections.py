"""What a template shows of one entry: how it is drawn, how old it is, who stopped. It must not know Redis.

HTML is shown in a frame of its own (``sandbox`` without ``allow-scripts`` and without ``allow-same-origin``, a content security
policy inside), whatever the sanitiser has done before: a key is only as trustworthy as whoever can write to that Redis.
"""

import functools
import logging
import re

from django.contrib.staticfiles import finders
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import escape
from django.utils.translation import gettext as _

from . import conf
from .cards import card
from .contract import CARD, HTML, JSON, TEXT, Refused

log = logging.getLogger("ralph_ext_tabs")

IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
# What a page shows of free JSON; the rest is told.
MAX_NODES = 2000
MAX_DEPTH = 8
MAX_INLINE_IMAGE = 2 * 1024 * 1024
_HOST = re.compile(r"^[A-Za-z0-9.-]+(:\d+)?\Z")


class Section:
    """One extension on one page. ``kind``: ``card``, ``html``, ``json``, ``text``, ``image``, ``download`` or ``unreadable``."""

    def __init__(self, entry, now):
        envelope, descriptor = entry.envelope, entry.descriptor
        self.service = entry.service
        self.title = descriptor.title
        self.description = descriptor.description
        self.docs_url = descriptor.docs_url
        self.owner = descriptor.owner
        self.content_type = envelope.content_type
        self.changed = when(envelope.changed_at, now)
        self.version = envelope.version
        self.notes = notes(descriptor, now)
        self.is_current = not any(note["status"] for note in self.notes)
        self.kind, self.body = drawn(envelope)


def sections(page, hidden=()):
    """The sections of a page, by title."""
    found = []
    for entry in page.entries:
        if entry.service in hidden:
            continue
        try:
            found.append(Section(entry, page.now))
        # One extension's content never costs the others their page.
        except Exception:  # noqa: B902
            log.exception("what %s says of %s cannot be drawn", entry.service, page.object_id)
    return sorted(found, key=lambda section: (section.title.lower(), section.service))


def drawn(envelope):
    """How content is shown, and what the template needs for it."""
    if envelope.content_type == CARD:
        found = card(envelope.content)
        return ("card", found) if found else ("json", tree(envelope.content))
    if envelope.content_type == JSON:
        return "json", tree(envelope.content)
    if envelope.content_type == HTML:
        return "html", document(envelope.content)
    if envelope.content_type == TEXT:
        return "text", envelope.content
    if envelope.encoding == "base64" and envelope.content_type in IMAGES and len(envelope.content) <= MAX_INLINE_IMAGE:
        try:
            envelope.body()
        except Refused:
            return "unreadable", None
        return "image", "data:%s;base64,%s" % (envelope.content_type, envelope.content)
    return "download", None


def notes(descriptor, now):
    """What has to be said of the age: texts, with a status where something is wrong."""
    if not descriptor.is_known:
        return [{"text": _("nothing is known of its updates"), "status": "unknown", "more": ""}]
    out = []
    if descriptor.as_of is not None:
        is_stale = descriptor.is_stale(now)
        status = "warning" if is_stale else ""
        out.append({"text": _("as of %(time)s") % {"time": when(descriptor.as_of, now)}, "status": status, "more": ""})
    if descriptor.status in ("failing", "stale") or descriptor.error:
        since = when(descriptor.failing_since, now)
        text = _("source failing since %(time)s") % {"time": since} if since else _("source failing")
        out.append({"text": text, "status": "warning", "more": descriptor.error})
    stopped = descriptor.stopped_at(now)
    if stopped is not None:
        text = _("updates stopped %(time)s") % {"time": when(stopped, now)}
        out.append({"text": text, "status": "warning", "more": ""})
    return out


def when(at, now):
    """A time of today by its clock, any other one with its date, in the user's zone and language."""
    if at is None:
        return ""
    at, now = timezone.localtime(at), timezone.localtime(now)
    return date_format(at, "TIME_FORMAT" if at.date() == now.date() else "SHORT_DATETIME_FORMAT")


def document(html):
    """HTML as a whole document for ``srcdoc``: styled, and with a policy that runs and loads nothing else."""
    images = " ".join("https://" + host for host in conf.get("IMAGES") if _HOST.match(host))
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data: %s; form-action 'none'; base-uri 'none'" % images
    return (
        '<!doctype html><html><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="%s">'
        '<meta name="referrer" content="no-referrer"><meta name="viewport" content="width=device-width">'
        "<style>%s</style></head><body>%s</body></html>"
    ) % (escape(policy).replace("&#39;", "'").replace("&#x27;", "'"), style(), html)


@functools.lru_cache(maxsize=1)
def style():
    """The style sheet of tabs."""
    path = finders.find("ralph_ext_tabs/tabs.css")
    if not path:
        return ""
    with open(path, encoding="utf-8") as file:
        return file.read()


class _Budget:
    def __init__(self, nodes):
        self.left = nodes


def tree(value, depth=0, budget=None):
    """Free JSON as ``{kind, ...}`` for the template, within bounds."""
    budget = budget or _Budget(MAX_NODES)
    budget.left -= 1
    if budget.left < 0 or depth > MAX_DEPTH:
        return {"kind": "more"}
    if isinstance(value, dict):
        pairs = []
        for name, inner in value.items():
            if budget.left <= 0:
                pairs.append(("…", {"kind": "more"}))
                break
            pairs.append((name, tree(inner, depth + 1, budget)))
        return {"kind": "object", "pairs": pairs}
    if isinstance(value, list):
        items = []
        for inner in value:
            if budget.left <= 0:
                items.append({"kind": "more"})
                break
            items.append(tree(inner, depth + 1, budget))
        return {"kind": "list", "items": items}
    if value is None:
        return {"kind": "null"}
    if isinstance(value, bool):
        return {"kind": "text", "text": "true" if value else "false"}
    return {"kind": "text", "text": str(value)}

