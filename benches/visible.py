"""How long a change takes from the rename of the file to the key: p50 and p99, seen by a reader that polls the key."""

import json
import os
import random
import socket
import tempfile
import time
from pathlib import Path

from processes import SERVICE, Ralphext, Running, Server

PAUSE = 0.0002
CASES = ("one object in the file", "1 of 1,000 objects changed", "1,000 of 1,000 objects changed")


def text(n, generation):
    content = {"generation": generation, "hostname": f"host-{n}.example.net", "filling": "x" * 900}
    return json.dumps({"id": n, "content": content}) + "\n"


class Reader:
    """`GET` over a socket of its own; what redis-py adds would be a part of the result."""

    def __init__(self, server, key):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(server.socket)
        self.command = b"*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n" % (len(key), key)

    def wait(self, needle, timeout=10):
        deadline = time.perf_counter() + timeout
        while time.perf_counter() < deadline:
            self.socket.sendall(self.command)
            if needle in self.socket.recv(65536):
                return time.perf_counter()
            time.sleep(PAUSE)
        raise SystemExit(f"bench: error: {needle!r} was not visible within {timeout} s")


def measure(options, case, changes):
    """Seconds of each change, sorted."""
    count = 1 if case == CASES[0] else 1000
    taken = []
    with Server() as server, tempfile.TemporaryDirectory(dir=options.work) as folder:
        live, tmp = Path(folder) / "live.ndjson", Path(folder) / "next"
        lines = [text(n, 0) for n in range(1, count + 1)]
        live.write_text("".join(lines))
        # The last line: whatever stands before it has to be read first.
        reader = Reader(server, f"ralphext:v1:{SERVICE}:{count}".encode())
        with Running(Ralphext(options.ralphext, server, folder, live)) as run:
            run.passed(60)
            for generation in range(1, changes + 1):
                run.settle(0.02 + random.random() * 0.03)
                if case == CASES[2]:
                    lines = [text(n, generation) for n in range(1, count + 1)]
                lines[-1] = text(count, generation)
                tmp.write_text("".join(lines))
                start = time.perf_counter()
                os.replace(tmp, live)
                taken.append(reader.wait(b'"generation":%d,' % generation) - start)
    return sorted(taken)


def table(options, changes):
    lines = [f"### A change in the file, until a reader sees it ({changes} changes, polled every {PAUSE * 1000:.1f} ms)", ""]
    lines += ["| file | p50 | p99 | slowest | target | |", "|---|---|---|---|---|---|"]
    for case in CASES:
        taken = [1000 * seconds for seconds in measure(options, case, changes)]
        p50, p99 = taken[len(taken) // 2], taken[min(len(taken) - 1, len(taken) * 99 // 100)]
        met = "met" if p99 <= 50 else "**missed**"
        lines.append(f"| {case} | {p50:.2f} ms | {p99:.2f} ms | {taken[-1]:.2f} ms | p99 <= 50 ms | {met} |")
    return lines + [""]
