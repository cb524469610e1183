#!/usr/bin/env python3
"""Hand-over protocols as PDF, one for each asset in assets.json, from the template protocol.txt.

A document is rendered only when its data or the template changed: the last one is kept in .cache/, under a hash of both.
Needs Python 3.6 or newer and nothing else.
"""
import base64
import hashlib
import json
import os
import string
import sys

from pdf import MARGIN, WIDTH, Pdf

HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = os.environ.get("OUTPRINT_CACHE", os.path.join(HERE, ".cache"))
COLUMNS = (("Lp.", MARGIN), ("Model", MARGIN + 30), ("Kod kreskowy", MARGIN + 250), ("Numer seryjny", MARGIN + 360))


def read(name):
    with open(os.path.join(HERE, name), "rb") as source:
        return source.read()


def table(out, assets):
    out.room(18)
    for title, x in COLUMNS:
        out.put(x, title, bold=True)
    out.line(MARGIN, WIDTH - MARGIN)
    for number, asset in enumerate(assets, 1):
        out.room(16)
        for (_, x), text in zip(COLUMNS, (str(number), asset["model"], asset["barcode"], asset["sn"])):
            out.put(x, text)


def signatures(out, names):
    # All of it stays on one page.
    out.room(70)
    for at, name in enumerate(names):
        x = MARGIN + 270 * at
        out.line(x, x + 200, -12)
        out.put(x, name, 9)


def render(data, template):
    text = string.Template(template).substitute({k: v for k, v in data.items() if isinstance(v, str)})
    lines = text.splitlines()
    out = Pdf(lines[0].lstrip("# "))
    for line in lines:
        if line == "[assets]":
            table(out, data["assets"])
        elif line.startswith("[signatures]"):
            signatures(out, [name.strip() for name in line[len("[signatures]"):].split("|")])
        elif line.startswith("# "):
            out.room(30)
            out.put(MARGIN, line[2:], 16, bold=True)
        else:
            out.room(16)
            out.put(MARGIN, line)
    return out.bytes()


def document(asset_id, data, template, program):
    """The PDF of one asset: the one in the cache, if it was made of the same."""
    same = json.dumps(data, sort_keys=True).encode("utf-8") + b"\0" + template + b"\0" + program
    path = os.path.join(CACHE, "%s-%s.pdf" % (asset_id, hashlib.sha256(same).hexdigest()[:32]))
    if not os.path.exists(path):
        made = render(data, template.decode("utf-8"))
        for old in os.listdir(CACHE):
            if old.startswith(asset_id + "-"):
                os.remove(os.path.join(CACHE, old))
        with open(path + ".new", "wb") as out:
            out.write(made)
        os.replace(path + ".new", path)
        sys.stderr.write("rendered %s\n" % asset_id)
    with open(path, "rb") as source:
        return source.read()


def main():
    os.makedirs(CACHE, exist_ok=True)
    assets, template = json.loads(read("assets.json").decode("utf-8")), read("protocol.txt")
    program = read("outprint.py") + read("pdf.py")
    for asset_id, data in sorted(assets.items()):
        body = base64.b64encode(document(asset_id, data, template, program)).decode("ascii")
        print(json.dumps({"id": asset_id, "content_type": "application/pdf", "content": body}))
    print(json.dumps({"end": True}))


if __name__ == "__main__":
    main()
