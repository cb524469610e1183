#!/usr/bin/env python3
"""How long it takes from a miss to the value: p50 and p99, seen by a reader that polls the key after it missed it.

    benches/fill.py --binary target/release/ralphext [--misses 500]

A private Redis that tells key misses. Each miss is of a key that was deleted before; the reader's first `GET` is the miss, and those that
follow every 0.2 ms are misses too, until the value is there.
"""

import argparse
import http.server
import json
import os
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from processes import SERVICE, Server
from visible import PAUSE, Reader

COUNT = 100
CONTENT = {"hostname": "host.example.net", "filling": "x" * 900}


class Objects(http.server.ThreadingHTTPServer):
    """Answers each request with the content of an object."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One write an answer: two would wait for each other on the wire.
    wbufsize = 1 << 16

    def do_GET(self):
        body = json.dumps(CONTENT).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def sources(folder):
    """The sources, by what they are for people: the lines of their configuration."""
    directory = folder / "objects"
    directory.mkdir()
    for n in range(COUNT):
        (directory / f"{n}.json").write_text(json.dumps(CONTENT))
    record = json.dumps({"id": "ID", "content": CONTENT})
    single = folder / "single.sh"
    single.write_text("for id in \"$@\"; do printf '%s\\n' '" + record.replace("ID", "'\"$id\"'") + "'; done\n")
    everything = folder / "all.ndjson"
    everything.write_text("".join(record.replace("ID", str(n)) + "\n" for n in range(COUNT)))
    web = Objects()
    ids = json.dumps([str(n) for n in range(COUNT)])
    return {
        "a file of a directory": f'kind = "file"\npath = "{directory}"\n',
        "a command (`sh`)": f'kind = "exec"\ncommand = ["cat", "{everything}"]\nobject_command = ["sh", "{single}"]\n',
        "a request over HTTP (loopback)": f'kind = "http"\n[source.http]\nids = {ids}\nspread = "0s"\n'
        f'object_url = "http://127.0.0.1:{web.server_port}/{{id}}"\n',
    }


def measure(options, folder, source):
    """Seconds of each miss, sorted."""
    taken = []
    with Server() as server:
        server.client.config_set("notify-keyspace-events", "Km")
        config = folder / "ralphext.toml"
        with open(config, "w") as file:
            file.write(
                f'service = "{SERVICE}"\nadmin.listen = "off"\nlog.level = "warn"\nverify.every = "1h"\n[redis]\nurl = "{server.url("unix")}"\n'
                f'[fill]\nmisses = true\nmax_rate = 10000\n[source]\ninterval = "1h"\n{source}'
            )
        environment = {k: v for k, v in os.environ.items() if not k.startswith("RALPHEXT")}
        sidecar = subprocess.Popen([options.binary, "-c", config, "run"], env=environment)
        deadline = time.monotonic() + 60
        key = f"ralphext:v1:{SERVICE}"
        while not json.loads(server.client.get(key) or "{}").get("last_pass") or not server.client.pubsub_numpat():
            if time.monotonic() > deadline:
                raise SystemExit("bench: error: the sidecar made no pass, or does not listen")
            time.sleep(0.05)
        time.sleep(0.5)
        for n in range(options.misses):
            key = f"ralphext:v1:{SERVICE}:{n % COUNT}"
            reader = Reader(server, key.encode())
            server.client.delete(key)
            time.sleep(0.01)
            start = time.perf_counter()
            taken.append(reader.wait(b'"hostname":') - start)
            reader.socket.close()
        sidecar.terminate()
        sidecar.wait()
    return sorted(taken)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("--misses", type=int, default=500)
    options = parser.parse_args()
    print(f"{options.misses} misses each, polled every {PAUSE * 1000:.1f} ms\n")
    print("| source of the object | p50 | p99 | slowest |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name, source in sources(folder).items():
            taken = [1000 * seconds for seconds in measure(options, folder, source)]
            p50, p99 = taken[len(taken) // 2], taken[min(len(taken) - 1, len(taken) * 99 // 100)]
            print(f"| {name} | {p50:.2f} ms | {p99:.2f} ms | {taken[-1]:.2f} ms |")


if __name__ == "__main__":
    main()
