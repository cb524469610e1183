#!/usr/bin/env python3
"""Packs a built binary: a tarball with what belongs to it, and a wheel that `pip install` puts into an environment.

The same input gives the same bytes: names are sorted, owners are 0, times are SOURCE_DATE_EPOCH. Needs Python 3.6 or newer.
"""
import argparse
import base64
import gzip
import hashlib
import io
import os
import re
import struct
import subprocess
import sys
import tarfile
import time
import zipfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHELLS = (("bash", "ralphext.bash"), ("zsh", "_ralphext"), ("fish", "ralphext.fish"))


def read(*path):
    with open(os.path.join(ROOT, *path), "rb") as source:
        return source.read()


def manifest(key):
    found = re.search(r'^%s = "(.*)"$' % key, read("Cargo.toml").decode("utf-8"), re.MULTILINE)
    if not found:
        sys.exit("error: Cargo.toml has no %s" % key)
    return found.group(1)


def epoch():
    """When it was made: SOURCE_DATE_EPOCH, else the last commit, else the oldest time that a zip can hold."""
    told = os.environ.get("SOURCE_DATE_EPOCH")
    if told is None:
        git = ["git", "-C", ROOT, "log", "-1", "--format=%ct"]
        told = subprocess.run(git, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode().strip()
    return max(int(told or 0), 315532800)


def is_static(binary):
    """Whether it names no interpreter (PT_INTERP) that has to load libraries for it. Static ones may still hold GLIBC_ names."""
    table, = struct.unpack_from("<Q", binary, 32)
    size, count = struct.unpack_from("<HH", binary, 54)
    return all(struct.unpack_from("<I", binary, table + size * entry)[0] != 3 for entry in range(count))


def platforms(binary):
    """The wheel's platform tags, joined by dots. A static binary needs no glibc at all, so every tag holds: from the oldest on,
    since pip 18.1, which Python 3.6 brings, knows manylinux1 only. Other machines than x86_64 have none before 2014."""
    arch, needed = machine(binary), (0, 0)
    if not is_static(binary):
        named = re.findall(rb"\0GLIBC_(2\.\d+)(?:\.\d+)?(?=\0)", binary)
        needed = max(tuple(map(int, version.split(b"."))) for version in named)
    older = [(5, "manylinux1"), (12, "manylinux2010")] if arch == "x86_64" else []
    tags = [name for minor, name in older + [(17, "manylinux2014")] if needed <= (2, minor)]
    # PEP 600's name of the same is what tools that have forgotten the older ones go by.
    tags.append("manylinux_2_%d" % max(17, needed[1]))
    return ".".join("%s_%s" % (tag, arch) for tag in tags)


def machine(binary):
    if binary[:4] != b"\x7fELF":
        sys.exit("error: the binary is no ELF file; other systems build from source")
    return {62: "x86_64", 183: "aarch64"}.get(struct.unpack_from("<H", binary, 18)[0]) or sys.exit("error: unknown machine")


def tarball(path, top, files, when):
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, when) as packed:
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as out:
            for name in sorted(files):
                mode, data = files[name]
                entry = tarfile.TarInfo("%s/%s" % (top, name))
                entry.size, entry.mtime, entry.mode = len(data), when, mode
                out.addfile(entry, io.BytesIO(data))


def wheel(path, version, tag, binary, when):
    info, data = "ralphext-%s.dist-info" % version, "ralphext-%s.data" % version
    metadata = (
        "Metadata-Version: 2.1\nName: ralphext\nVersion: %s\nSummary: %s\nLicense: Apache-2.0\nRequires-Python: >=3.6\n"
        "Classifier: License :: OSI Approved :: Apache Software License\nClassifier: Operating System :: POSIX :: Linux\n"
        "Description-Content-Type: text/markdown\n\n" % (version, manifest("description"))
    ).encode("utf-8") + read("README.md")
    about = "Wheel-Version: 1.0\nGenerator: ralphext-dist\nRoot-Is-Purelib: false\nTag: %s\n" % tag
    files = {
        data + "/scripts/ralphext": (0o755, binary),
        info + "/LICENSE": (0o644, read("LICENSE")),
        info + "/METADATA": (0o644, metadata),
        info + "/WHEEL": (0o644, about.encode()),
    }
    record = ""
    for name in sorted(files):
        digest = base64.urlsafe_b64encode(hashlib.sha256(files[name][1]).digest()).decode().rstrip("=")
        record += "%s,sha256=%s,%d\n" % (name, digest, len(files[name][1]))
    files[info + "/RECORD"] = (0o644, (record + "%s/RECORD,,\n" % info).encode())
    # PEP 427: what is in .dist-info stands at the end.
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name in sorted(files, key=lambda name: (name.startswith(info), name.endswith("RECORD"), name)):
            entry = zipfile.ZipInfo(name, time.gmtime(when)[:6])
            entry.external_attr = (0o100000 | files[name][0]) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            out.writestr(entry, files[name][1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", help="the binary to pack")
    parser.add_argument("--out", default=os.path.join(ROOT, "dist"), help="where the files go")
    args = parser.parse_args()
    with open(args.binary, "rb") as source:
        binary = source.read()
    version, arch, when = manifest("version"), machine(binary), epoch()
    told = subprocess.run([args.binary, "--version"], stdout=subprocess.PIPE).stdout.decode().split()
    if told != ["ralphext", version]:
        sys.exit("error: %s says %s, and Cargo.toml has version %s" % (args.binary, " ".join(told), version))
    files = {"ralphext": (0o755, binary)}
    for name in ("LICENSE", "README.md", "CHANGELOG.md"):
        files[name] = (0o644, read(name))
    for name in os.listdir(os.path.join(ROOT, "schemas")):
        files["schemas/" + name] = (0o644, read("schemas", name))
    for shell, name in SHELLS:
        script = subprocess.run([args.binary, "completions", shell], stdout=subprocess.PIPE, check=True).stdout
        files["completions/" + name] = (0o644, script)
    os.makedirs(args.out, exist_ok=True)
    tag = platforms(binary)
    top = "ralphext-%s-%s-unknown-linux-gnu" % (version, arch)
    made = [top + ".tar.gz", "ralphext-%s-py3-none-%s.whl" % (version, tag)]
    tarball(os.path.join(args.out, made[0]), top, files, when)
    tags = "\nTag: ".join("py3-none-" + one for one in tag.split("."))
    wheel(os.path.join(args.out, made[1]), version, tags, binary, when)
    with open(os.path.join(args.out, "SHA256SUMS"), "w") as sums:
        for name in sorted(made):
            with open(os.path.join(args.out, name), "rb") as packed:
                sums.write("%s  %s\n" % (hashlib.sha256(packed.read()).hexdigest(), name))
    for name in made + ["SHA256SUMS"]:
        print(os.path.join(args.out, name))


if __name__ == "__main__":
    main()
