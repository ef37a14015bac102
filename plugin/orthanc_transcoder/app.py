"""The composition root: the one place that knows every part.

A wrong configuration stops the start of Orthanc, as Orthanc's own options do.
Nothing else does: whatever is missing is logged in one line, shown on the
status page, and costs transcoding, never storing.
"""

from __future__ import annotations

import atexit
import json
import logging
import platform

from . import __version__, advice, metrics, peek, startup
from .confinement_watch import ConfinementWatch
from .control import QualityControl
from .decoding import DecodingService
from .errors import SettingsError
from .fingerprint import fingerprint
from .forwarding import Forwarder, Forwarding
from .host import seam
from .host.sdk import Sdk
from .index import Index
from .options import SECTION
from .originals import Originals
from .peers import PeerWatch
from .pool.process import WorkerProcess
from .pool.supervisor import Pool
from .pool.waiting import Patience
from .problems import Problems
from .records import Records, RestError
from .reports import Reports
from .service import TranscodingService
from .settings import Settings
from .threads import Deputy, Keeper
from .web import pages
from .web.routes import PATTERNS, Site

_log = logging.getLogger(__name__)

_STORED_SECONDS = 2.0


def start(orthanc: seam.Orthanc) -> None:
    """Start the plugin inside Orthanc.

    Raises
    ------
    SettingsError
        If the ``Transcoder`` section is wrong, or does not fit this Orthanc.
    """
    _log_into(orthanc)
    configuration = seam.Configuration(orthanc, SECTION)
    try:
        settings = Settings.parse(configuration.section)
        native = seam.find_sdk(orthanc, settings.native_callbacks)
        startup.check(settings, configuration, native[0])
    except SettingsError as error:
        _log.error("%s", error)
        raise
    Plugin(orthanc, settings, configuration, *native)


class Plugin:
    """The running plugin.

    Parameters
    ----------
    sdk, no_sdk
        The native interface, or why it is not used.
    """

    def __init__(
        self,
        orthanc: seam.Orthanc,
        settings: Settings,
        configuration: seam.Configuration,
        sdk: Sdk | None,
        no_sdk: str,
    ) -> None:
        self._settings = settings
        self._sdk, self._no_sdk = sdk, no_sdk
        self._problems = Problems()
        self._keeper = Keeper(self._problems)
        self._rest = seam.NativeRest(self._sdk) if self._sdk else seam.OfficialRest(orthanc)
        self._records = Records(self._rest, settings.report_metadata)
        self._deputy = Deputy(2, self._keeper)
        self._asker = Deputy(
            1, self._keeper, "asker"
        )  # for what may have to wait until its asker has given up
        self._pool = self._start_pool()
        rules = settings.rules(configuration.lossy_quality)
        self._control: QualityControl | None = None
        self._service = TranscodingService(
            self._pool,
            rules,
            settings.deadline,
            self._records.remember,
            self._find_originals(configuration),
            drops=self._sdk is not None and self._sdk.drops_what_is_declined,
        )
        self._decoding = DecodingService(
            self._pool, configuration.builtin_decoder, rules, self._service.seconds
        )
        self._forwarder: Forwarder | None = None
        self._control = self._start_control(configuration)
        self._site = self._make_site()
        atexit.register(self._stop)
        self._register(orthanc, configuration)
        self._start_forwarding(settings.forwarding)
        self._tell_of_configuration(configuration)
        self._peers = self._watch_peers(configuration)

    def _find_originals(self, configuration: seam.Configuration) -> Originals:
        forwarding = self._settings.forwarding
        return Originals(
            ingest=configuration.ingest.target,
            overwrites=configuration.overwrites,
            moved=forwarding.transcode if forwarding and forwarding.delete else "",
            successor=configuration.builtin_follows,
            is_stored=self._is_stored,
        )

    def _is_stored(self, instance: str) -> bool | None:
        """Whether Orthanc has an instance.

        It may not answer: 1.10.1 serves one plugin call at a time, and may be in one
        that waits for this answer. Without the native interface we are asked for
        received instances only, and must not ask back.
        """
        if self._sdk is None:
            return False
        try:
            self._asker.ask(lambda: self._rest.rest_get(f"/instances/{instance}"), _STORED_SECONDS)
        except TimeoutError:
            return None
        except RestError:
            return False
        return True

    def _start_forwarding(self, forwarding: Forwarding | None) -> None:
        if forwarding is None:
            return
        if isinstance(self._rest, seam.NativeRest):
            self._forwarder = Forwarder(
                self._rest, forwarding, seam.is_closed, self._problems, self._keeper
            )
        else:
            self._tell(
                "forwarding", "nothing is forwarded, because the native interface is not used"
            )

    def _tell_of_configuration(self, configuration: seam.Configuration) -> None:
        told = advice.on_ingest(self._settings, configuration)
        for option, sentence in (told | advice.on_forwarding(self._settings)).items():
            self._tell("configuration", sentence, option)
        if self._settings.on_failure and not self._control:
            sentence = "nothing is checked, because the native interface is not used"
            self._tell("quarantine", sentence)

    def _watch_peers(self, configuration: seam.Configuration) -> PeerWatch | None:
        named = startup.named_peers(self._settings)
        if not (named and self._sdk and configuration.peers_in_database):
            return None
        return PeerWatch(self._rest, named, self._problems, seam.is_closed, keeper=self._keeper)

    def _tell(self, part: str, sentence: str, about: str = "") -> None:
        self._problems.report(part, sentence, about)
        _log.error("%s", sentence)

    def _start_pool(self) -> Pool:
        files = fingerprint()
        settings = self._settings

        watch, memory = ConfinementWatch(self._problems), settings.worker_memory_bytes

        def launch(nice: int) -> WorkerProcess:
            worker = WorkerProcess(settings.interpreter, files, memory_bytes=memory, nice=nice)
            watch.started(worker.hello.get("confinement", {}))
            return worker

        patience = Patience(settings.queue_limit, settings.queue_seconds)
        background = settings.checks and self._sdk is not None
        return Pool(
            launch, settings.worker_count, patience, background=background, keeper=self._keeper
        )

    def _start_control(self, configuration: seam.Configuration) -> QualityControl | None:
        """Checks and the index need more of Orthanc than the Python plugin offers."""
        if self._sdk is None:
            return None
        return QualityControl(
            self._sdk,
            self._settings,
            self._records,
            self._pool,
            self._deputy,
            configuration.index_folder,
            self._service.seconds,
            seam.is_closed,
            self._problems,
            self._keeper,
        )

    def _make_site(self) -> Site:
        control = self._control
        if control is None:
            reports = Reports(self._rest, self._records, Index(None), checks=False)
            return Site(self._status, reports)
        return Site(self._status, control.reports, control.pending, control.check)

    def _register(self, orthanc: seam.Orthanc, configuration: seam.Configuration) -> None:
        ingest = configuration.ingest
        if self._sdk:
            if sentence := advice.on_builtin(configuration.builtin_order):
                _log.warning("%s", sentence)
            seam.register_transcoder(self._sdk, self._service.transcode, self._deputy)
            seam.register_decoder(self._sdk, self._decoding.decode, self._deputy)
            seam.register_metrics(self._sdk, self._metrics, self._deputy)
            _log.warning("native transcoder registered (Orthanc %s)", self._sdk.version)
        else:
            seam.register_received_instance(
                orthanc, self._service.transcode, peek.transfer_syntax, ingest
            )
            _log.error(
                "only received instances are transcoded, because the native interface is not "
                "used: %s. C-MOVE, C-GET, peers, archives and modifications are not transcoded",
                self._no_sdk,
            )
        seam.register_on_stored(orthanc, self._records, ingest, self._deputy, sdk=self._sdk)
        seam.register_routes(orthanc, PATTERNS, self._site.answer, self._deputy)
        if self._control:
            orthanc.ExtendOrthancExplorer(pages.explorer_script())

    def _status(self) -> dict[str, object]:
        pool = self._pool.state()
        codecs = pool.hello.get("codecs", {"available": {}, "unavailable": {}})
        return {
            "version": __version__,
            "orthanc": {
                "version": self._version_of("/system"),
                "python_plugin": self._version_of("/plugins/python"),
                "python": platform.python_version(),
            },
            "native_callbacks": {"registered": self._sdk is not None, "reason": self._no_sdk},
            "workers": {
                "configured": pool.size,
                "alive": pool.alive,
                "busy": pool.busy,
                "waiting": pool.waiting,
                "deaths": pool.deaths,
                "remembered_files": pool.killers,
                "declined_again": pool.declined,
                "overloaded": pool.overloaded,
                "memory_bytes": self._settings.worker_memory_bytes,
                "confinement": pool.hello.get("confinement", {}),
                "unavailable": pool.unavailable,
                "python": pool.hello.get("python", ""),
                "interpreter": str(self._settings.interpreter),
            },
            "codecs": codecs,
            "forwarding": self._forwarder.state() if self._forwarder else None,
            "quarantine": self._control.quarantine.state() if self._control else None,
            "threads": self._keeper.state(),
            "problems": self._problems.standing(),
            "counters": self._service.counters,
            "checks": {
                "enabled": bool(self._control and self._control.check),
                "pending": self._control.pending() if self._control else 0,
            },
        }

    def _metrics(self) -> dict[str, float]:
        return {
            **metrics.of_transcodings(self._service.tallies),
            **metrics.of_pool(self._pool.state()),
            **metrics.of_problems(self._problems.totals()),
        }

    def _version_of(self, uri: str) -> str:
        return str(json.loads(self._rest.rest_get(uri))["Version"])

    def _stop(self) -> None:
        """Called when Orthanc finalises Python: no callback comes any more."""
        if self._peers:
            self._peers.stop()
        if self._forwarder:
            self._forwarder.stop()
        if self._control:
            self._control.stop()
        self._pool.stop()
        if self._control:
            self._control.close()
        self._deputy.stop()
        self._asker.stop()


def _log_into(orthanc: seam.Orthanc) -> None:
    logger = logging.getLogger(__package__)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
    logger.addHandler(seam.LogHandler(orthanc))
