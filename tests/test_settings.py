"""What the environment says, and how it is told what is wrong."""

from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from service import shipped
from service.errors import Refusal
from service.settings import Settings, kept_secrets, local_url, settings


def test_an_empty_environment_means_embedded_servers_and_a_service_for_this_machine(tmp_path: Path) -> None:
    found = settings({"PLAUDIT_DATA_DIR": str(tmp_path)})
    assert (found.database_url, found.redis_url) == ("", "")
    assert (found.host, found.port, found.public_url) == ("127.0.0.1", 8000, "http://127.0.0.1:8000")
    assert (found.max_statements, found.max_bytes, found.time_zone) == (500, 1 << 20, ZoneInfo("UTC"))
    assert found.rules_dir == shipped.rules()


def test_every_variable_is_heard(tmp_path: Path) -> None:
    found = settings(
        {
            "PLAUDIT_DATABASE_URL": "postgres://u:p@db:5432/plaudit",
            "PLAUDIT_REDIS_URL": "redis://cache:6379/3",
            "PLAUDIT_DATA_DIR": str(tmp_path / "data"),
            "PLAUDIT_BIND": "[::1]:9000",
            "PLAUDIT_PUBLIC_URL": "https://rewards.example.org/",
            "PLAUDIT_RULES_DIR": str(tmp_path),
            "PLAUDIT_SECRET_KEY": "k",
            "PLAUDIT_ADMIN_TOKEN": "t",
            "PLAUDIT_SOURCE_USER": "lrs",
            "PLAUDIT_SOURCE_PASSWORD": "p",
            "PLAUDIT_WORKERS": "3",
            "PLAUDIT_THREADS": "16",
            "PLAUDIT_MAX_STATEMENTS": "100",
            "PLAUDIT_MAX_BYTES": "2048",
            "PLAUDIT_TIME_ZONE": "Europe/Berlin",
            "PLAUDIT_TRUSTED_PROXIES": "10.0.0.0/8, ::1",
        }
    )
    assert found == Settings(
        database_url="postgresql://u:p@db:5432/plaudit",
        redis_url="redis://cache:6379/3",
        data_dir=tmp_path / "data",
        host="::1",
        port=9000,
        public_url="https://rewards.example.org",
        rules_dir=tmp_path,
        secret_key="k",
        admin_token="t",
        source_user="lrs",
        source_password="p",
        workers=3,
        threads=16,
        max_statements=100,
        max_bytes=2048,
        time_zone=ZoneInfo("Europe/Berlin"),
        trusted_proxies=(ip_network("10.0.0.0/8"), ip_network("::1")),
    )
    assert not (tmp_path / "data").exists()


WRONG = {
    "PLAUDIT_DATABASE_URL": "mysql://u:hidden@db/plaudit",
    "PLAUDIT_REDIS_URL": "http://hidden",
    "PLAUDIT_DATA_DIR": __file__,
    "PLAUDIT_BIND": "8000",
    "PLAUDIT_PUBLIC_URL": "rewards.example.org",
    "PLAUDIT_RULES_DIR": "/there/is/none",
    "PLAUDIT_SOURCE_USER": "a:b",
    "PLAUDIT_ADMIN_TOKEN": "hid\x07den",
    "PLAUDIT_WORKERS": "-1",
    "PLAUDIT_THREADS": "0",
    "PLAUDIT_MAX_STATEMENTS": "many",
    "PLAUDIT_MAX_BYTES": "1e6",
    "PLAUDIT_TIME_ZONE": "Mars/Olympus",
    "PLAUDIT_TRUSTED_PROXIES": "10.0.0.1/8",
}


def test_everything_that_is_wrong_is_said_at_once_without_showing_secrets() -> None:
    with pytest.raises(Refusal) as refused:
        settings(WRONG)
    lines = refused.value.sentence.splitlines()
    assert sorted(line.split(" is ")[0] for line in lines) == sorted(WRONG)
    assert "PLAUDIT_BIND is '8000': write an address and a port, like 127.0.0.1:8000 or [::1]:8000." in lines
    assert "hid" not in refused.value.sentence
    assert refused.value.status == 2


@pytest.mark.parametrize("bind", ["127.0.0.1", "127.0.0.1:99999", ":8000", "::1:8000", "http://a:1", "a b:1"])
def test_an_address_without_a_host_or_a_possible_port_is_refused(bind: str, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="PLAUDIT_BIND is"):
        settings({"PLAUDIT_BIND": bind, "PLAUDIT_DATA_DIR": str(tmp_path)})


@pytest.mark.parametrize("zone", ["", "Europe", "../etc/passwd", "x" * 300])
def test_only_names_of_time_zones_are_time_zones(zone: str, tmp_path: Path) -> None:
    environ = {"PLAUDIT_TIME_ZONE": zone, "PLAUDIT_DATA_DIR": str(tmp_path)}
    if zone:
        with pytest.raises(Refusal, match="PLAUDIT_TIME_ZONE is"):
            settings(environ)
    else:
        assert settings(environ).time_zone == ZoneInfo("UTC")


def test_secrets_are_made_once_and_only_their_owner_can_read_them(tmp_path: Path) -> None:
    environ = {"PLAUDIT_DATA_DIR": str(tmp_path / "var"), "PLAUDIT_ADMIN_TOKEN": "given"}
    first, second = settings(environ), settings(environ)
    assert first == second
    assert first.admin_token == "given"
    assert len({first.secret_key, first.source_password}) == 2
    assert len(first.secret_key) >= 40
    folder = tmp_path / "var" / "secrets"
    assert {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()} == {
        "secret-key": 0o600,
        "source-password": 0o600,
    }
    assert folder.stat().st_mode & 0o777 == 0o700
    assert kept_secrets(environ) == ["secret-key", "source-password"]


def test_processes_that_start_together_agree_on_the_secrets(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: settings({"PLAUDIT_DATA_DIR": str(tmp_path)}), range(64)))
    assert len({each.secret_key for each in found}) == 1


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:1"), ("::", "http://[::1]:1"), ("localhost", "http://localhost:1")],
)
def test_a_service_that_listens_everywhere_is_reached_at_this_machine(host: str, url: str) -> None:
    assert local_url(host, 1) == url
