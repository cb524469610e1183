#!/usr/bin/env python3
"""Makes facts.db, an inventory's database. Nothing but Python's own library.

    make-db.py [FILE]
"""

import pathlib
import sqlite3
import sys

SCHEMA = """
CREATE TABLE machine (ralph_id INTEGER PRIMARY KEY, model TEXT NOT NULL, cpu TEXT NOT NULL, ram INTEGER NOT NULL);
INSERT INTO machine VALUES (4711, 'Dell R750', 'Xeon 6338', 256), (4712, 'HPE DL380', 'Xeon 4310', 128);
"""


def main():
    file = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "facts.db")
    file.unlink(missing_ok=True)
    with sqlite3.connect(file) as database:
        database.executescript(SCHEMA)


if __name__ == "__main__":
    main()
