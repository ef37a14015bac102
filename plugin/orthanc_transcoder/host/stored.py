"""Being told of stored instances by the core, which tells any number of plugins.

The Python plugin takes one function only, which is left to a user's own script.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from . import abi
from .abi import Service
from .callbacks import Report
from .sdk import Sdk


class StoredInstance:
    """An instance that the core has just stored; valid during the call only.

    It is not asked for the file: Orthanc 1.13.0 never frees what it gives then.
    """

    def __init__(self, sdk: Sdk, handle: int) -> None:
        self._sdk = sdk
        self._handle = handle

    def transfer_syntax(self) -> str:
        """Its UID, or an empty text; raises ``ServiceError``."""
        text = ctypes.c_void_p()
        call = abi.AccessDicomInstance(ctypes.pointer(text), instance=self._handle)
        self._sdk.invoke(Service.GET_INSTANCE_TRANSFER_SYNTAX_UID, call)
        return self._sdk.take_text(text)

    def size(self) -> int:
        """Bytes of the file; raises ``ServiceError``."""
        size = ctypes.c_int64()
        call = abi.AccessDicomInstance(result_int64=ctypes.pointer(size), instance=self._handle)
        self._sdk.invoke(Service.GET_INSTANCE_SIZE, call)
        return size.value


def register(sdk: Sdk, stored: Callable[[StoredInstance, str], None], report: Report) -> None:
    """Be told of each stored instance, on the thread that stored it.

    Parameters
    ----------
    stored
        Takes the instance and Orthanc's identifier of it.
    report
        Takes what ``stored`` should not have raised; must not raise.
    """

    def callback(handle: int, identifier: bytes) -> int:
        try:
            stored(StoredInstance(sdk, handle), identifier.decode())
        except BaseException as error:  # noqa: BLE001
            report(error)
        # An error would keep the core from telling the other plugins.
        return abi.SUCCESS

    sdk.register(Service.REGISTER_ON_STORED_INSTANCE_CALLBACK, abi.STORED_INSTANCE(callback))
