"""The reader against the cases for readers in any language; they are data, so a dictionary stands for the server."""

import json
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from ralph_ext_tabs.contract import moment  # noqa: E402
from ralph_ext_tabs.reader import Reader  # noqa: E402


class Keys:
    """``mget`` over a dictionary."""

    def __init__(self, keys):
        self.keys = {name: value.encode("utf-8") for name, value in keys.items()}

    def pipeline(self, transaction):
        return self

    def mget(self, names):
        self.answers = [[self.keys.get(name) for name in names]]

    def execute(self):
        return self.answers


def notes(about, now):
    found = []
    if not about.is_known:
        return ["unknown"]
    if about.status in ("failing", "stale") or about.error:
        found.append("failing")
    if about.is_stale(now):
        found.append("stale")
    if about.stopped_at(now) is not None:
        found.append("stopped")
    return found


class Conformance(unittest.TestCase):
    def test_every_case(self):
        with open(os.path.join(os.path.dirname(HERE), "conformance", "cases.json"), encoding="utf-8") as file:
            cases = json.load(file)
        self.assertGreater(len(cases), 15)
        for case in cases:
            services = sorted({key.split(":")[2] for key in case["keys"]})
            page = Reader(lambda keys=case["keys"]: Keys(keys)).page(case["object_id"], services)
            shown = {
                entry.service: {
                    "content_type": entry.envelope.content_type,
                    "encoding": entry.envelope.encoding,
                    "content": entry.envelope.content,
                }
                for entry in page.entries
            }
            self.assertEqual(shown, case["shown"], case["name"])
            now = moment(case["now"])
            said = {entry.service: notes(entry.descriptor, now) for entry in page.entries}
            self.assertEqual({name: n for name, n in said.items() if n}, case["notes"], case["name"])
            self.assertIsNone(page.problem)


if __name__ == "__main__":
    unittest.main()
