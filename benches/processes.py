"""Processes of a comparison: a private Redis server, the program under test, the yardstick in Python, and their costs."""

import contextlib
import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import redis

SERVICE = "bench"
HERE = Path(__file__).resolve().parent


class Server:
    """A private server on a unix socket and a free TCP port, without persistence; killed at the end."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="rx-")
        self.socket = os.path.join(self.folder, "s")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        self.process = subprocess.Popen(
            [program, "--port", str(self.port), "--bind", "127.0.0.1", "--unixsocket", self.socket]
            + ["--save", "", "--appendonly", "no", "--dir", self.folder, "--loglevel", "warning"],
            stdout=subprocess.DEVNULL,
        )
        self.client = redis.Redis(unix_socket_path=self.socket)
        for _ in range(500):
            with contextlib.suppress(redis.exceptions.RedisError):
                if self.client.ping():
                    return self
            time.sleep(0.01)
        raise SystemExit("bench: error: the private Redis server did not start")

    def __exit__(self, *_):
        self.client.close()
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, transport):
        return f"unix://{self.socket}" if transport == "unix" else f"redis://127.0.0.1:{self.port}/0"

    def expect(self, count):
        """Every object has a key; the service's own keys come on top."""
        found = self.client.dbsize()
        if not count <= found <= count + 10:
            raise SystemExit(f"bench: error: {found} keys in Redis, expected {count}")


def timed(command, **options):
    """Wall seconds, CPU seconds and standard output of a process that must end well."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=err, **options)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode != 0:
            tail = err.read().decode(errors="replace")[-2000:]
            raise SystemExit(f"bench: error: {' '.join(map(str, command))} ended with {process.returncode}\n{tail}")
        return wall, usage.ru_utime + usage.ru_stime, out.read()


def memory(pid):
    """VmRSS and VmHWM in bytes."""
    found = {}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in ("VmRSS", "VmHWM"):
            found[name] = int(value.split()[0]) * 1024
    return found["VmRSS"], found["VmHWM"]


class PythonWriter:
    def __init__(self, server, codec):
        start = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, HERE / "python_writer.py", "--socket", server.socket, "--codec", codec],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.answer()
        self.ready = time.perf_counter() - start
        self.rss = memory(self.process.pid)[0]

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("bench: error: the Python writer ended early")
        return json.loads(line)

    def run(self, path):
        self.process.stdin.write(f"pass {path}\n")
        self.process.stdin.flush()
        return self.answer()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()


class Ralphext:
    """The program under test, with a configuration of its own."""

    def __init__(self, binary, server, folder, source, transport="unix"):
        self.binary = binary
        self.config = Path(folder) / f"{transport}.toml"
        self.config.write_text(
            f'service = "{SERVICE}"\n[redis]\nurl = "{server.url(transport)}"\n'
            f'[source]\nkind = "file"\npath = "{source}"\ninterval = "1h"\n[content]\nttl = "24h"\n'
            '[admin]\nlisten = "127.0.0.1:0"\n'
        )
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("RALPHEXT")}

    def once(self):
        """Wall and CPU seconds, and the summary."""
        command = [self.binary, "-c", self.config, "--log-level", "warn", "once", "--output", "json"]
        wall, cpu, out = timed(command, env=self.environment)
        return wall, cpu, json.loads(out)


class Running:
    """`ralphext run`, watched through its JSON log."""

    def __init__(self, ralphext):
        self.lines = queue.Queue()
        self.seen = []
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            [ralphext.binary, "-c", ralphext.config, "--log-level", "info", "--log-format", "json", "run"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=ralphext.environment,
        )  # fmt: skip
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stderr:
            self.lines.put((time.perf_counter(), line))
        self.lines.put((time.perf_counter(), None))

    def passed(self, timeout=300):
        """Waits for the next pass to end: its fields, and when its line came."""
        return self.said("pass finished", timeout)

    def learnt(self, timeout=300):
        """Waits until it knows what stands in Redis: the line's fields, and when it came."""
        return self.said("learnt what stands in Redis", timeout)

    def said(self, text, timeout):
        deadline = time.perf_counter() + timeout
        while True:
            try:
                at, line = self.lines.get(timeout=max(0.01, deadline - time.perf_counter()))
            except queue.Empty:
                line = None
            if line is None:
                tail = b"".join(self.seen[-10:]).decode(errors="replace")
                raise SystemExit(f"bench: error: `ralphext run` did not log {text!r} in {timeout} s:\n{tail}")
            self.seen.append(line)
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                fields = {**entry, **(entry.get("span") or {}), **(entry.get("fields") or {})}
                if text in str(fields.get("message")):
                    return fields, at

    def settle(self, seconds=0.3):
        """Lets a pass that one change set off twice end, and forgets it."""
        time.sleep(seconds)
        with contextlib.suppress(queue.Empty):
            while True:
                self.seen.append(self.lines.get_nowait()[1] or b"")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def replace(live, source):
    """Puts another inode in the place of `live` by a rename, without copying."""
    with tempfile.TemporaryDirectory(dir=live.parent) as folder:
        link = Path(folder) / "next"
        os.link(source, link)
        os.replace(link, live)
