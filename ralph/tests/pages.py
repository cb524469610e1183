"""Pages as the tabs make them of hostile values, for a browser to try: texts as JSON on standard input, pages as JSON out of it."""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project")

import django  # noqa: E402
import project  # noqa: E402,F401

django.setup()

from django.template.loader import render_to_string  # noqa: E402

from ralph_ext_tabs.contract import Descriptor, Envelope  # noqa: E402
from ralph_ext_tabs.reader import Entry, Page  # noqa: E402
from ralph_ext_tabs.sections import sections, style  # noqa: E402


def entry(service, text, kind, encoding, content):
    """What somebody could have put into Redis by hand."""
    envelope = {"schema": "envelope.v1", "object_id": "1", "content_type": kind, "encoding": encoding, "content": content}
    about = {"schema": "service.v1", "title": text, "description": text, "docs_url": text, "last_error": {"message": text}}
    return Entry(service, Envelope(json.dumps(envelope).encode(), "1"), Descriptor(service, json.dumps(about).encode()))


def page(text):
    """One page with the text in every place that there is."""
    card = {
        "title": text, "summary": text, "status": text, "badges": [{"text": text, "status": text}],
        "fields": [{"label": text, "value": text, "unit": text, "link": text}],
        "tables": [{"title": text, "columns": [text], "rows": [[text]]}],
        "charts": [{"title": text, "unit": text, "labels": [text], "series": [{"label": text, "values": [1]}]}],
        "timeline": [{"at": text, "text": text, "link": text}], "links": [{"label": text, "url": text}],
    }
    entries = [
        entry("card", text, "application/vnd.ralphext.card+json", "json", card),
        entry("html", text, "text/html", "utf-8", text),
        entry("json", text, "application/json", "json", {text: [text]}),
        entry("text", text, "text/plain", "utf-8", text),
        entry("image", text, "image/png", "base64", text),
        entry("file", text, "image/svg+xml", "utf-8", text),
    ]
    found = sections(Page("1", entries))
    body = render_to_string("ralph_ext_tabs/sections.html", {"ext_sections": found, "ext_downloads": True})
    return '<!doctype html><meta charset="utf-8"><style>%s</style><body>%s</body>' % (style(), body)


if __name__ == "__main__":
    json.dump([page(text) for text in json.load(sys.stdin)], sys.stdout)
