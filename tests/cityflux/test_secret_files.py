"""Secrets as files: only we read them, and a folder that is none of ours is said."""

import stat
from pathlib import Path

import pytest

from cityflux.secret_files import SecretFiles
from cityflux.settings import SettingsError


def test_a_secret_is_kept_and_replaced_for_us_alone(tmp_path: Path) -> None:
    secrets = SecretFiles(tmp_path / "deep" / "secrets")
    assert secrets.read("token") is None
    for secret in ("first", "second"):
        secrets.write("token", secret)
        assert secrets.read("token") == secret
    assert stat.S_IMODE(secrets.path("token").stat().st_mode) == 0o600
    assert [path.name for path in secrets.folder.iterdir()] == ["token"]


def test_what_is_no_folder_is_said_without_the_secret(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    secrets = SecretFiles(tmp_path / "file")
    with pytest.raises(SettingsError, match="point --secrets at a folder of your own") as refused:
        secrets.write("token", "a-secret")
    assert "a-secret" not in str(refused.value)
    with pytest.raises(SettingsError, match="point --secrets"):
        secrets.read("token")
