"""Following change events, against a real Redis that the real sidecar wrote into."""

import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.dirname(HERE))

from harness import Server  # noqa: E402
from ralph_ext_tabs import events  # noqa: E402

KEY = "ralphext:v1:cost:@changes"


def record(number, revision=1):
    return {"id": number, "content": {"number": number, "revision": revision}}


class Follow(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.stop)
        self.redis = self.server.client()

    def write(self, *records, **config):
        self.server.write("cost", list(records), events=dict({"kind": "stream"}, **config))

    def told(self, count, after=None):
        """The next ``count`` things told."""
        follower = events.follow("cost", after=after, client=self.redis, prefix="ralphext", wait=0.2)
        return [next(follower) for _ in range(count)]

    @staticmethod
    def words(told):
        return [" ".join(filter(None, (one.kind, one.object_id, one.reason or one.status))) for one in told]

    def test_it_begins_with_a_gap(self):
        self.write(record(1), record(2))
        told = self.told(5, after="0-0")
        self.assertEqual(told[0].kind, "gap")
        self.assertEqual(self.words(told[1:]), ["status starting", "written 1 new", "written 2 new", "status ok"])

    def test_a_restart_misses_nothing(self):
        self.write(record(1), record(2))
        follower = events.follow("cost", client=self.redis, prefix="ralphext", wait=0.2)
        first = next(follower)
        self.assertIsInstance(first, events.Gap)
        self.write(record(1, 2), record(2))
        words = self.words(self.told(3, after=first.id))
        self.assertEqual(words, ["status starting", "written 1 changed", "status ok"])
        one = next(follower)
        self.assertEqual(self.words([one]), ["status starting"])
        self.assertEqual(self.words(self.told(2, after=one.id)), ["written 1 changed", "status ok"])
        value = events.json.loads(self.redis.get("ralphext:v1:cost:1").decode())
        two = next(follower)
        self.assertEqual((two.version, two.hash), (value["version"], value["hash"]))

    def test_what_was_trimmed_flushed_or_is_none_of_ours(self):
        self.write(record(1))
        last = self.told(1)[0].id
        self.write(*[record(n, 2) for n in range(1, 1001)], max_len=100)
        told = self.told(3, after=last)
        self.assertEqual([one.kind for one in told[:2]], ["gap", "written"])
        last = self.told(1)[0].id
        self.redis.execute_command("XADD", KEY, "*", "event", "no event")
        self.redis.execute_command("XADD", KEY, "*", "other", "field")
        follower = events.follow("cost", after=last, client=self.redis, prefix="ralphext", wait=0.2)
        self.write(*[record(n, 2 if n > 1 else 3) for n in range(1, 1001)], max_len=100)
        self.assertNotIn("gap", [next(follower).kind for _ in range(3)])
        self.redis.flushall()
        self.assertIsInstance(self._until_gap(follower), events.Gap)
        self.write(record(1, 3), max_len=100)
        self.assertEqual(self.words([next(follower) for _ in range(3)]), ["status starting", "written 1 new", "status ok"])

    @staticmethod
    def _until_gap(follower):
        for told in follower:
            if told.kind == "gap":
                return told

    def test_it_ends_when_it_is_told_to(self):
        self.assertEqual(len(list(events.follow("cost", client=self.redis, prefix="p", wait=0.1, stop=lambda: True))), 1)
        with self.assertRaises(ValueError):
            next(events.follow("No Service", client=self.redis, prefix="p"))


if __name__ == "__main__":
    unittest.main()
