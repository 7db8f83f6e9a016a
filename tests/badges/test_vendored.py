"""The vendored files are the published ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.badges import vendored


@pytest.mark.parametrize("url", vendored.CONTEXTS)
def test_every_context_has_its_digest(url: str) -> None:
    assert vendored.context(url)


def test_a_changed_file_stops_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, digest = vendored.STRICT_SCHEMA
    (tmp_path / "schemas").mkdir()
    (tmp_path / name).write_bytes((vendored.FOLDER / name).read_bytes() + b"\n")
    monkeypatch.setattr(vendored, "FOLDER", tmp_path)
    with pytest.raises(AssertionError, match="is not the published file"):
        vendored._pinned(name, digest)
