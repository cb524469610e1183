#!/usr/bin/env python3
"""Pushes the open tickets of each asset to ralphext. Nothing but Python's own library.

    tickets.py SOCKET FILE [--once]

FILE holds one ticket a line: `{"key": "OPS-1", "asset": 4711, "title": "...", "priority": "high"}`. At the start everything is told, as a
snapshot; then, as the file changes, only the assets whose tickets did.
"""

import collections
import http.client
import json
import os
import socket
import sys
import time

STATUS = {"high": "critical", "normal": "warning"}
CARD = "application/vnd.ralphext.card+json"


class Unix(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def ask(path, method, target, body=None, kind="application/x-ndjson"):
    """One request; what was answered, and whether a snapshot is wanted."""
    connection = Unix(path)
    connection.request(method, target, body, {"Content-Type": kind} if body is not None else {})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status not in (200, 202):
        raise OSError(f"{method} {target}: {answer.status} {text.decode(errors='replace')}")
    return json.loads(text or "{}")


def cards(file):
    """A card for each asset with tickets."""
    tickets = collections.defaultdict(list)
    with open(file, encoding="utf-8") as lines:
        for line in filter(str.strip, lines):
            ticket = json.loads(line)
            tickets[str(ticket["asset"])].append(ticket)
    made = {}
    for asset, its in tickets.items():
        worst = min((ticket.get("priority", "normal") for ticket in its), key=["high", "normal"].index)
        rows = [[ticket["key"], ticket["title"]] for ticket in sorted(its, key=lambda ticket: ticket["key"])]
        made[asset] = {
            "title": f"{len(its)} open tickets" if len(its) > 1 else "1 open ticket",
            "status": STATUS[worst],
            "tables": [{"columns": ["Ticket", "Title"], "rows": rows}],
        }
    return made


def snapshot(path, made):
    """Everything there is: what is not named has no tickets any more."""
    records = [json.dumps({"id": asset, "content_type": "card", "content": card}) for asset, card in made.items()]
    return ask(path, "POST", "/v1/snapshot", "\n".join([*records, '{"end": true}']).encode())


def main():
    path, file = sys.argv[1], sys.argv[2]
    known = None
    seen = None
    while True:
        now = os.stat(file).st_mtime_ns
        try:
            if known is None:
                made = cards(file)
                print("snapshot:", json.dumps(snapshot(path, made)), flush=True)
                known = made
            elif now != seen:
                made = cards(file)
                for asset in made.keys() - {a for a in made if known.get(a) == made[a]}:
                    ask(path, "PUT", f"/v1/objects/{asset}", json.dumps(made[asset]).encode(), CARD)
                    print("put", asset, flush=True)
                for asset in known.keys() - made.keys():
                    ask(path, "DELETE", f"/v1/objects/{asset}")
                    print("deleted", asset, flush=True)
                known = made
            seen = now
            if "--once" in sys.argv:
                return
        except OSError as e:
            # Nobody knows whether it arrived: everything is told again.
            print("tickets.py:", e, file=sys.stderr, flush=True)
            known = None
        time.sleep(0.2)


if __name__ == "__main__":
    main()
