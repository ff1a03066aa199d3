"""Settings: where they come from, and the one line that says what is wrong."""

from pathlib import Path

import pytest

from cityflux.settings import SettingsError, load_settings


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import os

    for name in [name for name in os.environ if name.startswith("CITYFLUX_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_with_nothing_set_it_is_the_embedded_default() -> None:
    settings = load_settings()
    assert (settings.store, settings.mqtt_url, settings.data_dir) == ("sqlite", "mqtt://127.0.0.1:1883", Path("data"))
    assert settings.books == "sqlite:///data/books.sqlite"


def test_the_environment_goes_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cityflux.toml").write_text('store = "influx"\nhorizon_days = 7\n')
    monkeypatch.setenv("CITYFLUX_STORE", "sqlite")
    settings = load_settings()
    assert (settings.store, settings.horizon_days) == ("sqlite", 7)


def test_another_file_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other.toml"
    monkeypatch.setenv("CITYFLUX_CONFIG", str(other))
    with pytest.raises(SettingsError, match=r"other\.toml is not a file"):
        load_settings()
    other.write_text("in_flight = 5\n")
    assert load_settings().in_flight == 5


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mqtt://broker", ("broker", 1883, False, None, None, 5)),
        ("mqtt://u@broker:1884", ("broker", 1884, False, "u", None, 5)),
        ("mqtts://u:p%40ss@broker", ("broker", 8883, True, "u", "p@ss", 5)),
        ("mqtt://broker:1883?version=3", ("broker", 1883, False, None, None, 3)),
        ("mqtt://[::1]:1883/", ("::1", 1883, False, None, None, 5)),
    ],
)
def test_the_brokers_address(url: str, expected: tuple[object, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITYFLUX_MQTT_URL", url)
    broker = load_settings().broker
    assert (broker.host, broker.port, broker.tls, broker.username, broker.password, broker.version) == expected


def test_a_password_comes_from_its_file_and_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("hush\n")
    monkeypatch.setenv("CITYFLUX_MQTT_PASSWORD_FILE", str(tmp_path / "secret"))
    broker = load_settings().broker
    assert broker.password == "hush"
    assert "hush" not in repr(broker)
    monkeypatch.setenv("CITYFLUX_MQTT_PASSWORD_FILE", str(tmp_path / "absent"))
    with pytest.raises(SettingsError, match="absent"):
        _ = load_settings().broker


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CITYFLUX_MQTT_ULR", "x", ["CITYFLUX_MQTT_ULR", "did you mean CITYFLUX_MQTT_URL?"]),
        ("CITYFLUX_MQTT_URL", "http://x", ["CITYFLUX_MQTT_URL", "http://x", "write mqtt://"]),
        ("CITYFLUX_MQTT_URL", "mqtt://x:port", ["CITYFLUX_MQTT_URL", "port"]),
        ("CITYFLUX_MQTT_URL", "mqtt://x?version=4", ["CITYFLUX_MQTT_URL", "?version=3"]),
        ("CITYFLUX_STORE", "postgres", ["CITYFLUX_STORE", "postgres", "sqlite"]),
        ("CITYFLUX_IN_FLIGHT", "many", ["CITYFLUX_IN_FLIGHT", "many", "integer"]),
        ("CITYFLUX_IN_FLIGHT", "0", ["CITYFLUX_IN_FLIGHT", "0", "greater"]),
        ("CITYFLUX_TIMEZONE", "Mars/Base", ["CITYFLUX_TIMEZONE", "Mars/Base", "IANA"]),
    ],
)
def test_a_wrong_variable_is_one_line(name: str, value: str, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as error:
        load_settings()
    text = str(error.value)
    assert "\n" not in text
    assert all(part in text for part in said), text


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ('mqtt_ulr = "x"', ["cityflux.toml", "mqtt_ulr", "did you mean mqtt_url?"]),
        ('store = "postgres"', ["cityflux.toml", "store", "postgres", "sqlite"]),
        ("store = ", ["cityflux.toml"]),
        ('zzz = "x"', ["cityflux.toml", "zzz", "doctor --settings"]),
    ],
)
def test_a_wrong_file_is_one_line(file: str, said: list[str], tmp_path: Path) -> None:
    (tmp_path / "cityflux.toml").write_text(file)
    with pytest.raises(SettingsError) as error:
        load_settings()
    text = str(error.value)
    assert "\n" not in text
    assert all(part in text for part in said), text
