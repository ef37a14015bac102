"""Being told by the core of what is deleted: the log of changes does not say it."""

from __future__ import annotations

from collections.abc import Callable

from . import abi
from .abi import Service
from .callbacks import Report
from .sdk import Sdk

_DELETED = 1  # of ``OrthancPluginChangeType``
_INSTANCE = 3  # of ``OrthancPluginResourceType``


def register(sdk: Sdk, deleted: Callable[[str], None], report: Report) -> None:
    """Be told of each deleted instance, on the core's thread for changes.

    Parameters
    ----------
    deleted
        Takes Orthanc's identifier of the instance; must not wait for anything.
    report
        Takes what ``deleted`` should not have raised; must not raise.
    """

    def callback(change: int, resource: int, identifier: bytes | None) -> int:
        try:
            if change == _DELETED and resource == _INSTANCE and identifier:
                deleted(identifier.decode())
        except BaseException as error:  # noqa: BLE001
            report(error)
        return abi.SUCCESS

    sdk.register(Service.REGISTER_ON_CHANGE_CALLBACK, abi.CHANGE(callback))
