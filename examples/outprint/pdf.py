"""A small PDF writer: A4 pages of text and lines, the same input gives the same bytes.

The fonts are those that every viewer has (PDF 1.7, section 9.6.2.2), with the letters of Polish beside those of ASCII.
"""
GLYPHS = {
    "ą": "aogonek", "ć": "cacute", "ę": "eogonek", "ł": "lslash", "ń": "nacute", "ó": "oacute", "ś": "sacute",
    "ź": "zacute", "ż": "zdotaccent", "Ą": "Aogonek", "Ć": "Cacute", "Ę": "Eogonek", "Ł": "Lslash", "Ń": "Nacute",
    "Ó": "Oacute", "Ś": "Sacute", "Ź": "Zacute", "Ż": "Zdotaccent", "–": "endash", "„": "quotedblbase",
    "”": "quotedblright", "ü": "udieresis", "ö": "odieresis", "ä": "adieresis", "é": "eacute",
}
CODES = {letter: 128 + at for at, letter in enumerate(GLYPHS)}
WIDTH, HEIGHT, MARGIN = 595, 842, 56


def encode(text):
    return bytes(ord(c) if 32 <= ord(c) < 127 else CODES.get(c, ord("?")) for c in text)


class Pdf:
    """Text from top to bottom; a new page where one is full."""

    def __init__(self, title):
        self.title, self.pages, self.y = title, [], 0
        self.page()

    def page(self):
        self.pages.append([])
        self.y = HEIGHT - MARGIN

    def room(self, height):
        if self.y - height < MARGIN:
            self.page()
        self.y -= height

    def put(self, x, text, size=10, bold=False):
        form = "BT /F%d %d Tf %d %d Td <%s> Tj ET"
        self.pages[-1].append(form % (2 if bold else 1, size, x, self.y, encode(text).hex()))

    def line(self, x, to, below=4):
        self.pages[-1].append("0.5 w %d %d m %d %d l S" % (x, self.y - below, to, self.y - below))

    def bytes(self):
        maps = "\n".join("<%02x> <%04x>" % (code, ord(letter)) for letter, code in CODES.items())
        ascii_maps = "1 beginbfrange\n<20> <7e> <0020>\nendbfrange"
        to_unicode = (
            "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /P def /CMapType 2 def\n"
            "1 begincodespacerange\n<00> <ff>\nendcodespacerange\n%s\n%d beginbfchar\n%s\nendbfchar\nendcmap end end"
            % (ascii_maps, len(CODES), maps)
        )
        first = 8
        kids = " ".join("%d 0 R" % (first + 2 * i) for i in range(len(self.pages)))
        differences = " ".join("/" + glyph for glyph in GLYPHS.values())
        font = "<< /Type /Font /Subtype /Type1 /BaseFont /%s /Encoding 5 0 R /ToUnicode 6 0 R >>"
        objects = [
            "<< /Type /Catalog /Pages 2 0 R >>",
            "<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(self.pages)),
            font % "Helvetica",
            font % "Helvetica-Bold",
            "<< /Type /Encoding /BaseEncoding /WinAnsiEncoding /Differences [128 %s] >>" % differences,
            stream(to_unicode),
            "<< /Title <feff%s> >>" % self.title.encode("utf-16-be").hex(),
        ]
        for at, page in enumerate(self.pages):
            objects.append(
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents %d 0 R"
                " /Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> >>" % (WIDTH, HEIGHT, first + 2 * at + 1)
            )
            objects.append(stream("\n".join(page)))
        out, offsets = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", []
        for number, text in enumerate(objects, 1):
            offsets.append(len(out))
            out += ("%d 0 obj\n%s\nendobj\n" % (number, text)).encode("ascii")
        table = "".join("%010d 00000 n \n" % offset for offset in offsets)
        end = "xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R /Info 7 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        return out + (end % (len(objects) + 1, table, len(objects) + 1, len(out))).encode("ascii")


def stream(text):
    return "<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text)
