"""What the demo shows of a running service, asked over HTTP as anybody outside would: from statements to a badge."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import click

from service.badges import verification
from service.commands import pushing
from service.commands.pushing import Service
from service.errors import Refusal
from service.settings import Settings

Json = dict[str, Any]

WIDTH = 100
PATIENCE_SECONDS = 600
LINES = 12
CREDENTIAL = "application/vc+ld+json"


class Told:
    """What is told: lines for people as they come, or one JSON document at the end."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.document: Json = {}
        self._since = monotonic()

    def say(self, text: str = "") -> None:
        if not self.as_json:
            click.echo(text)

    def title(self, text: str) -> None:
        """The headline of what was just done, with the time it took since the last one."""
        now = monotonic()
        took = f"{now - self._since:.1f} s"
        self.document.setdefault("seconds", {})[text] = round(now - self._since, 3)
        self._since = now
        self.say(f"\n{text} {'.' * max(3, WIDTH - len(text) - len(took) - 2)} {took}")

    def progress(self, text: str) -> None:
        """A line that the next one replaces, where somebody is watching."""
        if not self.as_json and sys.stdout.isatty():
            click.echo(f"\r\x1b[2K{text}", nl=False)

    def finish(self) -> None:
        if self.as_json:
            click.echo(json.dumps(self.document, ensure_ascii=False, indent=2))


class Show:
    """The steps of the demo, in order. Each raises Refusal with a sentence when it does not work."""

    def __init__(self, used: Settings, url: str, told: Told) -> None:
        self.used = used
        self.told = told
        self.webhook = Service(url, pushing.basic(used.source_user, used.source_password))
        self.api = Service(url, f"Bearer {used.admin_token}")
        self.public = Service(url)

    def tell(self, file: Path) -> None:
        self.told.document["service"] = self.api.url
        self.statements(file)
        page = self.board()
        entries = self.leaderboard(page) if page else []
        if entries:
            self.ledger(entries[0]["learner"])
        offered = self.offered(entries)
        if offered:
            self.badge(*offered[0])
        else:
            self.told.say(
                f"\nNobody earned {'a badge' if entries else 'anything'}: no rule in force gives it for this."
            )
        first = offered[0][0] if offered else None
        self.addresses(page, next((one for one in offered if one[0] != first), None))

    # --- statements in ----------------------------------------------------------------------------------------------

    def statements(self, file: Path) -> None:
        """Pushes the file as a webhook would and waits until all of it is evaluated."""
        lines, broken = pushing.lines(file)
        total = len(lines)
        pushed = pushing.push(
            self.webhook, lines, progress=lambda done: self.told.progress(f"{done} of {total} statements pushed")
        )
        refused = sorted(broken + pushed.refused)
        counted = self._evaluated()
        self.told.progress("")
        self.told.title(
            f"{total + len(broken)} lines of {file.name} pushed in {pushed.batches} requests, and evaluated"
        )
        self.told.say("  " + "   ".join(f"{name} {number}" for name, number in counted.items()))
        self.told.say(f"  unusable {len(refused)}" + (":" if refused else ""))
        for one in refused:
            self.told.say(f"    line {one.line}: {one.path} {one.message}")
        self.told.document |= {"accepted": pushed.accepted, "refused": [one._asdict() for one in refused]}
        self.told.document["intake"] = counted

    def _evaluated(self) -> Json:
        """The counts of intake once nothing is pending."""
        began = monotonic()
        while (counted := self._got("/api/v1/intake"))["pending"]:
            if monotonic() - began > PATIENCE_SECONDS:
                raise Refusal(f"{counted['pending']} statements are still not evaluated: does a worker run?")
            self.told.progress(f"{counted['pending']} statements pending")
            sleep(0.05)
        return dict(counted)

    # --- points -----------------------------------------------------------------------------------------------------

    def board(self) -> str | None:
        """The path of the board of all time, or else of the first board; None if no rule file has one."""
        boards = self._got("/api/v1/leaderboards")["boards"]
        chosen = next((board for board in boards if board["period"] == "ever"), *boards[:1] or [None])
        return chosen and f"/api/v1/leaderboards/{chosen['board']}"

    def leaderboard(self, path: str) -> list[Json]:
        """Shows the first lines of the board, and returns them."""
        page = self._settled(f"{path}?limit=20")
        self.told.document["leaderboard"] = page
        self.told.title(f"Leaderboard: {page['title']}")
        for entry in page["entries"][:LINES]:
            self.told.say(f"  {entry['rank']:>2}  {_name(entry['learner']):<24} {entry['score']:>6,}")
        self._rest(page["total"] - LINES, "people")
        return list(page["entries"])

    def _settled(self, path: str) -> Any:
        """What is there once two looks see the same: boards follow the ledger by some milliseconds."""
        before, now = None, self._got(path)
        while now != before:
            sleep(0.2)
            before, now = now, self._got(path)
        return now

    def ledger(self, learner: Mapping[str, str]) -> None:
        """Shows what this learner earned, and for what."""
        booked = self._got(f"/api/v1/learners/{learner['id']}/ledger?limit=200")["entries"]
        entries = sorted(booked, key=itemgetter("happened"), reverse=True)
        self.told.document["ledger"] = {"learner": learner, "entries": entries}
        self.told.title(f"The ledger of {_name(learner)}, newest first")
        for entry in entries[:LINES]:
            reason = "" if entry["reason"] == entry["title"] else f" ({entry['reason']})"
            self.told.say(f"  {entry['happened'][:10]}  {_amount(entry):>30}  {entry['title']}{reason}")
        self._rest(len(entries) - LINES, "lines")

    def _rest(self, number: int, what: str) -> None:
        if number > 0:
            self.told.say(f"      … and {number} more {what}")

    # --- badges -----------------------------------------------------------------------------------------------------

    def offered(self, entries: list[Json]) -> list[tuple[Json, Json]]:
        """The badges that people on the board may claim, each with its learner, the leader's first."""
        found = [
            (entry["learner"], badge)
            for entry in entries
            for badge in self._got(f"/api/v1/learners/{entry['learner']['id']}/badges")["badges"]
            if badge["state"] == "offered"
        ]
        self.told.document["offered"] = [{"learner": learner, **badge} for learner, badge in found]
        return found

    def badge(self, learner: Json, offer: Json) -> None:
        """Claims a badge as its learner would, and has its credential verified."""
        link = self._claim_link(offer)
        claim = f"/api/v1/claims/{link.rpartition('/')[2]}"
        self._got(claim, self.public)
        answer = self.public.post(claim, b'{"decision": "accept", "share": true}')
        if answer.status != 200:
            raise Refusal(f"The claim was answered with {answer.status}: {answer.content}")
        address = answer.content["credential"]
        credential, found, changed = self._verified(address)
        self.told.title(f"A badge of {_name(learner)}: {credential['credentialSubject']['achievement']['name']}")
        self.told.say(f"  claimed     {link}")
        self.told.say(f"  credential  {address}")
        self.told.say(f"  issuer      {credential['issuer']['id']}")
        self.told.say("  verified    its signature, dates and status hold; a copy with one word changed is refused:")
        self.told.say(f"              {changed[0]}")
        verdict = {"learner": learner, "credential": address, "verified": not found, "changed_copy": list(changed)}
        self.told.document["badge"] = verdict

    def _claim_link(self, offer: Json) -> str:
        answer = self.api.post(f"/api/v1/badges/{offer['award']}/claim-link")
        if answer.status not in (200, 201):
            raise Refusal(f"No claim link for {offer['achievement']}: {answer.status} {answer.content}")
        return str(answer.content["url"])

    def _verified(self, address: str) -> tuple[Json, tuple[str, ...], tuple[str, ...]]:
        """The credential, and what is wrong with it (nothing) and with a changed copy of it (something), or Refusal."""
        credential = self._got(self._local(address), self.public, CREDENTIAL)
        did = "/".join(credential["issuer"]["id"].split(":")[3:])
        document = self._got(f"/{did}/did.json" if did else "/.well-known/did.json", self.public)
        status_list = self._got(
            self._local(credential["credentialStatus"]["statusListCredential"]), self.public, CREDENTIAL
        )
        copy = deepcopy(credential)
        copy["credentialSubject"]["achievement"]["name"] += "!"
        now = datetime.now(UTC)
        found = verification.problems(credential, document, status_list, now)
        changed = verification.problems(copy, document, status_list, now)
        if found or not changed:
            raise Refusal(
                f"The credential {address} does not verify: {'; '.join(found) or 'a changed copy is accepted'}"
            )
        return credential, found, changed

    def _local(self, address: str) -> str:
        """The path of one of our addresses, whatever public address links carry."""
        return address.removeprefix(self.used.public_url)

    # --- where to look ----------------------------------------------------------------------------------------------

    def addresses(self, page: str | None, waiting: tuple[Json, Json] | None) -> None:
        """The addresses to open, and how a program asks for the board that was shown."""
        opened = {"the API, described": "/docs"}
        if waiting:
            learner, offer = waiting
            opened[f"a badge that waits for {_name(learner)}"] = self._local(self._claim_link(offer))
        self.told.document["open"] = {what: self.used.public_url + path for what, path in opened.items()}
        self.told.say("\nLook for yourself")
        for what, address in self.told.document["open"].items():
            self.told.say(f"  {what:<40} {address}")
        if page:
            self.told.say(
                f"  {'the leaderboard, for programs':<40} curl -H 'Authorization: Bearer {self.used.admin_token}' \\"
            )
            self.told.say(f"  {'':<40}   {self.used.public_url}{page}")

    def _got(self, path: str, service: Service | None = None, accept: str = "application/json") -> Any:
        answer = (service or self.api).get(path, accept)
        if answer.status != 200:
            raise Refusal(f"{path} was answered with {answer.status}: {answer.content}")
        return answer.content


def _name(learner: Mapping[str, str | None]) -> str:
    return learner["name"] or f"learner {learner['id']}"


def _amount(entry: Mapping[str, Any]) -> str:
    """`+10 points`, `the badge keen-learner`, and what was taken back with a minus."""
    unit, _, achievement = entry["unit"].partition(":")
    if not achievement:
        return f"{entry['amount']:+,} {unit}"
    return f"{'' if entry['amount'] > 0 else 'not '}badge {achievement}"
