"""Our values in Orthanc's own metrics, which Prometheus reads.

The core writes a name as it was given, so that one with labels, such as
``orthanc_transcoder_outcomes_total{outcome="transcoded"}``, is as good as one
without. It knows neither help texts nor types. Up to Orthanc 1.12.0 it holds
values as 32-bit floats: 24 bits of a byte counter, and its size, are right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from . import abi
from .abi import Service
from .callbacks import Report
from .sdk import Sdk


def register(sdk: Sdk, refresh: Callable[[], None], report: Report) -> None:
    """Be called whenever someone asks Orthanc for its metrics, on an HTTP thread.

    Parameters
    ----------
    refresh
        Publishes the values; Orthanc answers when it returns.
    report
        Takes what ``refresh`` raises; must not raise.
    """

    def callback() -> None:
        try:
            refresh()
        except BaseException as error:  # noqa: BLE001  Orthanc's own metrics are given in any case
            report(error)

    sdk.register(Service.REGISTER_REFRESH_METRICS_CALLBACK, abi.REFRESH_METRICS(callback))


def publish(sdk: Sdk, values: Mapping[str, float]) -> None:
    """Set metrics by their names.

    Parameters
    ----------
    values
        Whole numbers as ``int``, at most 63 bits; a name is always of one
        type, that of its first value.

    Raises
    ------
    ServiceError
        If the core refuses one.
    """
    whole_numbers = sdk.is_at_least(1, 12, 1)
    for name, value in values.items():
        text = name.encode()
        if whole_numbers and isinstance(value, int):
            integer = abi.SetMetricsIntegerValue(text, value, abi.METRICS_DEFAULT)
            sdk.invoke(Service.SET_METRICS_INTEGER_VALUE, integer)
        else:
            real = abi.SetMetricsValue(text, value, abi.METRICS_DEFAULT)
            sdk.invoke(Service.SET_METRICS_VALUE, real)
