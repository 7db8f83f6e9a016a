"""Baked badges: a picture that carries its credential (Open Badges 3.0, section 5.3; Open Badges 2.0, Baking).

A PNG carries it in one uncompressed iTXt chunk, an SVG in an element right after its start tag. The picture itself
is not written anew, so it stays, byte for byte, what its author drew.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from typing import Literal
from xml.etree.ElementTree import ParseError
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from defusedxml import DefusedXmlException, ElementTree

Version = Literal["3.0", "2.0"]

PNG = b"\x89PNG\r\n\x1a\n"
KEYWORDS = {"3.0": b"openbadgecredential", "2.0": b"openbadges"}
ELEMENTS = {
    "3.0": ("https://purl.imsglobal.org/ob/v3p0", "credential"),
    "2.0": ("http://openbadges.org", "assertion"),
}
_START_TAG = re.compile(rb"<[^\s/>]+(?:\s+[^\s=/>]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*\s*")
MOST_BYTES = 1 << 22


def bake_png(picture: bytes, credential: str, version: Version = "3.0") -> bytes:
    """The PNG with the credential (JSON or compact JWS) in it, instead of one that it carries already."""
    kept = [(name, content) for name, content in _chunks(picture) if not _carried(name, content)]
    text = KEYWORDS[version] + b"\0\0\0\0\0" + credential.encode()  # uncompressed, no language, no translated keyword
    return PNG + b"".join(_chunk(name, content) for name, content in (kept[0], (b"iTXt", text), *kept[1:]))


def bake_svg(picture: bytes, credential: str, version: Version = "3.0") -> bytes:
    """The SVG with the credential in it; a compact JWS stands in an attribute, JSON in the element."""
    namespace, element = ELEMENTS[version]
    start = _root(picture)
    tag = _START_TAG.match(picture, start)
    assert tag, "the picture is well-formed"
    if credential.startswith("{"):
        safe = credential.replace("]]>", "]]]]><![CDATA[>")
        carried = f"<openbadges:{element}><![CDATA[{safe}]]></openbadges:{element}>"
    else:
        carried = f"<openbadges:{element} verify={quoteattr(credential)}/>"
    closes = picture[tag.end() : tag.end() + 2] == b"/>"
    name = picture[start + 1 :].split(None, 1)[0].split(b">")[0].split(b"/")[0]
    declared = tag[0].rstrip() + f' xmlns:openbadges="{escape(namespace)}">'.encode() + carried.encode()
    rest = picture[tag.end() + (2 if closes else 1) :]
    return picture[:start] + declared + (b"</" + name + b">" if closes else b"") + rest


def unbake(picture: bytes) -> str | None:
    """What a baked PNG or SVG carries; None if nothing. ValueError if it is neither, or broken."""
    if picture.startswith(PNG):
        found = [_carried(name, content) for name, content in _chunks(picture)]
        return next((text.decode() for text in found if text), None)
    try:
        root = ElementTree.fromstring(picture)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise ValueError(f"is no PNG and no SVG that can be read: {error}") from None
    for namespace, element in ELEMENTS.values():
        for found_element in root.iter(f"{{{namespace}}}{element}"):
            carried = found_element.get("verify") or (found_element.text or "").strip()
            if carried:
                return str(carried)
    return None


# --- PNG ------------------------------------------------------------------------------------------------------------


def _chunks(picture: bytes) -> Iterator[tuple[bytes, bytes]]:
    if not picture.startswith(PNG):
        raise ValueError("is no PNG")
    at = len(PNG)
    while at + 12 <= len(picture):
        (length,) = struct.unpack_from(">I", picture, at)
        if at + 12 + length > len(picture):
            raise ValueError("is a PNG that ends too early")
        yield picture[at + 4 : at + 8], picture[at + 8 : at + 8 + length]
        at += 12 + length


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _carried(name: bytes, content: bytes) -> bytes | None:
    """The credential in a chunk, if it is one that carries one; iTXt as the standards want, tEXt as of old."""
    keyword, _, rest = content.partition(b"\0")
    if keyword not in KEYWORDS.values():
        return None
    if name == b"tEXt":
        return rest
    if name != b"iTXt" or len(rest) < 2:
        return None
    text = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    if not rest[0]:
        return text
    unpacking = zlib.decompressobj()
    try:
        return unpacking.decompress(text, MOST_BYTES)
    except zlib.error as error:
        raise ValueError(f"is a PNG with a broken text: {error}") from None


# --- SVG ------------------------------------------------------------------------------------------------------------


def _root(picture: bytes) -> int:
    """Where the start tag of the outermost element begins."""
    parser, begins = expat.ParserCreate(), list[int]()
    parser.StartElementHandler = lambda *_: begins.append(parser.CurrentByteIndex)
    try:
        parser.Parse(picture, True)
    except expat.ExpatError as error:
        raise ValueError(f"is no SVG that can be read: {error}") from None
    return begins[0]
