#!/usr/bin/env python3
"""The outprint as a job of Ralph's: its named arguments as JSON on standard input, the PDF on standard output."""
import base64
import json
import sys

from outprint import render


def text(value):
    # Ralph reads the template as bytes.
    return base64.b64decode(value["base64"]).decode("utf-8") if isinstance(value, dict) else value


def main():
    arguments = json.loads(sys.stdin.buffer.read().decode("utf-8"))
    sys.stdout.buffer.write(render(arguments["data"], text(arguments["template"])))


if __name__ == "__main__":
    main()
