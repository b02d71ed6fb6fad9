"""The ports consist only of protocols."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import ModuleType
from typing import Protocol

import pytest

from wan_video import ports

MODULES = [importlib.import_module(f"wan_video.ports.{found.name}") for found in pkgutil.iter_modules(ports.__path__)]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_a_port_holds_only_protocols(module: ModuleType) -> None:
    own = {name: value for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__}
    constants = {name for name, value in vars(module).items() if name.isupper() and name != "TYPE_CHECKING"}

    assert own
    assert all(inspect.isclass(value) and Protocol in value.__mro__ for value in own.values())
    assert constants == set()
