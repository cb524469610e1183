"""What fencing costs: the same SETs in batches of 500, plain and fenced as ralphext fences them, by a client that does
nothing else. Both keep one batch under way while the next is sent."""

import socket
import time

BATCH = 500
FENCE = b"ralphext:v1:bench:@fence"
EPOCH = b"1795476802000"
WATCH = (
    b"*2\r\n$5\r\nWATCH\r\n$%d\r\n%s\r\n*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n" % (len(FENCE), FENCE, len(FENCE), FENCE)
    + b"*1\r\n$5\r\nMULTI\r\n"
)
EXEC = b"*1\r\n$4\r\nEXEC\r\n"
OK, QUEUED = b"+OK\r\n", b"+QUEUED\r\n"
FENCED = OK + b"$%d\r\n%s\r\n" % (len(EPOCH), EPOCH)


def batches(path):
    """The commands of `path` in batches: bytes, and how many commands they hold."""
    start = b"*5\r\n$3\r\nSET\r\n"
    commands = path.read_bytes().split(start)[1:]
    parts = [commands[at : at + BATCH] for at in range(0, len(commands), BATCH)]
    return [(start + start.join(part), len(part)) for part in parts]


class Sender:
    def __init__(self, server):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(server.socket)
        self.buffer = bytearray(1 << 16)

    def expect(self, answer):
        """Reads as many bytes as `answer` has, and compares them."""
        view = memoryview(self.buffer)[: len(answer)]
        while view:
            view = view[self.socket.recv_into(view) :]
        if self.buffer[: len(answer)] != answer:
            raise SystemExit(f"bench: error: the server answered {bytes(self.buffer[:80])!r}")

    def plain(self, parts):
        start, waiting = time.perf_counter(), 0
        for commands, count in parts:
            self.socket.sendall(commands)
            self.expect(OK * waiting)
            waiting = count
        self.expect(OK * waiting)
        return time.perf_counter() - start

    def fenced(self, parts):
        self.socket.sendall(b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" % (len(FENCE), FENCE, len(EPOCH), EPOCH))
        self.expect(OK)
        start, waiting = time.perf_counter(), 0
        for commands, count in parts:
            self.socket.sendall((EXEC if waiting else b"") + WATCH + commands)
            self.executed(waiting)
            # The EXEC goes out only after this.
            self.expect(FENCED)
            waiting = count
        self.socket.sendall(EXEC)
        self.executed(waiting)
        return time.perf_counter() - start

    def executed(self, count):
        if count:
            self.expect(OK + QUEUED * count + b"*%d\r\n" % count + OK * count)
