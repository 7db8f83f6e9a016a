"""`plaudit keys` shows the keys and makes new ones; it never prints a private half."""

from __future__ import annotations

import json
from typing import Any

from click.testing import CliRunner, Result

from service.cli import plaudit
from service.errors import Refusal


def run(environ: dict[str, str], *arguments: str) -> Result:
    return CliRunner().invoke(plaudit, ["keys", *arguments], env=environ)


def listed(environ: dict[str, str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run(environ, "list", "--json").output)
    return found


def test_a_rotation_retires_the_old_key_and_keeps_it(environ: dict[str, str]) -> None:
    assert listed(environ) == []
    assert json.loads(run(environ, "rotate", "--json").output) == {"issuer": "main", "name": "key-1"}
    assert run(environ, "rotate").output == "Badges of main are signed with key-2 from now on.\n"
    old, new = listed(environ)
    assert (old["name"], new["name"]) == ("key-1", "key-2")
    assert old["retired"]
    assert new["retired"] is None
    assert old["public"].startswith("z6Mk")
    assert set(new) == {"name", "algorithm", "public", "created", "retired", "published"}


def test_keys_are_shown_as_lines_of_words(environ: dict[str, str]) -> None:
    run(environ, "rotate")
    assert run(environ, "list").output.startswith("name=key-1  algorithm=EdDSA  public=z6Mk")


def test_an_issuer_that_nobody_has_written_down_gets_no_keys(environ: dict[str, str]) -> None:
    refused = run(environ, "rotate", "--issuer", "mian")
    assert isinstance(refused.exception, Refusal)
    assert str(refused.exception) == 'There is no issuer "mian". Did you mean "main"?'
    assert listed(environ) == []
