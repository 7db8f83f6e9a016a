"""Status lists are as long, ordered and encoded as the standard says."""

from __future__ import annotations

import base64
import gzip

import pytest

from service.badges import status


def test_a_list_has_at_least_131072_bits() -> None:
    assert len(status.empty()) * 8 >= 131_072


def test_index_zero_is_the_leftmost_bit() -> None:
    assert status.marked(status.empty(), [0, 9])[:2] == bytes([0b1000_0000, 0b0100_0000])


def test_a_marked_bit_stays_and_changes_no_other() -> None:
    bits = status.marked(status.marked(status.empty(), [77]), [77])
    assert [index for index in range(status.BITS) if status.is_set(bits, index)] == [77]


def test_a_list_is_gzip_in_base64url_without_padding_after_a_u() -> None:
    bits = status.marked(status.empty(), [5])
    encoded = status.encode(bits)
    assert encoded[0] == "u"
    assert "=" not in encoded
    assert gzip.decompress(base64.urlsafe_b64decode(encoded[1:] + "===")) == bits == status.decode(encoded)


def test_the_same_bits_encode_to_the_same_text_at_any_time() -> None:
    compressed = base64.urlsafe_b64decode(status.encode(status.empty())[1:] + "===")
    assert compressed[4:8] == bytes(4)  # the modification time of gzip


def test_an_encoding_without_the_prefix_is_refused() -> None:
    with pytest.raises(ValueError, match="prefix u"):
        status.decode("H4sIAAAA")


def test_indexes_are_drawn_at_random_and_never_twice() -> None:
    drawn = status.draw(1000)
    assert len(set(drawn)) == 1000
    assert drawn != sorted(drawn)
    assert max(drawn) < status.BITS
