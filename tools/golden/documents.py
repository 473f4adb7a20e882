#!/usr/bin/env python3
"""Writes tests/golden/documents: small PDF files and slides of the kinds that people have.

The pages of three_pages.pdf are red, green and blue: A4 upright, A5 across, and a page that is turned by 90 degrees.
The slides are white with a red, a green and a blue field in the middle and a title in English and Chinese.

Needs LibreOffice (libreoffice-impress-nogui) for the slides, fonts-noto-cjk, and nothing of Python's but its library.
"""
import hashlib
import pathlib
import subprocess
import tempfile

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "documents"
PADDING = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
COLOURS = ["1 0 0", "0 1 0", "0 0 1"]


def rc4(key, data):
    state = list(range(256))
    j = 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    out = bytearray()
    i = j = 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)


class Pdf:
    """Objects in order; with passwords, streams are encrypted as in PDF 1.3 (RC4, 40 bits)."""

    def __init__(self, user=None, owner=None):
        self.objects = []
        self.id = hashlib.md5(b"glmv").digest()
        self.key = None
        if owner is not None:
            padded = [(word.encode() + PADDING)[:32] for word in (owner, user)]
            self.o = rc4(hashlib.md5(padded[0]).digest()[:5], padded[1])
            permissions = (-4).to_bytes(4, "little", signed=True)
            self.key = hashlib.md5(padded[1] + self.o + permissions + self.id).digest()[:5]
            self.u = rc4(self.key, PADDING)

    def add(self, text):
        self.objects.append(text.encode())

    def stream(self, data, head=""):
        number = len(self.objects) + 1
        data = data.encode() if isinstance(data, str) else data
        if self.key:
            key = hashlib.md5(self.key + number.to_bytes(3, "little") + b"\0\0").digest()[:10]
            data = rc4(key, data)
        self.objects.append(f"<<{head}/Length {len(data)}>>\nstream\n".encode() + data + b"\nendstream")

    def bytes(self):
        out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
        places = []
        for number, body in enumerate(self.objects, 1):
            places.append(len(out))
            out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
        table = len(out)
        out += f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n".encode()
        out += b"".join(f"{place:010} 00000 n \n".encode() for place in places)
        lock = ""
        if self.key:
            lock = f"/Encrypt<</Filter/Standard/V 1/R 2/O<{self.o.hex()}>/U<{self.u.hex()}>/P -4>>"
        out += (f"trailer\n<</Size {len(places) + 1}/Root 1 0 R{lock}/ID[<{self.id.hex()}><{self.id.hex()}>]>>\n"
                f"startxref\n{table}\n%%EOF\n").encode()
        return bytes(out)


def pages(pdf, shapes, font, texts):
    first = 4
    kids = " ".join(f"{first + 2 * i} 0 R" for i in range(len(shapes)))
    pdf.add("<</Type/Catalog/Pages 2 0 R>>")
    pdf.add(f"<</Type/Pages/Count {len(shapes)}/Kids[{kids}]>>")
    pdf.add(font)
    for i, ((width, height, turn), text) in enumerate(zip(shapes, texts)):
        pdf.add(f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {width} {height}]/Rotate {turn}"
                f"/Resources<</Font<</F 3 0 R>>>>/Contents {first + 2 * i + 1} 0 R>>")
        pdf.stream(f"{COLOURS[i % 3]} rg 0 0 {width} {height} re f 0 g BT /F 40 Tf 40 {height // 2} Td {text} Tj ET")
    return pdf.bytes()


HELVETICA = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
SHAPES = [(595, 842, 0), (595, 420, 0), (300, 600, 90)]
TEXTS = ["(Page one)", "(Page two)", "(Page three)"]
# A font that is not in the file: what stands for it is up to the machine.
SONG = ("<</Type/Font/Subtype/Type0/BaseFont/STSong-Light/Encoding/UniGB-UCS2-H/DescendantFonts[<</Type/Font"
        "/Subtype/CIDFontType0/BaseFont/STSong-Light/CIDSystemInfo<</Registry(Adobe)/Ordering(GB1)/Supplement 2>>"
        "/FontDescriptor<</Type/FontDescriptor/FontName/STSong-Light/Flags 6/FontBBox[-25 -254 1000 880]"
        "/ItalicAngle 0/Ascent 880/Descent -120/CapHeight 880/StemV 93>>>>]>>")

FLAT_SLIDES = """<?xml version="1.0" encoding="UTF-8"?>
<office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0"
 xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"
 xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0"
 office:version="1.2" office:mimetype="application/vnd.oasis.opendocument.presentation">
 <office:automatic-styles>
  <style:page-layout style:name="P"><style:page-layout-properties fo:page-width="28cm" fo:page-height="15.75cm"/></style:page-layout>
  {styles}
 </office:automatic-styles>
 <office:master-styles><style:master-page style:name="M" style:page-layout-name="P"/></office:master-styles>
 <office:body><office:presentation>{slides}</office:presentation></office:body>
</office:document>
"""


def flat_slides(count):
    names = ["ff0000", "00ff00", "0000ff"]
    styles = "".join(
        f'<style:style style:name="f{i}" style:family="graphic"><style:graphic-properties draw:fill="solid"'
        f' draw:fill-color="#{name}" draw:stroke="none"/></style:style>' for i, name in enumerate(names))
    slides = "".join(
        f'<draw:page draw:name="s{i}" draw:master-page-name="M">'
        f'<draw:rect draw:style-name="f{i % 3}" svg:x="7cm" svg:y="4cm" svg:width="14cm" svg:height="8cm"/>'
        f'<draw:frame svg:x="2cm" svg:y="1cm" svg:width="24cm" svg:height="2cm"><draw:text-box>'
        f'<text:p>Slide {i + 1} 幻灯片</text:p></draw:text-box></draw:frame></draw:page>' for i in range(count))
    return FLAT_SLIDES.format(styles=styles, slides=slides)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    files = {
        "three_pages.pdf": pages(Pdf(), SHAPES, HELVETICA, TEXTS),
        "password.pdf": pages(Pdf("open", "own"), SHAPES, HELVETICA, TEXTS),
        "restricted.pdf": pages(Pdf("", "own"), SHAPES, HELVETICA, TEXTS),
        "chinese.pdf": pages(Pdf(), SHAPES[:1], SONG, ["<" + "中文页面".encode("utf-16-be").hex() + ">"]),
        "broken.pdf": b"%PDF-1.7\nno objects, no table of them\n",
    }
    for name, content in files.items():
        (OUT / name).write_bytes(content)
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "slides.fodp"
        source.write_text(flat_slides(3))
        for kind in ("odp", "pptx", "ppt"):
            subprocess.run(["soffice", "--headless", f"-env:UserInstallation=file://{folder}/profile", "--convert-to",
                            kind, "--outdir", str(OUT), str(source)], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
