#!/usr/bin/env python3
"""Makes the .mo files out of the .po files, as msgfmt does; for machines without gettext."""

import ast
import glob
import struct


def entries(path):
    """The pairs of one .po file, without plurals and contexts (there are none)."""
    found, name, texts = {}, None, {}
    with open(path, encoding="utf-8") as file:
        for line in list(file) + ["\n"]:
            line = line.strip()
            if line.startswith(("msgid ", "msgstr ")):
                name, _, line = line.partition(" ")
                texts[name] = ""
            if line.startswith('"'):
                texts[name] += ast.literal_eval(line)
            elif not line and texts:
                found[texts["msgid"]] = texts["msgstr"]
                texts = {}
    return found


def binary(found):
    """The format of gettext's manual, "The Format of GNU MO Files"."""
    pairs = sorted((a.encode("utf-8"), b.encode("utf-8")) for a, b in found.items())
    count, at = len(pairs), 28 + 16 * len(pairs)
    tables, texts = [], b""
    for column in (0, 1):
        for pair in pairs:
            tables.append(struct.pack("<II", len(pair[column]), at + len(texts)))
            texts += pair[column] + b"\0"
    return struct.pack("<IIIIIII", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, 0) + b"".join(tables) + texts


if __name__ == "__main__":
    for po in glob.glob("ralph_ext_tabs/locale/*/LC_MESSAGES/*.po"):
        with open(po[:-3] + ".mo", "wb") as mo:
            mo.write(binary(entries(po)))
