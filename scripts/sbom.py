#!/usr/bin/env python3
"""Writes what a binary is made of: sbom.cdx.json (CycloneDX 1.5) with every crate that is linked into it, and THIRD-PARTY.txt
with their licences' texts. The same Cargo.lock gives the same bytes. Needs Python 3.6 or newer, cargo, and the crates' sources.
"""
import argparse
import collections
import datetime
import hashlib
import json
import os
import re
import subprocess
import sys
import uuid

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TEXTS = re.compile(r"^(licen[cs]e|copying|notice|unlicense|copyright)", re.IGNORECASE)


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=ROOT).stdout.decode("utf-8")


def metadata(target):
    return json.loads(run("cargo", "metadata", "--format-version=1", "--locked", "--filter-platform", target))


def linked(meta):
    """The packages in the binary, ours first, each with what it uses: no tests, no build scripts, no macros."""
    packages = {package["id"]: package for package in meta["packages"]}
    nodes = {node["id"]: node for node in meta["resolve"]["nodes"]}

    def is_macro(package):
        return any("proc-macro" in target["kind"] for target in package["targets"])

    root = meta["resolve"]["root"]
    uses, waiting = collections.OrderedDict(), [root]
    while waiting:
        one = waiting.pop(0)
        if one in uses:
            continue
        normal = [dep["pkg"] for dep in nodes[one]["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"])]
        uses[one] = sorted(dep for dep in normal if not is_macro(packages[dep]))
        waiting.extend(uses[one])
    return packages, root, uses


def checksums():
    """SHA-256 of each crate's archive, by name and version, from Cargo.lock."""
    with open(os.path.join(ROOT, "Cargo.lock"), encoding="utf-8") as lock:
        found = re.findall(r'name = "(.*)"\nversion = "(.*)"\nsource = ".*"\nchecksum = "(.*)"', lock.read())
    return {(name, version): checksum for name, version, checksum in found}


def purl(package):
    return "pkg:cargo/%s@%s" % (package["name"], package["version"])


def component(package, kind, sums):
    made = {
        "type": kind,
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "purl": purl(package),
        "licenses": [{"expression": re.sub(r"\s*/\s*", " OR ", package["license"])}] if package["license"] else [],
    }
    checksum = sums.get((package["name"], package["version"]))
    if checksum:
        made["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package.get("repository"):
        made["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return made


def bill(packages, root, uses):
    sums = checksums()
    others = sorted((packages[one] for one in uses if one != root), key=purl)
    components = [component(package, "library", sums) for package in others]
    of = json.dumps([components, packages[root]["version"]], sort_keys=True)
    told = os.environ.get("SOURCE_DATE_EPOCH")
    if told is None:
        git = ["git", "-C", ROOT, "log", "-1", "--format=%ct"]
        told = subprocess.run(git, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode().strip()
    when = datetime.datetime.utcfromtimestamp(int(told or 0))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": "urn:uuid:%s" % uuid.uuid5(uuid.NAMESPACE_URL, of),
        "version": 1,
        "metadata": {
            "timestamp": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": component(packages[root], "application", sums),
        },
        "components": components,
        "dependencies": [
            {"ref": purl(packages[one]), "dependsOn": [purl(packages[dep]) for dep in uses[one]]}
            for one in sorted(uses, key=lambda one: purl(packages[one]))
        ],
    }


def texts(packages, root, uses):
    """Every licence text once, with the crates that it is of."""
    by_text, missing = collections.OrderedDict(), []
    for package in sorted((packages[one] for one in uses if one != root), key=purl):
        folder = os.path.dirname(package["manifest_path"])
        names = sorted(name for name in os.listdir(folder) if TEXTS.match(name) and os.path.isfile(os.path.join(folder, name)))
        label = "%s %s (%s)" % (package["name"], package["version"], package["license"])
        if not names:
            missing.append(label)
        for name in names:
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as source:
                text = source.read().strip()
            key = hashlib.sha256(" ".join(text.split()).encode()).hexdigest()
            by_text.setdefault(key, (text, []))[1].append(label)
    out = "What is linked into ralphext, beside its own code, and under which terms.\n"
    out += "Statically linked binaries hold parts of the GNU C Library too (LGPL-2.1-or-later); ralphext's source is what it is relinked from.\n"
    out += "".join("\nWithout a text of its own: %s" % label for label in missing) + "\n" * bool(missing)
    for text, labels in by_text.values():
        out += "\n%s\n%s\n\n%s\n" % ("=" * 100, "\n".join(labels), text)
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", help="the directory that both files go into")
    parser.add_argument("--target", default="x86_64-unknown-linux-gnu", help="what the binary is built for")
    args = parser.parse_args()
    try:
        parts = linked(metadata(args.target))
    except subprocess.CalledProcessError as failed:
        sys.exit("error: cargo metadata ended with %d\nhint: run `cargo fetch --locked` first" % failed.returncode)
    os.makedirs(args.out, exist_ok=True)
    made = {"sbom.cdx.json": json.dumps(bill(*parts), indent=1) + "\n", "THIRD-PARTY.txt": texts(*parts)}
    for name, text in sorted(made.items()):
        with open(os.path.join(args.out, name), "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main()
