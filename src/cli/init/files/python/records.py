#!/usr/bin/env python3
"""@TITLE@: an extension of Ralph.

`--print` writes all objects to standard output, one JSON record a line; without it the extension does its work.
Nothing but Python 3.6 or newer is needed.
"""
@IMPORTS@

def objects():
    """All objects that have a tab: pairs of Ralph's id and a card. This is the part to be replaced by your own.

    A card is drawn by Ralph itself: `ralphext schema card.v1`. Leave out what changes at every call (the time, say):
    content that stays the same is not written again.
    """
    for object_id, host, used in (("4711", "db1.example.org", 61), ("4712", "db2.example.org", 93)):
        yield object_id, {
            "title": "@TITLE@",
            "status": "warning" if used > 90 else "ok",
            "summary": "{} uses {} % of its disk.".format(host, used),
            "fields": [
                {"label": "Host", "value": host, "link": "https://{}/".format(host)},
                {"label": "Disk used", "value": used, "unit": "%"},
            ],
        }


def records():
    """The records: every object, and that this was all of them. What is missing loses its tab."""
    for object_id, card in objects():
        yield {"id": object_id, "content_type": "card", "content": card}
    yield {"end": True}


def write(items, out):
    for item in items:
        out.write(json.dumps(item) + "\n")
    out.flush()

