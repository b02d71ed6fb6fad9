"""Every mutant still finds the code that it changes."""

from __future__ import annotations

import subprocess
import sys

from tests.chaos.mutants import MUTANTS
from wan_video_local.stack import PROJECT

PLANT_EACH = """
import os, pkgutil
from importlib import import_module
import wan_video
from tests.chaos.mutants import MUTANTS, plant
for module in pkgutil.walk_packages(wan_video.__path__, "wan_video."):
    import_module(module.name)
for name in MUTANTS:
    child = os.fork()
    if child == 0:
        try:
            plant(name)
        except BaseException:
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        print(name)
"""


def test_every_mutant_has_a_place_in_the_product() -> None:
    planted = subprocess.run(
        [sys.executable, "-c", PLANT_EACH], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert planted.stdout.split() == []
    assert len(MUTANTS) > 20
