"""A Redis server of the tests' own, and the sidecar's program that writes into it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.environ.get("RALPHEXT", os.path.join(ROOT, "target", "debug", "ralphext"))


class Server:
    """``redis-server`` on a port of its own."""

    def __init__(self, *arguments):
        self.folder = tempfile.mkdtemp(prefix="tabs-")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", self.folder]
        self.process = subprocess.Popen(command + list(arguments), stdout=subprocess.DEVNULL)
        self.url = "redis://127.0.0.1:%d/0" % self.port
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("redis-server does not start")

    def client(self):
        """A patient client for the tests themselves."""
        import redis

        return redis.StrictRedis(port=self.port, socket_timeout=10)

    def write(self, service, records, **config):
        """One pass of the sidecar: every record a key. ``config``: further sections."""
        folder = tempfile.mkdtemp(dir=self.folder)
        with open(os.path.join(folder, "records.ndjson"), "w", encoding="utf-8") as file:
            for record in records:
                file.write(json.dumps(record) + "\n")
            file.write('{"end": true}\n')
        whole = {
            "service": dict({"name": service, "title": service.title()}, **config.pop("service", {})),
            "redis": {"url": self.url},
            "source": {"kind": "file", "path": "records.ndjson"},
        }
        whole.update(config)
        with open(os.path.join(folder, "ralphext.json"), "w", encoding="utf-8") as file:
            json.dump(whole, file)
        done = subprocess.run(
            [BINARY, "-c", os.path.join(folder, "ralphext.json"), "once"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            timeout=60,
        )
        if done.returncode != 0:
            raise RuntimeError(done.stdout.decode("utf-8", "replace"))

    def freeze(self):
        """It is there, and answers nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        """It goes on."""
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        """It is gone."""
        self.thaw()
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
