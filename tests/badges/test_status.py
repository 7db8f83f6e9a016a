"""Status lists are as long, ordered and encoded as the standard says."""

from __future__ import annotations

import base64
import gzip

import pytest

from service.badges import status


def test_a_list_has_at_least_131072_bits() -> None:
    assert len(status.empty()) * 8 >= 131_072


def test_index_zero_is_the_leftmost_bit() -> None:
    assert status.flip(status.empty(), 0)[0] == 0b1000_0000
    assert status.flip(status.empty(), 9)[1] == 0b0100_0000


def test_a_flipped_bit_stays_and_changes_no_other() -> None:
    bits = status.flip(status.flip(status.empty(), 77), 77)
    assert [index for index in range(status.BITS) if status.is_set(bits, index)] == [77]


def test_a_list_is_gzip_in_base64url_without_padding_after_a_u() -> None:
    bits = status.flip(status.empty(), 5)
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


def test_a_free_index_is_none_of_those_taken() -> None:
    free = 4711
    assert status.free_index(set(range(status.BITS)) - {free}) == free
