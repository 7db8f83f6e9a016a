"""Whoever knows only the address finds the rest from there."""

import re

from tests.http.conftest import Caller


def test_every_link_of_the_front_page_leads_somewhere(anybody: Caller) -> None:
    front = anybody("/")
    links = re.findall(r'href="([a-z/]+)"', front.get_data(as_text=True))
    assert links == ["issuers/main", "verify", "docs"]
    assert {anybody(f"/{link}").status_code for link in links} == {200}


def test_the_front_page_speaks_german_to_those_who_read_it(anybody: Caller) -> None:
    german = anybody("/", headers={"Accept-Language": "de-AT"})
    assert '<html lang="de">' in german.get_data(as_text=True)
    assert "Ein Badge prüfen" in german.get_data(as_text=True)
