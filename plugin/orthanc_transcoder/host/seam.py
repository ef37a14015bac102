"""Between Orthanc and the package: callbacks to model values and back.

``Orthanc`` lists the names of the ``orthanc`` module that are used, all of
them in the Python plugin since 4.0; a test holds the fake host and the real
module to it.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ..errors import HostError
from ..model import Picture, Request
from ..payload import Payload
from ..records import Records
from ..threads import Deputy
from ..web.routes import Response, WebRequest
from . import callbacks, configuration, jobs, lifetime, logs, metrics, rest, stored
from .sdk import Sdk

_log = logging.getLogger(__name__)

# Python plugin 5.0 crashes while it is finalised if it holds the last reference
# to a callback: each is kept here for the life of the process.
_KEPT: list[object] = []

Configuration = configuration.Configuration
IngestRule = configuration.IngestRule
LogHandler = logs.LogHandler
NativeRest = rest.NativeRest
is_closed = lifetime.is_closed
OfficialRest = rest.OfficialRest

Result = bytearray | Payload | None
Transcode = Callable[[memoryview, Request], Result]


class Orthanc(Protocol):
    """The ``orthanc`` module."""

    ReceivedInstanceAction: Any

    def GetConfiguration(self) -> str:
        """Orthanc's configuration, as JSON."""

    def GetConfigurationPath(self) -> str:
        """Path of Orthanc's configuration, a file or a folder."""

    def GetOrthancPath(self) -> str:
        """Path of Orthanc's binary."""

    def ExtendOrthancExplorer(self, script: str, /) -> None:
        """Add JavaScript to Orthanc Explorer."""

    def LogError(self, message: str, /) -> None:
        """Write to Orthanc's log."""

    def LogWarning(self, message: str, /) -> None:
        """Write to Orthanc's log."""

    def LogInfo(self, message: str, /) -> None:
        """Write to Orthanc's log, if it is verbose."""

    def RegisterRestCallback(self, pattern: str, callback: Callable[..., None], /) -> None:
        """Serve the paths that match ``pattern``."""

    def RegisterOnStoredInstanceCallback(self, callback: Callable[[Any, str], None], /) -> None:
        """Be told of each stored instance."""

    def RegisterReceivedInstanceCallback(
        self, callback: Callable[[bytes, Any], tuple[Any, bytes | None]], /
    ) -> None:
        """Replace each received instance before it is stored."""

    def RestApiGet(self, uri: str, /) -> bytes:
        """GET from Orthanc's REST API."""

    def RestApiPut(self, uri: str, body: bytes, /) -> bytes:
        """PUT to Orthanc's REST API."""


def find_sdk(orthanc: Orthanc, wanted: bool) -> tuple[Sdk | None, str]:
    """The proven SDK, or None and the reason why it is not used."""
    if not wanted:
        return None, "switched off by Transcoder.NativeCallbacks"
    try:
        return Sdk(orthanc), ""
    except HostError as error:
        return None, str(error)


def register_transcoder(sdk: Sdk, transcode: Transcode, deputy: Deputy) -> None:
    """Register with the core; ``transcode`` is called on Orthanc's threads."""

    def handle(data: memoryview, allowed: tuple[str, ...], new_uid: bool) -> Result:
        return transcode(data, Request(allowed, new_uid))

    callbacks.register_transcoder(sdk, handle, _reporter("the transcoder", deputy))


def register_decoder(
    sdk: Sdk, decode: Callable[[memoryview, int], Picture | None], deputy: Deputy
) -> None:
    """Register with the core; ``decode`` is called on Orthanc's threads."""
    callbacks.register_decoder(sdk, decode, _reporter("the decoder", deputy))


def register_metrics(sdk: Sdk, read: Callable[[], Mapping[str, float]], deputy: Deputy) -> None:
    """Add what ``read`` gives, name by name, to Orthanc's ``/tools/metrics-prometheus``.

    Parameters
    ----------
    read
        Called on the deputy's threads; whole numbers must be ``int``.
    """

    def refresh() -> None:
        deputy.ask(lambda: metrics.publish(sdk, read()))

    metrics.register(sdk, refresh, _reporter("the metrics", deputy))


def register_jobs(
    sdk: Sdk, type_name: str, restore: jobs.Restore, deputy: Deputy
) -> Callable[[jobs.Job], str]:
    """Register a type of jobs; gives the function that submits one, and gives its identifier.

    Parameters
    ----------
    restore
        Makes a job from what its ``content`` was before Orthanc was restarted,
        or gives None if it is to be forgotten.
    """
    kind = jobs.Jobs(sdk, type_name, _reporter(f"a job ({type_name})", deputy))
    kind.register(restore)
    return kind.submit


def inspector_rest(sdk: Sdk) -> rest.NativeRest:
    """Orthanc's REST API, and a place in its database of the inspector's own."""
    return rest.NativeRest(sdk, rest.INSPECTOR_PROPERTY)


def _reporter(place: str, deputy: Deputy) -> Callable[[BaseException], None]:
    """Log an error on a thread that has the stack for it."""

    def report(error: BaseException) -> None:
        with contextlib.suppress(Exception):
            deputy.tell(lambda: _log.error("internal error in %s: %r", place, error))

    return report


def register_received_instance(
    orthanc: Orthanc, transcode: Transcode, syntax_of: Callable[[memoryview], str], rule: IngestRule
) -> None:
    """Transcode what is received, through the official callback alone."""
    keep = (orthanc.ReceivedInstanceAction.KEEP_AS_IS, None)

    def received(data: bytes, _: Any) -> tuple[Any, bytes | None]:
        view = memoryview(data)
        if not rule.applies(syntax_of(view)):
            return keep
        result = transcode(view, Request((rule.target,)))
        if result is None:
            return keep
        try:
            return orthanc.ReceivedInstanceAction.MODIFY, _whole(result)
        except (OSError, EOFError) as error:
            _log.error("a result could not be read: %s", error)
            return keep

    _KEPT.append(received)
    orthanc.RegisterReceivedInstanceCallback(received)


def _whole(result: bytearray | Payload) -> bytes:
    if isinstance(result, bytearray):
        return bytes(result)
    content = bytearray(len(result))
    result.read_into(memoryview(content))
    return bytes(content)


def register_on_stored(
    orthanc: Orthanc,
    records: Records,
    rule: IngestRule,
    deputy: Deputy,
    *,
    sdk: Sdk | None = None,
) -> None:
    """Keep the report of an instance once it is stored.

    Parameters
    ----------
    sdk
        If there is one, the Python plugin's only place for such a function
        is left to a user's own script.
    """

    def keep(instance: str, syntax: str, size: Callable[[], int]) -> None:
        taken = records.take(threading.get_ident(), syntax, rule.target)
        if taken is not None:
            deputy.ask(lambda: records.write(instance, *taken))
        elif rule.applies(syntax):
            source_bytes = size()
            deputy.ask(lambda: records.write_unasked(instance, syntax, source_bytes))

    def official(dicom: Any, instance: str) -> None:
        keep(instance, dicom.GetInstanceTransferSyntaxUid(), dicom.GetInstanceSize)

    def native(dicom: stored.StoredInstance, instance: str) -> None:
        keep(instance, dicom.transfer_syntax(), dicom.size)

    if sdk:
        stored.register(sdk, native, _reporter("the reports", deputy))
    else:
        _KEPT.append(official)
        orthanc.RegisterOnStoredInstanceCallback(official)


def register_routes(
    orthanc: Orthanc,
    patterns: tuple[str, ...],
    answer: Callable[[WebRequest], Response],
    deputy: Deputy,
) -> None:
    """Serve the plugin's REST routes."""

    def serve(output: Any, uri: str, **values: Any) -> None:
        request = WebRequest(
            uri, values["method"], values.get("get", {}), values.get("headers", {})
        )
        response = deputy.ask(lambda: answer(request))
        if response.status == 405:
            output.SendMethodNotAllowed(response.body.decode())  # Orthanc forbids a body here
            return
        for name, value in response.headers.items():
            output.SetHttpHeader(name, value)
        if response.status == 200:
            output.AnswerBuffer(response.body, response.content_type)
        else:
            output.SetHttpHeader("Content-Type", response.content_type)
            _send_status(output, response)

    _KEPT.append(serve)
    for pattern in patterns:
        orthanc.RegisterRestCallback(pattern, serve)


def _send_status(output: Any, response: Response) -> None:
    body = response.body.decode("ascii")
    try:
        output.SendHttpStatus(response.status, body)
    except TypeError:  # Python plugin 4.0 wants the size as well
        output.SendHttpStatus(response.status, body, len(body))
