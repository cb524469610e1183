#!/usr/bin/env python3
"""Writes warranty.xlsx, as a purchasing department would keep it. Nothing but Python's own library.

    make-xlsx.py [FILE]
"""

import sys
import zipfile
from xml.sax.saxutils import escape

ROWS = [
    ["Asset no", "Vendor", "Model", "Serial number", "Warranty until", "Price (EUR)"],
    [4711, "Dell", "PowerEdge R750", "7XK2P93", 73051, 8420.5],  # 2100-01-01
    [4712, "HPE", "ProLiant DL380", "CZ3151KX", 36526, 9100],  # 2000-01-01
    [4713, "Huawei", "FusionServer", "2102-Łódź", 73051, 7777],
]


def cell(column, row, value):
    place = f"{chr(ord('A') + column)}{row}"
    if isinstance(value, str):
        return f'<c r="{place}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    # Style 1 is a date: days since the end of 1899.
    style = ' s="1"' if row > 1 and column == 4 else ""
    return f'<c r="{place}"{style}><v>{value}</v></c>'


def sheet():
    rows = "".join(
        f'<row r="{number}">{"".join(cell(column, number, value) for column, value in enumerate(row))}</row>'
        for number, row in enumerate(ROWS, 1)
    )
    return f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'


MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" ContentType='
    '"application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>'
    + "".join(
        f'<Override PartName="/xl/{part}.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.{kind}+xml"/>'
        for part, kind in [("workbook", "sheet.main"), ("worksheets/sheet1", "worksheet"), ("styles", "styles")]
    )
    + "</Types>",
    "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r1" Type="{OFFICE}/officeDocument"'
    ' Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets><sheet name="Warranty" sheetId="1" r:id="r1"/>'
    "</sheets></workbook>",
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r1" Type="{OFFICE}/worksheet"'
    f' Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="{OFFICE}/styles" Target="styles.xml"/></Relationships>',
    "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14" applyNumberFormat="1"/>'
    "</cellXfs></styleSheet>",
}


def main():
    with zipfile.ZipFile(sys.argv[1] if len(sys.argv) > 1 else "warranty.xlsx", "w", zipfile.ZIP_DEFLATED) as book:
        for name, text in [*PARTS.items(), ("xl/worksheets/sheet1.xml", sheet())]:
            entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            book.writestr(entry, '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>' + text)


if __name__ == "__main__":
    main()
