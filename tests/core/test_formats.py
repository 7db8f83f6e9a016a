"""Which texts have the form that the specification wants."""

from __future__ import annotations

import pytest

from service.core import formats


@pytest.mark.parametrize("text", ["http://example.com", "act:a", "urn:uuid:1", "https://example.com/ä?b=c#d", "id:x"])
def test_an_iri_has_a_scheme(text: str) -> None:
    assert formats.is_iri(text)


@pytest.mark.parametrize(
    "text", ["", "should fail", "abc", "ab=c://x", ":x", "http:", "http://a b", "1a:b", "a:\0", "a:<"]
)
def test_what_has_no_scheme_or_a_space_is_no_iri(text: str) -> None:
    assert not formats.is_iri(text)


@pytest.mark.parametrize(
    "tag",
    [
        "en",
        "de-DE",
        "zh-Hans-CN",
        "es-419",
        "ase",
        "tlh",
        "en-us",
        "sl-rozaj",
        "de-CH-1901",
        "x-own",
        "i-klingon",
        "zh-cmn-Hans-CN",
        "en-a-bbb-x-a-ccc",
        "grrrrr",
        "de-DE-u-co-phonebk",
        "und",
    ],
)
def test_a_language_tag_is_well_formed(tag: str) -> None:
    assert formats.is_language_tag(tag)


@pytest.mark.parametrize(
    "tag",
    [
        "",
        "something",
        "a12345678",
        "en_US",
        "en-",
        "e",
        "zh-z-aaa-z-bbb-c-ccc",
        "en-something-AU",
        "zh-something-ccc",
        "de-1901-1901",
        "en-US-US",
        "i-nothing",
        "en\n",
        "日本",
        "a" * 300,
    ],
)
def test_what_is_no_language_tag(tag: str) -> None:
    assert not formats.is_language_tag(tag)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T09:30:00Z",
        "2026-11-22T09:30:00.123456789+05:45",
        "2026-11-22t09:30:00z",
        "20261122T093000Z",
        "2026-11-22T09:30:00",
        "2026-11-22",
        "2026-11-22T09:30:00+00",
        "2026-11-22T09:30:00-0100",
        "2031-11-22T01:49:48Z",
    ],
)
def test_a_timestamp_is_one_of_iso_8601(text: str) -> None:
    assert formats.is_timestamp(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "01/011/2015",
        "2008-09-15T15:53:00.601-00:00",
        "2008-09-15T15:53:00.601-00",
        "2008-09-15T15:53:00-0000",
        "2026-02-29T00:00:00Z",
        "2026-11-22T25:00:00Z",
        "yesterday",
        "T",
        "2026-11-22T09:30:00Z ",
    ],
)
def test_what_is_no_timestamp(text: str) -> None:
    assert not formats.is_timestamp(text)


def test_in_2_0_a_timestamp_says_its_offset() -> None:
    assert formats.is_rfc_3339("2026-11-22T09:30:00+01:00")
    for text in ("2026-11-22T09:30:00", "2026-11-22", "20261122T093000Z", "2026-11-22T09:30:00-00:00"):
        assert not formats.is_rfc_3339(text)


@pytest.mark.parametrize(
    "text", ["PT0S", "P3Y1M29DT4H35M59.14S", "P4W", "P3Y", "P1D", "PT30M", "PT16559.14S", "PT1,5H"]
)
def test_a_duration_has_designators(text: str) -> None:
    assert formats.is_duration(text)


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "PA1H0M0S", "1H", "P1H", "P1DT", "PT1M1H", "P0003-06-04T12:30:05", "P1S"]
)
def test_what_is_no_duration(text: str) -> None:
    assert not formats.is_duration(text)


def test_mailboxes_digests_and_media_types() -> None:
    assert [formats.is_mailbox(t) for t in ("mailto:a@b.c", "mailto:a.b", "http://a@b", "mailto:a@b@c", "a@b")] == [
        True,
        *[False] * 4,
    ]
    assert [formats.is_sha2("a" * n) for n in (40, 56, 64, 96, 128, 129)] == [False, True, True, True, True, False]
    assert formats.is_media_type("text/plain; charset=ascii")
    assert not formats.is_media_type("file")
    assert formats.is_uuid("AA97B177-9383-4934-8543-0F91A7A02836")
    assert not formats.is_uuid("{AA97B177-9383-4934-8543-0F91A7A02836}")
