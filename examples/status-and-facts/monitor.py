#!/usr/bin/env python3
"""Pushes whether machines are up. Nothing but Python's own library.

    monitor.py SOCKET ID=up|down ...
"""

import http.client
import json
import os
import socket
import sys


class Unix(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def push(path, machine, state, since):
    connection = Unix(path)
    body = json.dumps({"state": state, "since": since})
    connection.request("PUT", f"/v1/objects/{machine}", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read().decode(errors="replace")
    connection.close()
    # 200: Redis has it. 202: Redis will, and it is not lost.
    if answer.status not in (200, 202):
        sys.exit(f"{machine}: {answer.status} {text}")


def main():
    path, *states = sys.argv[1:]
    for one in states:
        machine, state = one.split("=")
        push(path, machine, state, os.environ.get("SINCE", "2026-11-25"))


if __name__ == "__main__":
    main()
