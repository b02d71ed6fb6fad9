"""Profiles: addresses of APIs and their tokens, by name, in a file that nobody else may read.

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
    """Where an API is, and the token it knows its caller by."""

    api_url: str
    token: str = field(repr=False)


def config_path(environ: Mapping[str, str]) -> Path:
    """Where the profiles are kept; a relative XDG_CONFIG_HOME counts as none, as its specification has it."""
    base = Path(environ.get("XDG_CONFIG_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".config") / "wan-video" / "config.toml"


class Profiles:
    """The profiles of one file; a file that is not there holds none."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, Profile]:
        """Every profile by its name. Raises NotUsable for a file that cannot be read or is none of ours."""
        try:
            document = tomllib.loads(self.path.read_text(encoding="utf-8"))
            tables = document.get("profiles", {})
            return {name: Profile(str(table["api_url"]), str(table["token"])) for name, table in tables.items()}
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise NotUsable(f"{self.path} cannot be read: {error.strerror}.") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            # What is wrong with it is not quoted: it may be the line with the token.
            raise NotUsable(
                f"{self.path} is not as `wan-video login` writes it.", "Mend it, or delete it and log in again."
            ) from None

    def is_private(self) -> bool:
        """Whether nobody but its owner can read the file."""
        return os.name != "posix" or not self.path.exists() or not self.path.stat().st_mode & 0o077

    def save(self, name: str, profile: Profile) -> None:
        """Add or replace one profile; everything else in the file stays as it is, comments included."""
        import tomlkit

        document = self._document()
        tables = document.setdefault("profiles", tomlkit.table(is_super_table=True))
        tables[name] = {"api_url": profile.api_url, "token": profile.token}
        self._write(tomlkit.dumps(document))

    def remove(self, name: str) -> bool:
        """Remove one profile; gives whether it was there."""
        import tomlkit

        if name not in self.read():
            return False
        document = self._document()
        del document["profiles"][name]
        self._write(tomlkit.dumps(document))
        return True

    def _document(self) -> TOMLDocument:
        import tomlkit

        self.read()  # raises what is to be told of a file that is none of ours
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
