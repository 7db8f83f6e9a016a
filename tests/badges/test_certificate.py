"""A certificate is one page that holds the signed badge, whatever is written on it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from service.badges import certificate, signing
from tests.badges import samples
from tests.badges.test_baking import PNG

CHECK = "https://badges.example.org/verify/2de9c15f-607e-493f-9fb9-ae79eed115f7"


@pytest.mark.parametrize("holder", ["Ana Gómez", "عائشة بنت محمد", "🎉 \n ", None, "山田"])
def test_whatever_the_name_there_is_one_page_with_the_badge_attached(holder: str | None) -> None:
    about = replace(samples.KEEN, name="متعلم مجتهد 🎉", description="long " * 1000, criteria='"\\\n' * 300)
    body = signing.sign(samples.credential(achievement=about), samples.ISSUER, samples.KEY, samples.NOW)
    pdf = certificate.pdf(json.loads(body), body, PNG, holder, CHECK)
    assert pdf.startswith(b"%PDF-")
    assert pdf.count(b"/Type /Page\n") == 1
    assert b"/EmbeddedFile" in pdf
    assert CHECK.encode() in pdf


def test_a_character_that_the_font_does_not_have_is_left_out() -> None:
    assert certificate._printable("Ana 🎉 Gómez\n2") == "Ana Gómez\n2"
