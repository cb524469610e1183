#!/usr/bin/env python3
"""Makes assets.db, a purchasing department's database. Nothing but Python's own library.

    make-db.py [FILE]
"""

import pathlib
import sqlite3
import sys

SCHEMA = """
CREATE TABLE contract (id INTEGER PRIMARY KEY, vendor TEXT NOT NULL, valid_until DATE NOT NULL, cost_a_month DECIMAL(10, 2));
CREATE TABLE asset (ralph_id INTEGER PRIMARY KEY, sn TEXT UNIQUE, contract_id INTEGER REFERENCES contract(id));
INSERT INTO contract VALUES (1, 'Dell', '2100-01-01', 35.5), (2, 'HPE', '2000-01-01', 41);
INSERT INTO asset VALUES (4711, '7XK2P93', 1), (4712, 'CZ3151KX', 2), (4713, '7XK2P94', 1);
"""


def main():
    file = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "assets.db")
    file.unlink(missing_ok=True)
    with sqlite3.connect(file) as database:
        database.executescript(SCHEMA)


if __name__ == "__main__":
    main()
