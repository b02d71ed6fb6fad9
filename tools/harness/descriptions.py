"""Descriptions of AWS's services that a process reads from disk once, and not again for each session."""

from __future__ import annotations

import pickle
from functools import cache
from pathlib import Path
from typing import Any, Final

import boto3.session
import botocore.loaders
from botocore.loaders import JSONFileLoader, Loader

_INSTALLED: Final = tuple(f"{Path(each).parent}/" for each in (boto3.session.__file__, botocore.loaders.__file__))


class ReadOnce(JSONFileLoader):
    """Reads each file of the installed packages once; other files may change, so they are read every time."""

    def load_file(self, file_path: str) -> Any:
        """Return the content of a file, or None if it does not exist; the path has no suffix."""
        if file_path.startswith(_INSTALLED):
            return pickle.loads(_installed(file_path))
        return super().load_file(file_path)


@cache
def _installed(file_path: str) -> bytes:
    """Return a copy for each caller to load: the adapters change the description of DynamoDB."""
    return pickle.dumps(JSONFileLoader().load_file(file_path))


def read_descriptions_once() -> None:
    """Let each session that this process creates from now on load a copy, which is faster than parsing JSON again."""
    Loader.FILE_LOADER_CLASS = ReadOnce
