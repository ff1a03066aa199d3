"""Secrets as files: a folder that only we can enter, a file each that only we can read. They are never logged."""

import os
from pathlib import Path

from cityflux.settings import SettingsError


class SecretFiles:
    """Secrets in `folder`. Calls raise SettingsError where the folder or a file is not ours to use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """Where a secret is kept."""
        return self.folder / name

    def read(self, name: str) -> str | None:
        """The secret, None where there is none."""
        try:
            return self.path(name).read_text("utf-8").strip()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._wrong(error) from error

    def write(self, name: str, secret: str) -> None:
        """Keep it, durably, in place of the one there was."""
        new = self.path(f".{name}.new")
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            new.unlink(missing_ok=True)
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(f"{secret}\n")
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.path(name))
            folder = os.open(self.folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise self._wrong(error) from error

    def _wrong(self, error: OSError) -> SettingsError:
        return SettingsError(f"secrets in {self.folder}: {error}; point --secrets at a folder of your own")
