"""The yardstick: a writer as a developer of Ralph would make it, with redis-py, hiredis, orjson and hashlib.

It keeps a dict of hashes, writes what changed in pipelines of 500, and skips what did not. It knows nothing of leases,
fences, renewals or removals. Three ways to tell what changed:

    orjson   parse the record, canonical text, SHA-256
    json     the same with the standard library
    smart    cut the id out of the line, hash the line's bytes; parse only what changed

Driven over its standard input, so that a dict of hashes lives from pass to pass as in a daemon:
`pass FILE` answers with one JSON line; `forget` empties the dict.
"""

import argparse
import hashlib
import json
import sys
import time

import orjson
import redis

BATCH = 500
TTL_MS = 86_400_000


def canonical_orjson(value):
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def canonical_json(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def envelope(record, canonical, digest, version, changed_at):
    """The same value as ralphext's, put together as text: the content is canonical already."""
    head = (
        f'{{"schema":"envelope.v1","version":{version},"epoch":{version},"changed_at":"{changed_at}","hash":"{digest}",'
        f'"service":"python","object_id":"{record["id"]}","content_type":"application/json","encoding":"json","content":'
    )
    return head.encode() + canonical + b"}"


class Writer:
    def __init__(self, client, codec):
        self.client = client
        self.hashes = {}
        self.loads, self.canonical = {
            "orjson": (orjson.loads, canonical_orjson),
            "json": (json.loads, canonical_json),
            "smart": (orjson.loads, canonical_orjson),
        }[codec]
        self.smart = codec == "smart"

    def run(self, path):
        start = time.perf_counter()
        objects = written = 0
        pipe = self.client.pipeline(transaction=False)
        pending = 0
        hashes = self.hashes
        now = time.time()
        version = int(now * 1000)
        changed_at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{version % 1000:03d}Z"
        with open(path, "rb", buffering=1 << 20) as lines:
            for line in lines:
                objects += 1
                if self.smart:
                    # {"id": 123, ...: the id stands between the first colon and the first comma.
                    object_id = line[line.index(b":") + 1 : line.index(b",")]
                    raw = hash(line)
                    if hashes.get(object_id) == raw:
                        continue
                    hashes[object_id] = raw
                record = self.loads(line)
                canonical = self.canonical(record["content"])
                digest = hashlib.sha256(canonical).hexdigest()
                if not self.smart:
                    if hashes.get(record["id"]) == digest:
                        continue
                    hashes[record["id"]] = digest
                value = envelope(record, canonical, digest, version, changed_at)
                pipe.set(f"ralphext:v1:python:{record['id']}", value, px=TTL_MS)
                written += 1
                pending += 1
                if pending == BATCH:
                    pipe.execute()
                    pending = 0
        if pending:
            pipe.execute()
        return {"objects": objects, "written": written, "seconds": time.perf_counter() - start}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket")
    parser.add_argument("--port", type=int)
    parser.add_argument("--codec", choices=["orjson", "json", "smart"], default="orjson")
    args = parser.parse_args()
    where = {"unix_socket_path": args.socket} if args.socket else {"host": "127.0.0.1", "port": args.port}
    client = redis.Redis(**where)
    client.ping()
    writer = Writer(client, args.codec)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        command, _, path = line.strip().partition(" ")
        if command == "pass":
            print(json.dumps(writer.run(path)), flush=True)
        elif command == "forget":
            writer.hashes.clear()
            print(json.dumps({"forgotten": True}), flush=True)


if __name__ == "__main__":
    main()
