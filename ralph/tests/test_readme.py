"""The reader in the README does what it says."""

import os
import re
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from harness import Server  # noqa: E402


class Readme(unittest.TestCase):
    def test_the_reader_of_thirty_lines(self):
        with open(os.path.join(os.path.dirname(HERE), "README.md"), encoding="utf-8") as file:
            code = re.search(r"<!-- tested -->\n\n```python\n(.*?)```", file.read(), re.S).group(1)
        self.assertLessEqual(len(code.strip().splitlines()), 30)
        server = Server()
        try:
            server.write("hwinfo", [{"id": "4711", "content": {"a": 1}}])
            names = {}
            exec(code.replace("redis://127.0.0.1:6379/0", server.url).replace("0.05", "5"), names)
            envelope, stopped = names["extension"]("hwinfo", "4711")
            self.assertEqual((envelope["content"], stopped), ({"a": 1}, None))
            self.assertEqual(names["extension"]("hwinfo", "4712"), (None, None))
        finally:
            server.stop()
        self.assertEqual(names["extension"]("hwinfo", "4711"), (None, None))


if __name__ == "__main__":
    unittest.main()
