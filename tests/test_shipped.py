"""The shipped files are found alike in a checkout and in a wheel."""

import importlib.util
import shutil
from pathlib import Path

from service import shipped


def test_a_checkout_has_them_beside_the_package() -> None:
    top = Path(__file__).parent.parent
    assert (shipped.rules(), shipped.openapi()) == (top / "rules", top / "openapi")
    assert (shipped.migrations() / "env.py").is_file()
    assert shipped.samples() == top / "service" / "samples"


def test_a_wheel_has_them_inside_the_package(tmp_path: Path) -> None:
    package = tmp_path / "service"
    for name in ("rules", "migrations", "openapi"):
        (package / "_shipped" / name).mkdir(parents=True)
    spec = importlib.util.spec_from_file_location("installed", shutil.copy(shipped.__file__, package / "shipped.py"))
    assert spec is not None
    assert spec.loader is not None
    installed = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(installed)
    for name in ("rules", "migrations", "openapi"):
        assert getattr(installed, name)() == package.resolve() / "_shipped" / name
