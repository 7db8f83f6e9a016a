"""Where the files are that ship with Plaudit: beside the package in a checkout, inside it in a wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _folder(name: str) -> Path:
    inside = _PACKAGE / "_shipped" / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def rules() -> Path:
    """The folder of rules, vocabulary, boards and achievements that are in force unless another is set."""
    return _folder("rules")


def migrations() -> Path:
    """The Alembic folder: `env.py` and the revisions."""
    return _folder("migrations")


def openapi() -> Path:
    """The folder of `openapi.json`."""
    return _folder("openapi")


def samples() -> Path:
    """The folder of sample statements that `plaudit demo` pushes."""
    return _PACKAGE / "samples"
