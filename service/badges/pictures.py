"""Pictures of achievements: given by their authors or drawn, as SVG and PNG, kept under a digest of what they show."""

from __future__ import annotations

import base64

from sqlalchemy import Connection

from service.badges import drawing
from service.core.achievement import Achievement, Drawing
from service.core.rule import Text
from service.store import achievements as store

SVG, PNG = "image/svg+xml", "image/png"


def digest(connection: Connection, achievement: Achievement, given: str | None) -> str:
    """The name of the picture of an achievement, which is drawn and kept where its author gave none (`given`)."""
    if given is not None:
        return given
    wanted = achievement.image if isinstance(achievement.image, Drawing) else Drawing()
    drawn = drawing.svg(achievement.name, _title(achievement.title), wanted)
    return store.add_picture(connection, drawn, SVG)


def png(connection: Connection, name: str) -> bytes | None:
    """A picture as PNG; drawn and kept when it is first asked for. None if there is no such picture."""
    found = store.find_picture(connection, name)
    if found is None or found.media_type == PNG:
        return found and found.content
    if found.png is not None:
        return found.png
    try:
        made = drawing.png(found.content)
    except ValueError:  # an SVG of an author that no program can draw: the badge still needs a picture
        made = drawing.png(drawing.svg(name, "", Drawing()))
    store.add_png(connection, name, made)
    return made


def svg(connection: Connection, name: str) -> bytes | None:
    """A picture as SVG; a PNG stands in one as it is. None if there is no such picture."""
    found = store.find_picture(connection, name)
    if found is None or found.media_type == SVG:
        return found and found.content
    inside = base64.b64encode(found.content).decode()
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 512 512" width="512" height="512">'
        f'<image width="512" height="512" href="data:image/png;base64,{inside}"/></svg>'
    ).encode()


def _title(title: Text) -> str:
    return title if isinstance(title, str) else title.get("en") or next(iter(title.values()))
