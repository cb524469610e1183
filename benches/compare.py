"""Compares whole processes in one run, on private Redis servers: `redis-cli --pipe`, a writer in Python, ralphext.

Absolute times drift with the machine, so each round runs every contestant once, in an order that rotates, and what is
printed first are ratios of the same round: their median, smallest and largest. Called by scripts/bench.sh.
"""

import argparse
import contextlib
import datetime
import hashlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import redis

import fence
import visible
from processes import HERE, SERVICE, PythonWriter, Ralphext, Running, Server, memory, replace, timed

TTL_MS = 86_400_000

def note(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


# ---- Input -----------------------------------------------------------------------------------------------------------


def content(n, generation):
    """About 1 KB of JSON, as an inventory extension would say it; names in the order in which people write them."""
    return {
        "hostname": f"host-{n:07d}.dc{n % 7}.example.net",
        "serial_number": f"SN{n * 7919 % 10**9:09d}",
        "vendor": "Supermicro",
        "model": "AS-1114S-WN10RT",
        "location": {"city": "Poznań", "room": f"Sala {n % 9}", "rack": f"R{n % 400:03d}", "position": n % 47},
        "processors": [{"model": "AMD EPYC 7713", "cores": 64, "mhz": 2000 + n % 1700}],
        "memory_gib": 512,
        "disks": [
            {"bay": bay, "kind": "NVMe", "size_gb": 7680, "serial_number": f"D{n * 31 + bay:011d}", "healthy": True}
            for bay in range(3)
        ],
        "interfaces": [
            {
                "name": f"eno{port}",
                "mac": f"02:{port:02x}:{n >> 24 & 255:02x}:{n >> 16 & 255:02x}:{n >> 8 & 255:02x}:{n & 255:02x}",
                "address": f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}",
                "speed_gbps": 25,
            }
            for port in range(2)
        ],
        "warranty": {"until": f"2028-{n % 12 + 1:02d}-15", "kind": "3y next business day", "supplier": "Example S.A."},
        "load": n % 400 / 8 + 0.0625,
        "generation": generation,
        "remarks": None if n % 3 else "moved from the old building, cabling checked",
    }


def canonical(value):
    """RFC 8785 for what `content` makes: ASCII names, numbers that Python and ECMAScript spell alike."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def value_of(n, text, epoch):
    sealed = b'{"content":' + text + b',"content_type":"application/json","encoding":"json"}'
    digest = hashlib.sha256(sealed).hexdigest()
    changed_at = datetime.datetime.fromtimestamp(epoch / 1000, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    head = (
        f'{{"schema":"envelope.v1","version":{epoch},"epoch":{epoch},"changed_at":"{changed_at}.000Z","hash":"{digest}",'
        f'"service":"{SERVICE}","object_id":"{n}","content_type":"application/json","encoding":"json","content":'
    )
    return head.encode() + text + b"}"


def bulk(data):
    return b"$%d\r\n%s\r\n" % (len(data), data)


class Input:
    """Files of one size: records `a`, an equal copy, `b` with every object changed, and both as bytes for the pipe."""

    def __init__(self, work, count, layout):
        folder = work / f"{layout}-{count}"
        self.count = count
        self.records = {name: folder / f"{name}.ndjson" for name in ("a", "a2", "b")}
        self.pipe = {name: folder / f"{name}.resp" for name in ("a", "b")}
        if (folder / "done").exists():
            return
        note(f"writing input of {count:,} objects")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        epoch = int(time.time()) * 1000
        for generation, name in ((1, "a"), (2, "b")):
            with open(self.records[name], "wb") as records, open(self.pipe[name], "wb") as pipe:
                for n in range(1, count + 1):
                    made = content(n, generation)
                    text = canonical(made)
                    if layout == "canonical":
                        records.write(b'{"id":%d,"content":%s}\n' % (n, text))
                    else:
                        records.write(json.dumps({"id": n, "content": made}, ensure_ascii=False).encode() + b"\n")
                    key = f"ralphext:v1:{SERVICE}:{n}".encode()
                    value = value_of(n, text, epoch)
                    pipe.write(b"*5\r\n" + bulk(b"SET") + bulk(key) + bulk(value) + bulk(b"PX") + bulk(b"%d" % TTL_MS))
        shutil.copyfile(self.records["a"], self.records["a2"])
        (folder / "done").touch()

    @property
    def bytes_per_object(self):
        return self.pipe["a"].stat().st_size / self.count


# ---- Rounds ----------------------------------------------------------------------------------------------------------


class Rounds:
    """What was measured: name -> one number a round."""

    def __init__(self, options, data, codecs):
        self.options, self.data, self.codecs = options, data, codecs
        self.found = {}
        self.compared = 0

    def keep(self, name, number):
        self.found.setdefault(name, []).append(number)

    def run(self, rounds):
        steps = [lambda t=t: self.pipe_and_once(t) for t in self.options.transports]
        steps += [lambda c=c: self.python(c) for c in self.codecs]
        steps += [self.running, self.wc]
        if self.data.count <= 100_000:  # held in memory
            steps.append(self.fence)
        for number in range(rounds):
            note(f"{self.data.count:,} objects, round {number + 1} of {rounds}")
            turn = number % len(steps)
            for step in steps[turn:] + steps[:turn]:
                step()

    def pipe_and_once(self, transport):
        """Next to each other, as their ratio is what counts most; who goes first alternates."""
        pair = [self.pipe, self.once]
        if len(self.found.get(f"pipe {transport} fresh", [])) % 2:
            pair.reverse()
        for step in pair:
            step(transport)

    def pipe(self, transport):
        with Server() as server:
            where = ["-s", server.socket] if transport == "unix" else ["-h", "127.0.0.1", "-p", str(server.port)]
            client = shutil.which("redis-cli") or shutil.which("valkey-cli")
            for name, kind in (("a", "fresh"), ("b", "overwrite")):
                with open(self.data.pipe[name], "rb") as commands:
                    wall, cpu, _ = timed([client, *where, "--pipe"], stdin=commands)
                server.expect(self.data.count)
                self.keep(f"pipe {transport} {kind}", wall)
                self.keep(f"pipe {transport} {kind} cpu", cpu)

    def once(self, transport):
        with Server() as server, tempfile.TemporaryDirectory(dir=self.options.work) as folder:
            live = Path(folder) / "live.ndjson"
            ralphext = Ralphext(self.options.ralphext, server, folder, live, transport)
            for name, kind in (("a", "fresh"), ("a2", "restart"), ("b", "overwrite")):
                replace(live, self.data.records[name])
                wall, cpu, summary = ralphext.once()
                self.check(f"once, {kind}", summary, 0 if kind == "restart" else self.data.count)
                server.expect(self.data.count)
                self.keep(f"once {transport} {kind}", wall)
                self.keep(f"once {transport} {kind} cpu", cpu)
                if kind == "fresh" and not self.compared:
                    self.compare_values(server)

    def check(self, what, summary, written):
        """A fast pass that did something else than it should is no result."""
        got = summary.get("objects"), summary.get("written")
        if got != (self.data.count, written):
            raise SystemExit(f"bench: error: {what}: objects, written = {got}, expected {(self.data.count, written)}")

    def compare_values(self, server):
        """The pipe's values are the same bytes as ours, but for version, epoch and time."""
        step = max(1, self.data.count // 100)
        for n in range(1, self.data.count + 1, step):
            ours = server.client.get(f"ralphext:v1:{SERVICE}:{n}")
            theirs = value_of(n, canonical(content(n, 1)), 1_700_000_000_000)
            if len(ours) != len(theirs) or ours[ours.index(b'"hash"') :] != theirs[theirs.index(b'"hash"') :]:
                raise SystemExit(f"bench: error: object {n}: the values differ\nours:   {ours!r}\ntheirs: {theirs!r}")
            self.compared += 1

    def python(self, codec):
        with Server() as server, PythonWriter(server, codec) as writer:
            for name, kind in (("a", "fresh"), ("a2", "unchanged"), ("b", "overwrite")):
                result = writer.run(self.data.records[name])
                self.check(f"Python ({codec}), {kind}", result, 0 if kind == "unchanged" else self.data.count)
                self.keep(f"python {codec} {kind}", result["seconds"])
            self.keep(f"python {codec} rss", memory(writer.process.pid)[0])

    def running(self):
        with Server() as server, tempfile.TemporaryDirectory(dir=self.options.work) as folder:
            live = Path(folder) / "live.ndjson"
            replace(live, self.data.records["a"])
            ralphext = Ralphext(self.options.ralphext, server, folder, live)
            with Running(ralphext) as run:
                fields, _ = run.passed()
                self.check("run, fresh", fields, self.data.count)
                self.keep("run fresh", fields["duration_ms"] / 1000)
                # The first unchanged pass may still fill caches; the second is the steady state.
                for name, kind in (("a2", "warm-up"), ("a", "unchanged"), ("b", "overwrite")):
                    run.settle()
                    replace(live, self.data.records[name])
                    fields, _ = run.passed()
                    self.check(f"run, {kind}", fields, self.data.count if kind == "overwrite" else 0)
                    self.keep(f"run {kind}", fields["duration_ms"] / 1000)
                    if kind == "unchanged":
                        time.sleep(1)
                        rss, peak = memory(run.process.pid)
                        self.keep("run rss", rss)
                        self.keep("run peak", peak)
            with Running(ralphext) as run:
                _, at = run.learnt()
                self.keep("restart, heads", at - run.started)
                fields, at = run.passed()
                self.check("run, restarted", fields, 0)
                self.keep("restart, first pass", at - run.started)

    def fence(self):
        parts = fence.batches(self.data.pipe["a"])
        kinds = ["plain", "fenced"]
        if len(self.found.get("batches plain fresh", [])) % 2:
            kinds.reverse()
        for kind in kinds:
            with Server() as server:
                sender = fence.Sender(server)
                for pass_kind in ("fresh", "overwrite"):
                    self.keep(f"batches {kind} {pass_kind}", getattr(sender, kind)(parts))
                server.expect(self.data.count)

    def wc(self):
        wall, _, _ = timed(["wc", "-l", self.data.records["a"]])
        self.keep("wc", wall)

    # -- what the table says

    def median(self, name):
        return statistics.median(self.found[name])

    def ratios(self, top, bottom):
        return [a / b for a, b in zip(self.found[top], self.found[bottom], strict=True) if b > 0]


def at_rest(options, rounds=7):
    """One object: what the process itself costs."""
    found = {"rss": [], "peak": [], "ready": [], "once": [], "python rss": [], "python ready": []}
    for _ in range(rounds):
        with Server() as server, tempfile.TemporaryDirectory(dir=options.work) as folder:
            live = Path(folder) / "live.ndjson"
            live.write_text('{"id":1,"content":{"a":1}}\n')
            ralphext = Ralphext(options.ralphext, server, folder, live)
            found["once"].append(ralphext.once()[0])
            server.client.flushall()
            with Running(ralphext) as run:
                _, at = run.passed(60)
                found["ready"].append(at - run.started)
                time.sleep(1)
                rss, peak = memory(run.process.pid)
                found["rss"].append(rss)
                found["peak"].append(peak)
            with PythonWriter(server, "orjson") as writer:
                found["python rss"].append(writer.rss)
                found["python ready"].append(writer.ready)
    return {name: statistics.median(numbers) for name, numbers in found.items()}


# ---- The table -------------------------------------------------------------------------------------------------------


def verdict(number, target):
    """Against `>= 0.65`, `<= 200` and the like."""
    if not target:
        return ""
    sign, limit = target.split()[:2]
    met = number >= float(limit) if sign == ">=" else number <= float(limit)
    return "met" if met else "**missed**"


def row(what, numbers, unit="x", target="", digits=2):
    middle = statistics.median(numbers)
    spread = f"{min(numbers):.{digits}f} to {max(numbers):.{digits}f}" if len(numbers) > 1 else ""
    return f"| {what} | {middle:.{digits}f} {unit} | {spread} | {target} | {verdict(middle, target)} |"


HEADER = ["| what | median | spread | target | |", "|---|---|---|---|---|"]


def size_table(rounds, rest, options):
    data, found = rounds.data, rounds.found
    n = data.count
    full = n >= 1_000_000
    lines = [f"### {n:,} objects", "", *HEADER]
    for transport in options.transports:
        fresh = rounds.ratios(f"pipe {transport} fresh", f"once {transport} fresh")
        over = rounds.ratios(f"pipe {transport} overwrite", f"once {transport} overwrite")
        lines.append(row(f"cold pass, empty server, `once` / `redis-cli --pipe`, {transport}", fresh, target=">= 0.65"))
        # A new process reads the heads of all keys before it writes; the pipe does not.
        lines.append(row(f"every object changed, `once` (reads all heads first) / pipe, {transport}", over))
    over = rounds.ratios("pipe unix overwrite", "run overwrite") if "pipe unix overwrite" in found else []
    if over:
        lines.append(row("every object changed, `run` / pipe, unix", over, target=">= 0.55"))
        cpu = rounds.ratios("once unix fresh cpu", "pipe unix fresh cpu")
        lines.append(row("client CPU of a cold pass, `once` / pipe, unix", cpu))
    for codec in rounds.codecs:
        ratio, target = rounds.ratios(f"python {codec} fresh", "once unix fresh"), ">= 3" if codec == "orjson" else ""
        lines.append(row(f"cold pass, `once` / Python ({codec})", ratio, target=target, digits=1))
    for codec in rounds.codecs:
        ratio, target = rounds.ratios(f"python {codec} unchanged", "run unchanged"), ">= 8" if codec == "orjson" else ""
        lines.append(row(f"unchanged pass, `run` / Python ({codec})", ratio, target=target, digits=1))
    lines.append(row("time of an unchanged pass / time of `wc -l`", rounds.ratios("run unchanged", "wc"), digits=1))
    if "batches plain fresh" in found:
        for kind in ("fresh", "overwrite"):
            paired = zip(found[f"batches fenced {kind}"], found[f"batches plain {kind}"], found["once unix fresh"], strict=True)
            share = [100 * (fenced - plain) / whole for fenced, plain, whole in paired]
            lines.append(row(f"fencing (fenced - plain batches, {kind}) / time of a cold pass", share, "%", "<= 10", 1))
    target = "<= 10" if full else ""
    lines.append(row("restart of `run` over all keys, until it knows what stands there", found["restart, heads"], "s", target))
    lines.append(row("the same, until its first pass (everything parsed, nothing written) is done", found["restart, first pass"], "s"))
    per_object = [(rss - rest["rss"]) / n for rss in found["run rss"]]
    lines.append(row("memory at rest above an empty process, per object", per_object, "B", "<= 200" if full else "", 0))
    per_object = [(rss - rest["rss"]) / n for rss in found["run peak"]]
    lines.append(row("the same, peak", per_object, "B", digits=0))
    lines += ["", f"Absolute, for orientation ({data.bytes_per_object:.0f} B of commands an object):", ""]
    lines += ["| path | seconds | objects/s |", "|---|---|---|"]
    for name in sorted(k for k in found if not k.endswith(("cpu", "rss", "peak"))):
        seconds = rounds.median(name)
        lines.append(f"| {name} | {seconds:.3f} | {n / seconds:,.0f} |")
    return lines + [""]


def rest_table(rest, options):
    mega = 1024 * 1024
    return [
        "### At rest (one object)", "", *HEADER,
        row("resident memory of `run`", [rest["rss"] / mega], "MiB", "<= 16", 1),
        row("the same, peak", [rest["peak"] / mega], "MiB", digits=1),
        row("resident memory of the Python writer", [rest["python rss"] / mega], "MiB", digits=1),
        row("start of `run` to its first pass finished", [rest["ready"] * 1000], "ms", digits=1),
        row("`once`, whole process", [rest["once"] * 1000], "ms", digits=1),
        row("start of the Python writer to PING", [rest["python ready"] * 1000], "ms", digits=1),
        row("size of the binary", [os.stat(options.ralphext).st_size / mega], "MiB", digits=1), "",
    ]  # fmt: skip


def machine(options):
    def said(*command):
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            return subprocess.check_output(command, text=True, stderr=subprocess.DEVNULL).strip()
        return "unknown"

    cpu = next((x.split(":", 1)[1].strip() for x in open("/proc/cpuinfo") if x.startswith("model name")), "unknown")
    server = said(shutil.which("redis-server") or "valkey-server", "--version").split()
    version = next((w[2:] for w in server if w.startswith("v=")), "unknown")
    commit = said("git", "-C", str(HERE.parent), "describe", "--always", "--dirty")
    return (
        f"{datetime.date.today()}, {said(str(options.ralphext), '--version')} ({commit}), {cpu}, {os.cpu_count()} cores, "
        f"Linux {platform.release()}, Redis {version}, Python {platform.python_version()} with redis-py {redis.__version__}."
    )


def busy():
    """Cores in use by others, over two seconds."""

    def sample():
        numbers = [int(word) for word in open("/proc/stat").readline().split()[1:9]]
        return sum(numbers) - numbers[3] - numbers[4]

    before = sample()
    time.sleep(2)
    return (sample() - before) / os.sysconf("SC_CLK_TCK") / 2


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ralphext", type=Path, required=True, help="the binary")
    parser.add_argument("--work", type=Path, required=True, help="folder for input files")
    parser.add_argument("--full", action="store_true", help="1,000,000 objects too")
    parser.add_argument("--quick", action="store_true", help="10,000 objects, 3 rounds")
    parser.add_argument("--count", type=int, help="this many objects only")
    parser.add_argument("--rounds", type=int, help="rounds a size (default 7; 5 for 1,000,000 objects)")
    parser.add_argument("--transports", default="unix,tcp", type=lambda text: text.split(","), help="default: unix,tcp")
    parser.add_argument("--codecs", type=lambda text: text.split(","), help="of the Python writer: orjson,json,smart")
    parser.add_argument("--layout", choices=["dumps", "canonical"], default="dumps",
                        help="records as json.dumps prints them, or in canonical form already")  # fmt: skip
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the Markdown there too")
    options = parser.parse_args()
    if "unix" not in options.transports:
        parser.error("--transports must name unix: the other ratios need it")
    options.ralphext = options.ralphext.resolve()
    options.work = options.work.resolve()
    return options


def main():
    options = arguments()
    if not os.access(options.ralphext, os.X_OK):
        raise SystemExit(f"bench: error: {options.ralphext} is no program\nhint: cargo build --release --locked")
    options.work.mkdir(parents=True, exist_ok=True)
    sizes = [options.count] if options.count else [10_000] if options.quick else [100_000]
    if options.full:
        sizes.append(1_000_000)
    others = busy()
    layout = "as `json.dumps` prints them" if options.layout == "dumps" else "in canonical form already"
    lines = [
        "<!-- Written by scripts/bench.sh; do not edit. -->", "", machine(options), "",
        "Ratios are of speeds (more is better) unless the row says otherwise, paired within a round; the medians of "
        f"all rounds. Contents of about 1 KB, records {layout}. "
        "`once` is timed from outside, with its start; Python from the inside, without. `run` by its own log.", "",
    ]  # fmt: skip
    if others > 0.2:
        warning = f"Other processes used {others:.1f} cores before the run: trust ratios little, absolute numbers not at all."
        note(warning)
        lines += [f"**{warning}**", ""]
    rest = at_rest(options, 3 if options.quick else 7)
    for count in sizes:
        big = count >= 1_000_000
        codecs = options.codecs or (["orjson", "smart"] if big else ["orjson", "json", "smart"])
        rounds = Rounds(options, Input(options.work, count, options.layout), codecs)
        rounds.run(options.rounds or (3 if options.quick else 5 if big else 7))
        lines += size_table(rounds, rest, options)
    lines += rest_table(rest, options)
    lines += visible.table(options, 100 if options.quick else 500)
    text = "\n".join(lines)
    print(text)
    if options.write:
        options.write.parent.mkdir(parents=True, exist_ok=True)
        options.write.write_text(text)
        note(f"wrote {options.write}")


if __name__ == "__main__":
    main()
