#!/usr/bin/env python3
"""Writes what is generated of the Helm chart: README.md from the comments in values.yaml, and the part of values.schema.json that
is ralphext's own configuration, from schemas/config.schema.json. With --check it only tells what has drifted.
"""
import argparse
import json
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CHART = os.path.join(ROOT, "helm", "ralphext")
HEAD = """\
# Helm chart `ralphext`

Generated from the comments in values.yaml by `make generate`; do not edit. [docs/kubernetes.md](../../docs/kubernetes.md) is the guide:
which mode for which source, sidecars, alerts, what every pod may do.

```yaml
# values.yaml
image: {repository: registry.example.org/ralphext}     # built with the repository's Dockerfile
services:
  hwinfo:
    redis: {url: "redis://ralph-redis:6379/0", secret: {name: hwinfo-redis}}
    config:
      service: {title: Hardware}
      source: {kind: http, http: {url: "https://facts.example.org/hosts"}}
```

```sh
helm install tabs helm/ralphext --values values.yaml
helm test tabs --logs                                  # doctor: is anything wrong with Redis or a service?
```

The directory `ci/` has a scenario for each mode. A misspelt key, also one of ralphext's own configuration, a secret in the values,
and a `content.ttl` that would not outlast a failed run of a CronJob, are refused before anything is installed.

## Values

| value | default | meaning |
|---|---|---|
"""
LINE = re.compile(r"^( *)(- )?(?:([A-Za-z0-9_.-]+):(?: (.*))?)?$")


def rows(text):
    """(name, default, meaning) of every value that has a comment above it."""
    lines = text.split("\n")
    path, comment, found = [], [], []
    for number, line in enumerate(lines):
        stripped = line.strip()
        if stripped.startswith("#"):
            comment.append(stripped[1:].strip())
            continue
        match = LINE.match(line)
        if not stripped or not match or match.group(2) or not match.group(3):
            comment = []
            continue
        depth = len(match.group(1)) // 2
        path = path[:depth] + [match.group(3)]
        if comment:
            found.append((".".join(path), default(match.group(4), lines[number + 1:], depth), " ".join(comment)))
        comment = []
    return found


def default(inline, below, depth):
    """A value that is written on its own line; of one that goes on below, what stands there unless it is explained itself."""
    if inline:
        return inline
    block = []
    for line in below:
        if line.strip() and len(line) - len(line.lstrip()) <= 2 * depth:
            break
        block.append(line.strip())
    block = [line for line in block if line]
    return None if not block or block[0].startswith("#") else ", ".join(block)


def readme(text):
    out = HEAD
    for name, value, meaning in rows(text):
        shown = "" if value is None else "`%s`" % value.replace("|", "\\|")
        out += "| `%s` | %s | %s |\n" % (name, shown, meaning.replace("|", "\\|"))
    return out


def schema(text, config):
    """The schema of the values, with that of a service's configuration in it as it is now."""
    whole, config = json.loads(text), json.loads(config)
    for key in ("$id", "$schema", "title", "examples", "anyOf"):
        config.pop(key, None)
    # The chart names the service itself.
    service = next(form for form in config["properties"]["service"]["anyOf"] if form["type"] == "object")
    del service["properties"]["name"]
    config["properties"]["service"] = service
    optional(config, 3)
    moved(config)
    whole["$defs"]["config"] = config
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def optional(table, depth):
    """A part may stand in `defaults` and the rest with the service: whether it is all there, `ralphext check` tells."""
    table.pop("required", None)
    for part in table.get("properties", {}).values() if depth else ():
        optional(part, depth - 1)


def moved(part):
    """What it says of parts of itself is said from another root."""
    if isinstance(part, dict) and isinstance(part.get("$ref"), str):
        part["$ref"] = part["$ref"].replace("#", "#/$defs/config", 1)
    for one in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        moved(one)


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as source:
        return source.read()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing; end with 1 when a file has drifted")
    args = parser.parse_args()
    made = {
        "README.md": readme(read(CHART, "values.yaml")),
        "values.schema.json": schema(read(CHART, "values.schema.json"), read(ROOT, "schemas", "config.schema.json")),
    }
    drifted = [name for name, text in sorted(made.items())
               if not os.path.exists(os.path.join(CHART, name)) or read(CHART, name) != text]
    for name in drifted:
        if not args.check:
            with open(os.path.join(CHART, name), "w", encoding="utf-8") as out:
                out.write(made[name])
        print("%s: helm/ralphext/%s" % ("drifted" if args.check else "written", name))
    if args.check and drifted:
        sys.exit("error: generated files of the chart have drifted\nhint: run `make generate` and commit")


if __name__ == "__main__":
    main()
