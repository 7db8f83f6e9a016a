"""The OpenAPI document in the repository is the one that the code writes, and says what is so."""

import json
from typing import Any

import jsonschema
import pytest

from service import shipped
from service.app import write_openapi
from service.http.problems import MEDIA_TYPE


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("openapi") / "openapi.json"
    write_openapi(path)
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in ("get", "put", "post", "patch", "delete")
    ]


def test_the_document_is_the_one_the_code_writes(document: dict[str, Any]) -> None:
    kept = json.loads((shipped.openapi() / "openapi.json").read_text())
    assert kept == document, "run `make fix`"


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
            return own + [one for inner in value.values() for one in references(inner)]
        return [one for inner in value for one in references(inner)] if isinstance(value, list) else []

    for reference in references(document):
        found = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]


def test_every_operation_says_what_it_is(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        assert operation.get("summary"), (method, path)
        assert operation.get("tags"), (method, path)


def test_errors_are_problems(document: dict[str, Any]) -> None:
    for name, response in document["components"]["responses"].items():
        assert list(response.get("content", {MEDIA_TYPE: 0})) == [MEDIA_TYPE], name


def test_every_operation_of_the_api_asks_for_a_token(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        if path.startswith("/api/v1/") and "/claims/" not in path:
            assert operation.get("security") == [{"bearer": []}], (method, path)


def test_the_statement_of_the_document_is_a_json_schema(document: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(document["components"]["schemas"]["XapiStatement"])
