"""Baked pictures carry what was baked into them, for us and for others, and are otherwise what they were."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ET
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openbadgeslib.ob3 import OB3Verifier
from PIL import Image

from service.badges import baking, drawing
from service.badges.baking import Version
from service.core.achievement import Drawing
from tests.badges import samples
from tests.laws.effort import examples

SVG = drawing.svg("keen-learner", "Keen learner", Drawing())
PNG = drawing.png(SVG)
CREDENTIAL = json.dumps(samples.credential(), ensure_ascii=False)
JWS = "eyJhbGciOiJSUzI1NiJ9.e30.c2lnbmF0dXJl"
VERSIONS: list[Version] = ["3.0", "2.0"]


def pixels(picture: bytes) -> bytes:
    with Image.open(io.BytesIO(picture)) as opened:
        return opened.tobytes()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("credential", [CREDENTIAL, JWS])
def test_a_png_gives_back_what_was_baked_into_it_and_shows_the_same(version: Version, credential: str) -> None:
    baked = baking.bake_png(PNG, credential, version)
    assert baking.unbake(baked) == credential
    assert pixels(baked) == pixels(PNG)


def test_pillow_finds_the_credential_under_the_keyword_of_the_standard() -> None:
    for version, keyword in (("3.0", "openbadgecredential"), ("2.0", "openbadges")):
        with Image.open(io.BytesIO(baking.bake_png(PNG, CREDENTIAL, version))) as opened:  # type: ignore[arg-type]
            assert opened.info[keyword] == CREDENTIAL


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("credential", [CREDENTIAL, JWS, '{"a": "]]>"}'])
def test_an_svg_gives_back_what_was_baked_into_it_first_of_all(version: Version, credential: str) -> None:
    baked = baking.bake_svg(SVG, credential, version)
    assert baking.unbake(baked) == credential
    namespace, element = baking.ELEMENTS[version]
    assert ET.fromstring(baked)[0].tag == f"{{{namespace}}}{element}"


@pytest.mark.parametrize(
    "svg",
    [
        b'<?xml version="1.0"?><!-- <svg> --><svg xmlns="http://www.w3.org/2000/svg" width=\'8\'/>',
        b'<svg:svg xmlns:svg="http://www.w3.org/2000/svg"\n viewBox="0 0 1 1"><svg:g/></svg:svg>',
        b'<svg xmlns="http://www.w3.org/2000/svg" aria-label="a > b"><g/></svg>',
        b'<!DOCTYPE svg><svg xmlns="http://www.w3.org/2000/svg"></svg>',
    ],
)
def test_svgs_of_every_writing_can_be_baked(svg: bytes) -> None:
    baked = baking.bake_svg(svg, CREDENTIAL)
    assert ET.fromstring(baked)[0].text == CREDENTIAL


def test_others_find_what_is_baked() -> None:
    for picture in (baking.bake_png(PNG, JWS), baking.bake_svg(SVG, JWS)):
        assert _others(picture) == JWS


def _others(picture: bytes) -> Any:
    if picture.startswith(baking.PNG):
        return OB3Verifier.extract_token_from_png(picture)
    return OB3Verifier.extract_token_from_svg(picture)


def test_a_second_baking_replaces_the_first() -> None:
    twice = baking.bake_png(baking.bake_png(PNG, CREDENTIAL), JWS)
    assert baking.unbake(twice) == JWS
    assert twice.count(b"openbadgecredential") == 1


def test_a_picture_without_a_credential_carries_none() -> None:
    assert baking.unbake(PNG) is None
    assert baking.unbake(SVG) is None


def test_a_compressed_text_is_read_and_a_bomb_is_not_unpacked() -> None:
    def with_text(text: bytes) -> bytes:
        content = b"openbadgecredential\0\x01\0\0\0" + zlib.compress(text)
        return PNG[:33] + baking._chunk(b"iTXt", content) + PNG[33:]

    assert baking.unbake(with_text(b"{}")) == "{}"
    assert len(baking.unbake(with_text(b"a" * (baking.MOST_BYTES * 3))) or "") == baking.MOST_BYTES


@given(st.binary(max_size=60), st.integers(0, len(PNG)))
@examples(50)
def test_whatever_is_uploaded_is_read_or_refused(noise: bytes, at: int) -> None:
    for picture in (noise, PNG[:at] + noise, baking.PNG + noise, b"<svg>" + noise):
        try:
            baking.unbake(picture)
        except ValueError:
            continue


def test_an_svg_with_entities_that_multiply_is_refused() -> None:
    bomb = b'<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><svg>&b;</svg>'
    with pytest.raises(ValueError, match="no SVG"):
        baking.unbake(bomb)
