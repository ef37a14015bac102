"""What is used of pydicom: its dictionaries and character sets, whatever its plugins do.

pydicom loads every plugin of pylibjpeg when it is first imported. One that cannot be
loaded (another libstdc++, half an installation) shall cost witnesses, not the worker:
then pydicom is imported again as if there were no pylibjpeg, and the reason is kept.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

_PLUGINS = ("libjpeg", "openjpeg", "rle")


def _imported(name: str) -> tuple[ModuleType, str]:
    """A module of pydicom, and why pylibjpeg was left out; empty if it was not."""
    try:
        return importlib.import_module(name), ""
    except Exception as error:
        if "pylibjpeg" not in sys.modules:
            raise
        modules: dict[str, Any] = sys.modules
        for module in list(modules):
            package = module.split(".")[0]
            if package == "pydicom":
                del modules[module]
            elif package == "pylibjpeg":
                modules[module] = None  # imports of it now fail, as of what is not installed
        modules |= dict.fromkeys(_PLUGINS)  # which pydicom also imports itself
        text = f"a plugin cannot be loaded: {type(error).__name__}: {error}"
        return importlib.import_module(name), text


datadict, without_pylibjpeg = _imported("pydicom.datadict")
charset, _ = _imported("pydicom.charset")
