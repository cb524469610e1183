#!/usr/bin/env python3
"""What a list over HTTP costs: all of it new, all of it again without a change, and a 304.

    benches/lists.py --binary target/release/ralphext [--objects 100000] [--rounds 7]

A private Redis and a private HTTP server; CPU seconds of the sidecar alone, by what the kernel counts. Each round starts with a
flushed server, so that cold and unchanged passes alternate.
"""

import argparse
import hashlib
import http.server
import json
import os
import statistics
import subprocess
import tempfile
import threading
import time

from processes import SERVICE, Server

TICK = os.sysconf("SC_CLK_TCK")


class Lists(http.server.ThreadingHTTPServer):
    """Answers with one list; with an ETag when told so."""

    daemon_threads = True

    def __init__(self, body):
        super().__init__(("127.0.0.1", 0), Answer)
        self.body, self.etag, self.with_etag = body, '"%s"' % hashlib.sha256(body).hexdigest()[:16], False
        self.full, self.unchanged = 0, 0
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        lists = self.server
        if lists.with_etag and self.headers.get("If-None-Match") == lists.etag:
            self.send_response(304)
            self.end_headers()
            lists.unchanged += 1
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(lists.body)))
        if lists.with_etag:
            self.send_header("ETag", lists.etag)
        self.end_headers()
        self.wfile.write(lists.body)
        lists.full += 1


def content(number):
    text = hashlib.sha256(str(number).encode()).hexdigest()
    return {"host": f"host-{number}.example.net", "facts": [text] * 13, "serial": text[:12]}


def cpu(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def wait(reached):
    for _ in range(6000):
        if reached():
            return
        time.sleep(0.01)
    raise SystemExit("bench: error: waited for a minute in vain")


def passes(pid, count, seen):
    """CPU seconds of one of `count` passes, as `seen` counts them."""
    begun, first = cpu(pid), seen()
    wait(lambda: seen() >= first + count)
    return (cpu(pid) - begun) / (seen() - first)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--binary", default="target/release/ralphext")
    arguments.add_argument("--objects", type=int, default=100_000)
    arguments.add_argument("--rounds", type=int, default=7)
    options = arguments.parse_args()
    records = ({"id": number, "content": content(number)} for number in range(1, options.objects + 1))
    body = ("[" + ",\n".join(json.dumps(record, separators=(",", ":")) for record in records) + "]").encode()
    lists = Lists(body)
    print(f"{options.objects} objects, {len(body) / options.objects:.0f} bytes each, {options.rounds} rounds")
    table = {"cold": [], "unchanged": [], "304": []}
    with Server() as server, tempfile.TemporaryDirectory() as folder:
        config = os.path.join(folder, "bench.toml")
        with open(config, "w") as file:
            file.write(
                f'service = "{SERVICE}"\nadmin.listen = "off"\nlog.level = "warn"\nverify.every = "10h"\n'
                f'verify.whole_every = "1000h"\n[redis]\nurl = "{server.url("unix")}"\n[source]\nkind = "http"\ninterval = "200ms"\n'
                f'[source.http]\nurl = "http://127.0.0.1:{lists.server_port}/"\n'
            )
        for _ in range(options.rounds):
            server.client.flushall()
            lists.with_etag = False
            sidecar = subprocess.Popen([options.binary, "-c", config, "run"])
            key = f"ralphext:v1:{SERVICE}"
            done = lambda: json.loads(server.client.get(key) or "{}").get("last_pass", {}).get("complete") is True
            wait(done)
            table["cold"].append(cpu(sidecar.pid))
            # The list is recognised by its bytes from the third time on.
            seen = lists.full
            wait(lambda: lists.full >= seen + 3)
            table["unchanged"].append(passes(sidecar.pid, 10, lambda: lists.full))
            lists.with_etag = True
            first = lists.unchanged
            wait(lambda: lists.unchanged > first)
            table["304"].append(passes(sidecar.pid, 40, lambda: lists.unchanged))
            sidecar.terminate()
            sidecar.wait()
    cold = statistics.median(table["cold"])
    for name, values in table.items():
        middle = statistics.median(values)
        spread = f"{min(values) * 1000:.1f} to {max(values) * 1000:.1f}"
        print(f"{name:>10}: {middle * 1000:8.1f} ms of CPU a pass ({spread}), {middle / cold * 100:6.2f} % of cold")


if __name__ == "__main__":
    main()
