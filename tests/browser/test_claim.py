"""A learner follows a claim link in a real browser, on a desk and on a phone, and takes the badge or leaves it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sqlalchemy import Engine

from service.settings import Settings
from service.store import badges
from tests.badges import stored
from tests.badges.live import serving
from tests.badges.stored import NOW, change

CHROMIUM = "/usr/bin/chromium"
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
SIZES = {"desk": (1280, 900), "phone": (390, 844)}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="needs Debian's chromium at /usr/bin/chromium"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(params=SIZES)
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """A page without JavaScript that notes every request and every complaint of the browser."""
    width, height = SIZES[request.param]
    context = browser.new_context(viewport={"width": width, "height": height}, java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(15_000)
    yield page
    context.close()


@pytest.fixture
def site(settings: Settings, engine: Engine) -> Iterator[str]:
    with serving(settings, engine) as address:
        yield address


@pytest.fixture
def link(engine: Engine, site: str, award: UUID) -> str:
    with engine.begin() as connection:
        return f"{site}/claim/{badges.make_link(connection, award, NOW)[0]}"


def keep(page: Page, name: str) -> None:
    """Keep a picture of the page if PLAUDIT_SCREENSHOTS names a folder; and nothing sticks out at the side."""
    assert page.viewport_size is not None
    width = page.viewport_size["width"]
    for element in page.locator("body *:visible").all():
        box = element.bounding_box()
        assert box is None or box["x"] + box["width"] <= width + 1, element
    if folder := os.environ.get("PLAUDIT_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/{name}-{width}.png", full_page=True)


def test_a_badge_is_taken_by_clicking(page: Page, link: str, engine: Engine, ana: int) -> None:
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))

    page.goto(link)
    expect(page.get_by_role("heading", level=1)).to_have_text("Ana, you have earned “Keen learner”")
    expect(page.locator("img.emblem")).to_be_visible()
    keep(page, "claim")
    page.get_by_text("What this badge is given for").click()
    expect(page.get_by_text("Complete five different courses with 80%")).to_be_visible()
    page.get_by_role("button", name="Take the badge").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("“Keen learner” is yours")
    keep(page, "taken")
    page.get_by_role("button", name="Make its page public").click()
    expect(page.get_by_label("Address of your badge")).to_be_visible()
    keep(page, "shared")

    page.get_by_role("link", name="Show the badge").click()
    expect(page.get_by_text("Valid", exact=True)).to_be_visible()
    keep(page, "credential")
    page.get_by_role("link", name="Plaudit").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Plaudit")
    keep(page, "issuer")
    page.get_by_role("link", name="Keen learner").click()
    expect(page.get_by_text("What it is given for")).to_be_visible()
    keep(page, "achievement")

    origin = link.partition("/claim/")[0]
    assert all(url.startswith(origin) for url in asked)
    assert complaints == []
    with engine.begin() as connection:
        assert badges.awards_of(connection, ana, NOW)[0].state == "claimed"


def test_a_badge_is_saved_as_a_file(page: Page, link: str) -> None:
    page.goto(link)
    page.get_by_role("button", name="Take the badge").click()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="JSON").click()
    assert waiting.value.suggested_filename.endswith(".json")
    assert b"OpenBadgeCredential" in Path(waiting.value.path()).read_bytes()


def test_a_badge_is_declined_by_clicking(page: Page, link: str, engine: Engine, ana: int) -> None:
    page.goto(link)
    page.get_by_role("button", name="No, thank you").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You left “Keen learner” for now")
    keep(page, "declined")
    with engine.begin() as connection:
        assert badges.awards_of(connection, ana, NOW)[0].state == "declined"


def test_a_badge_goes_into_a_wallet_by_link_or_qr_code(page: Page, link: str) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(link)
    page.get_by_role("button", name="Take the badge").click()
    page.get_by_label("Have my wallet ask for a code").check()
    page.get_by_role("button", name="Put it into a wallet").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("“Keen learner” for your wallet")
    opening = page.get_by_role("link", name="Open my wallet").get_attribute("href")
    assert opening is not None
    assert opening.startswith("openid-credential-offer://?credential_offer_uri=http")
    expect(page.get_by_label("Link for your wallet")).to_have_value(opening)
    drawn = page.get_by_role("img", name="QR code: the link for your wallet").evaluate("image => image.naturalWidth")
    assert drawn > 100
    code = page.locator(".code")
    expect(code).to_be_hidden()
    keep(page, "wallet")
    page.get_by_text("Show the code that your wallet asks for").click()
    expect(code).to_have_text(re.compile("^[0-9]{6}$"))
    keep(page, "wallet-code")
    page.get_by_role("link", name="Back to the badge").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("“Keen learner” is yours")
    assert complaints == []


def test_the_address_is_copied_by_a_button_where_scripts_run(browser: Browser, link: str) -> None:
    context = browser.new_context(locale="de-DE", permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(link)
    keep(page, "claim-german")
    page.get_by_role("button", name="Badge annehmen").click()
    page.get_by_role("button", name="Seite öffentlich machen").click()
    page.get_by_role("button", name="Kopieren").click()
    expect(page.get_by_role("button", name="Kopiert")).to_be_visible()
    address = page.get_by_label("Adresse Ihres Badges").input_value()
    assert page.evaluate("navigator.clipboard.readText()") == address
    assert complaints == []
    keep(page, "shared-german")
    context.close()


def test_a_badge_is_taken_with_the_keyboard(page: Page, link: str) -> None:
    page.goto(link)
    for _ in range(2):
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Take the badge")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("“Keen learner” is yours")


def test_a_link_that_leads_nowhere_says_so(page: Page, site: str) -> None:
    answer = page.goto(f"{site}/claim/made-up")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading", level=1)).to_have_text("This link leads nowhere")
    keep(page, "unknown")


def test_a_withdrawn_badge_says_so(page: Page, site: str, engine: Engine, ana: int, award: UUID) -> None:
    with engine.begin() as connection:
        id_ = stored.claim(connection, award)
        badges.settle(connection, [change(ana, grounded=False, if_undone="revoke")])
    page.goto(f"{site}/credentials/{id_}")
    expect(page.get_by_text("Withdrawn", exact=True)).to_be_visible()
    keep(page, "withdrawn")
