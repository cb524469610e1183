#!/usr/bin/env python3
"""What change events cost: a cold pass that tells nothing, one that tells a channel, and one that tells a stream.

    benches/told.py --binary target/release/ralphext [--objects 100000] [--rounds 7]

A private Redis; `once` over a file of objects of about 1 KB. Each round runs the three in alternation, each on a flushed server, who
begins rotates; ratios are taken within a round. CPU of the server as it counts it itself, of the client as the kernel does.
"""

import argparse
import hashlib
import json
import os
import statistics
import tempfile

from processes import SERVICE, Server, timed

KINDS = ("none", "pubsub", "stream")


def content(number):
    text = hashlib.sha256(str(number).encode()).hexdigest()
    return {"host": f"host-{number}.example.net", "facts": [text] * 13, "serial": text[:12]}


def used(server):
    """CPU seconds of the server."""
    info = server.client.info("cpu")
    return info["used_cpu_sys"] + info["used_cpu_user"]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--binary", default="target/release/ralphext")
    arguments.add_argument("--objects", type=int, default=100_000)
    arguments.add_argument("--rounds", type=int, default=7)
    options = arguments.parse_args()
    table = {kind: {"wall": [], "client": [], "server": []} for kind in KINDS}
    with Server() as server, tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "objects.ndjson")
        with open(source, "w") as file:
            for number in range(1, options.objects + 1):
                file.write(json.dumps({"id": number, "content": content(number)}, separators=(",", ":")) + "\n")
        for kind in KINDS:
            with open(os.path.join(folder, f"{kind}.toml"), "w") as file:
                file.write(
                    f'service = "{SERVICE}"\n[redis]\nurl = "{server.url("unix")}"\n[source]\nkind = "file"\npath = "{source}"\n'
                    f'[events]\nkind = "{kind}"\n'
                )
        for turn in range(options.rounds):
            at = turn % len(KINDS)
            for kind in KINDS[at:] + KINDS[:at]:
                server.client.flushall()
                before = used(server)
                command = [options.binary, "-c", os.path.join(folder, f"{kind}.toml"), "--log-level", "warn", "once"]
                wall, client, _ = timed(command)
                server.expect(options.objects)
                for name, value in (("wall", wall), ("client", client), ("server", used(server) - before)):
                    table[kind][name].append(value)
                if kind == "stream":
                    kept = server.client.xlen(f"ralphext:v1:{SERVICE}:@changes")
                    size = server.client.memory_usage(f"ralphext:v1:{SERVICE}:@changes", samples=0)
    print(f"{options.objects} objects, {options.rounds} rounds; the stream keeps {kept} events in {size / kept:.0f} bytes each")
    for kind in KINDS:
        told = []
        for name in ("wall", "client", "server"):
            ratios = [value / without for value, without in zip(table[kind][name], table["none"][name])]
            middle = statistics.median(table[kind][name]) * 1e6 / options.objects
            spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
            told.append(f"{name} {statistics.median(ratios):.2f} x ({spread}; {middle:.1f} us)")
        print(f"{kind:>7}: " + ", ".join(told))


if __name__ == "__main__":
    main()
