"""Profiles: addresses of APIs and their tokens, by name, in a file that no other user may read.

    [profiles.default]
    api_url = "https://a1b2c3.execute-api.eu-central-1.amazonaws.com/v1"
    token = "wv_..."

The file is `$XDG_CONFIG_HOME/wan-video/config.toml`, which is `~/.config/wan-video/config.toml` for most.
"""

from __future__ import annotations

import os
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wan_video_cli.errors import NotUsable

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

DEFAULT: Final = "default"
OWNER_ONLY: Final = 0o600


@dataclass(frozen=True)
class Profile:
    """The address of an API and the token for it."""

    api_url: str
    token: str = field(repr=False)


def config_path(environ: Mapping[str, str]) -> Path:
    """Return the path of the profiles; a relative XDG_CONFIG_HOME is ignored, as its specification requires."""
    base = Path(environ.get("XDG_CONFIG_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".config") / "wan-video" / "config.toml"


class Profiles:
    """The profiles of one file; a missing file holds none."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, Profile]:
        """Return every profile by its name. Raises NotUsable for a file that cannot be read or has another format."""
        try:
            document = tomllib.loads(self.path.read_text(encoding="utf-8"))
            tables = document.get("profiles", {})
            return {name: Profile(str(table["api_url"]), str(table["token"])) for name, table in tables.items()}
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise NotUsable(f"{self.path} cannot be read: {error.strerror}.") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            # The faulty line is not quoted: it may contain the token.
            raise NotUsable(
                f"{self.path} is not as `wan-video login` writes it.", "Correct it, or delete it and log in again."
            ) from None

    def is_private(self) -> bool:
        """Return whether only its owner can read the file."""
        return os.name != "posix" or not self.path.exists() or not self.path.stat().st_mode & 0o077

    def save(self, name: str, profile: Profile) -> None:
        """Add or replace one profile; everything else in the file stays as it is, comments included."""
        import tomlkit

        document = self._document()
        tables = document.setdefault("profiles", tomlkit.table(is_super_table=True))
        tables[name] = {"api_url": profile.api_url, "token": profile.token}
        self._write(tomlkit.dumps(document))

    def remove(self, name: str) -> bool:
        """Remove one profile; return whether it existed."""
        import tomlkit

        if name not in self.read():
            return False
        document = self._document()
        del document["profiles"][name]
        self._write(tomlkit.dumps(document))
        return True

    def _document(self) -> TOMLDocument:
        import tomlkit

        self.read()  # raises NotUsable for a file of another format
        return tomlkit.parse(self.path.read_text(encoding="utf-8")) if self.path.exists() else tomlkit.document()

    def _write(self, text: str) -> None:
        """Replace the file as a whole; no other user can read it at any moment."""
        partial = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY), "w") as file:
                file.write(text)
            partial.replace(self.path)
        except OSError as error:
            raise NotUsable(f"{self.path} cannot be written: {error.strerror}.") from None
        finally:
            partial.unlink(missing_ok=True)
