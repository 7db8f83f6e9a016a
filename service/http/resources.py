"""flask-smorest's Blueprint as we use it: typed, and with wrong input answered in our one error shape.

A wrong query is a 400, a body that is no JSON a 415 or 400, one with wrong content a 422; each says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import flask_smorest
import msgspec
from flask import Request
from marshmallow import Schema, ValidationError
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import RequestEntityTooLarge

from service.core.rule import Text
from service.http.pages.reader import liked
from service.http.problems import Problem, flattened

View = TypeVar("View", bound=Callable[..., Any])
PAGE = 200
"""The most entries one page of a list has."""
LARGEST = 2**63 - 1
"""The largest number a bigint holds."""


class Parser(FlaskParser):
    """Reads arguments; whatever is wrong with them becomes a problem."""

    def load_json(self, req: Request, schema: Schema) -> Any:
        """The body as JSON; 415 where it does not say that it is, 400 where it is not, 413 where it is too large."""
        if not req.is_json:
            raise Problem(415, "Send the body as application/json.", headers={"Accept": "application/json"})
        body = req.get_data()
        if req.content_length is None and len(body) == req.max_content_length:
            raise RequestEntityTooLarge  # of a body in chunks werkzeug reads that much, and drops the rest
        try:
            return msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Problem(400, f"The body is no JSON: {error}") from None
        except RecursionError:
            raise Problem(400, "The body is nested too deeply.") from None

    def handle_error(
        self,
        error: ValidationError,
        req: Request,
        schema: Schema,
        *,
        error_status_code: int | None,
        error_headers: object,
    ) -> NoReturn:
        """Every message of the schema with the path of what it is about."""
        location, messages = next(iter(error.messages_dict.items()))
        in_body = location == "json"
        errors = list(flattened(messages, "$" if in_body else "?"))
        told = "; ".join(f"{one['path']}: {one['message']}" for one in errors[:3])
        raise Problem(error_status_code or (422 if in_body else 400), told, errors=errors)


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """A blueprint that is documented in the OpenAPI document as well as served."""

    ARGUMENTS_PARSER = Parser()

    def route(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Serves the view below at this path; `methods` as in Flask."""
        return super().route(rule, **options)  # type: ignore[no-any-return]

    def arguments(self, schema: type[Schema], *, location: str = "json", **options: Any) -> Callable[[View], View]:
        """Gives the view what `location` (json, query) holds, read by `schema`."""
        options.setdefault("error_status_code", 422 if location == "json" else 400)
        return super().arguments(schema, location=location, **options)  # type: ignore[no-any-return]

    def response(self, status: int, schema: type[Schema], **options: Any) -> Callable[[View], View]:
        """Writes what the view returns by `schema`; a ready response passes as it is."""
        return super().response(status, schema, **options)  # type: ignore[no-any-return]

    def alt_response(self, status: int, *, schema: type[Schema], description: str) -> Callable[[View], View]:
        """Adds another answer of the view below to the OpenAPI document."""
        return super().alt_response(status, schema=schema, description=description)  # type: ignore[no-any-return]

    @staticmethod
    def doc(**manual: Any) -> Callable[[View], View]:
        """Adds to what the OpenAPI document says of the view below."""
        return flask_smorest.Blueprint.doc(**manual)  # type: ignore[no-any-return]


def in_words(text: Text) -> str:
    """The text in the language that the reader likes best (RFC 4647, lookup); of a text in one language that one."""
    if isinstance(text, str):
        return text
    return text[tag] if (tag := liked(text)) else ""
