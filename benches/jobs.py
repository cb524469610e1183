#!/usr/bin/env python3
"""One object's content three ways, in one run: a synchronous rq job by rq's own worker as Ralph waits for it, the same by `ralphext bridge`,
and its key, written by ralphext and read by the reader kit (ralph/), also while Redis is frozen or gone. Prints a Markdown table.

    python3 -m venv /tmp/rq && /tmp/rq/bin/pip install rq django && /tmp/rq/bin/python benches/jobs.py --ralphext target/release/ralphext
"""
import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

REST = 0.3  # seconds; 5 by default
QUEUE, FUNCTION = "bench", "bench_job.content"
CONTENT = {"hostname": "host-1.example.net", "note": "x" * 1900}
JOB = "def content(**kwargs):\n    return %r\n" % json.dumps(CONTENT)


def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def run(queue, pause, serializer_result):
    """Ralph's `ExternalService.run`, with its sleep between two looks."""
    job = queue.enqueue_call(FUNCTION, kwargs={"object_id": 4711})
    while not job.is_finished:
        time.sleep(pause)
    assert serializer_result(job)


def measure(count, once):
    once()
    times = []
    for _ in range(count):
        begun = time.perf_counter()
        once()
        times.append((time.perf_counter() - begun) * 1000)
    return times


def hit(ralphext, work, at):
    """What reads one object's page by the reader kit, its key written by `ralphext once`."""
    url = "redis://127.0.0.1:%d/0" % at
    record = json.dumps({"id": "4711", "content": CONTENT})
    command = [ralphext, "--set", "service=bench", "--set", "source.kind=stdin", "--redis-url", url, "once"]
    subprocess.run(command, input=record.encode(), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=work)
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "ralph"))
    import django
    from django.conf import settings
    settings.configure(INSTALLED_APPS=["ralph_ext_tabs"], RALPH_EXT_TABS={"REDIS": {"URL": url}, "REST": REST}, USE_TZ=True)
    django.setup()
    import ralph_ext_tabs

    def once():
        page = ralph_ext_tabs.page("4711")
        assert page.entries[0].envelope.content == CONTENT, page.problem
    return once


def without(server):
    """Pages while Redis is frozen, then gone: the first one after the rest that follows a failure, and those within that rest."""
    import ralph_ext_tabs

    def pages(count):
        for _ in range(count):
            begun = time.perf_counter()
            assert ralph_ext_tabs.page("4711").problem
            yield (time.perf_counter() - begun) * 1000
    for state, act in (("frozen", lambda: server.send_signal(signal.SIGSTOP)), ("gone", server.kill)):
        act()
        first, resting = [], []
        for _ in range(20):
            first.extend(pages(1))
            resting.extend(pages(50))
            time.sleep(REST * 1.2)
        yield "Redis %s: the page that finds it out" % state, first
        yield "Redis %s: pages while it is left alone" % state, resting


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ralphext", default="target/release/ralphext")
    parser.add_argument("--count", type=int, default=50)
    args = parser.parse_args()
    from redis import Redis
    from rq import Queue
    work, at = tempfile.mkdtemp(), port()
    with open(os.path.join(work, "bench_job.py"), "w") as out:
        out.write(JOB)
    with open(os.path.join(work, "content.sh"), "w") as out:
        out.write("cat >/dev/null; printf %%s '%s'\n" % json.dumps(CONTENT))
    with open(os.path.join(work, "bridge.toml"), "w") as out:
        out.write('redis.url = "redis://127.0.0.1:%d/0"\nadmin.listen = "off"\n[bridge]\nqueues = ["%s"]\nfunctions = ["%s"]\n'
                  'command = ["/bin/sh", "%s/content.sh"]\n' % (at, QUEUE, FUNCTION, work))
    server = subprocess.Popen(["redis-server", "--port", str(at), "--save", "", "--dir", work], stdout=subprocess.DEVNULL)
    time.sleep(0.5)
    redis = Redis(port=at)
    queue = Queue(QUEUE, connection=redis)
    rows = []
    env = dict(os.environ, PYTHONPATH=work)
    workers = [
        ("rq's own worker (forks for each job)", [os.path.join(sys.exec_prefix, "bin/rq"), "worker", QUEUE, "--url", "redis://127.0.0.1:%d" % at]),
        ("`ralphext bridge` (a shell for each job)", [args.ralphext, "-c", os.path.join(work, "bridge.toml"), "bridge"]),
    ]
    try:
        for name, command in workers:
            worker = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
            for pause, how in ((0.1, "looked for every 100 ms, as Ralph does"), (0.001, "looked for every ms")):
                times = measure(args.count, lambda: run(queue, pause, lambda job: job.return_value()))
                rows.append(("%s, %s" % (name, how), times))
            worker.send_signal(signal.SIGTERM)
            worker.wait()
        rows.append(("the reader kit, on a hit (index, descriptor and value in one round trip, checked)",
                     measure(args.count * 20, hit(args.ralphext, work, at))))
        rows.extend(without(server))
    finally:
        server.kill()
    print("| one object's content by | median | p99 |\n|---|---|---|")
    for name, times in rows:
        times.sort()
        print("| %s | %.2f ms | %.2f ms |" % (name, statistics.median(times), times[int(len(times) * 0.99) - 1]))


if __name__ == "__main__":
    main()
