"""The options of the ``Transcoder`` section of Orthanc's configuration, as one table.

It is the single source: the parser, the error messages and the README's table
all come from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import SettingsError
from .option_values import (
    anything,
    are_compressed_syntaxes,
    are_lossy_targets,
    are_ratios,
    between,
    is_forwarding,
    is_on_failure,
    is_saving,
    one_of,
)

SECTION = "Transcoder"

_BOOLEAN = "true or false"


@dataclass(frozen=True, slots=True)
class Option:
    """One option of the section.

    ``allowed`` says in words what ``types`` and ``accepts`` check.
    """

    name: str
    attribute: str
    types: tuple[type, ...]
    default: Any
    unit: str
    allowed: str
    accepts: Callable[[Any], bool]
    help: str

    def parse(self, value: object) -> Any:
        """Check one value from the JSON configuration.

        Raises
        ------
        SettingsError
            If its type or value is not allowed.
        """
        # A JSON true is an int for Python, and must not pass for a number.
        if type(value) not in self.types or not self.accepts(value):
            raise SettingsError(
                f'option "{SECTION}.{self.name}" is {value!r}; allowed: {self.allowed}'
            )
        return value


OPTIONS: tuple[Option, ...] = (
    Option(
        "NativeCallbacks",
        "native_callbacks",
        (bool,),
        True,
        "",
        _BOOLEAN,
        anything,
        "Register the transcoder with Orthanc's core. If false, or if the core's native "
        "interface cannot be proven safe, only received instances are transcoded.",
    ),
    Option(
        "Python",
        "python",
        (str,),
        "",
        "path",
        "an absolute path, or empty for the project's own virtual environment",
        lambda value: value == "" or Path(value).is_absolute(),
        "The Python interpreter of the worker processes, with numpy, pydicom and the codecs. "
        "If empty: `.venv/bin/python` beside the folder `plugin`.",
    ),
    Option(
        "Workers",
        "workers",
        (int,),
        0,
        "processes",
        "0 to 256; 0 means one for each core, as far as the memory allows",
        between(0, 256),
        "How many worker processes transcode at once. One more is for what somebody looks at, and "
        "one for the checks. 0: one for each core, but no more than can have their `WorkerMemory` "
        "at the same time.",
    ),
    Option(
        "Deadline",
        "deadline",
        (int,),
        60,
        "seconds",
        "1 to 86400",
        between(1, 86400),
        "Time that a transcoding may take before its worker is ended and the original is "
        "stored. One second more is granted for each 4 MB of the file.",
    ),
    Option(
        "QueueLimit",
        "queue_limit",
        (int,),
        1000,
        "requests",
        "0 to 1000000",
        between(0, 1_000_000),
        "How many transcodings may wait for a worker, and as many frames to be shown. Beyond "
        "that Orthanc is told at once that we do not transcode: the original is stored.",
    ),
    Option(
        "QueueSeconds",
        "queue_seconds",
        (int,),
        300,
        "seconds",
        "1 to 86400",
        between(1, 86400),
        "How long a request may wait for a worker before the original is stored.",
    ),
    Option(
        "WorkerMemory",
        "worker_memory",
        (int,),
        0,
        "MiB",
        "0, or 256 to 1048576; 0 means a share of the memory of the machine or container",
        lambda value: value == 0 or 256 <= value <= 1024 * 1024,
        "How much memory one worker may use. A file that takes more is declined and its worker "
        "replaced. 0: half of the memory divided by all workers, but at least 2048 or, if "
        "`MaximumImageSize` is set, 8 times that plus 256, and at most a third of the memory "
        "(half of it without checks).",
    ),
    Option(
        "MaximumImageSize",
        "maximum_image_size",
        (int,),
        0,
        "MiB",
        "0 to 1048576; 0 means 4096, as far as the memory of a worker goes",
        between(0, 1024 * 1024),
        "Images whose attributes promise more than this uncompressed are declined before anything "
        "is allocated for them. If it is set, each worker gets the memory that such an image "
        "needs, which may cost workers (see `WorkerMemory`).",
    ),
    Option(
        "RestrictTransferSyntaxes",
        "restrict",
        (list,),
        [],
        "",
        "a list of compressed transfer syntaxes, by UID or keyword; empty means all",
        are_compressed_syntaxes,
        "Only images that come in one of these syntaxes or uncompressed are touched, and only "
        "these are made. Everything else is left to Orthanc, but for its pictures.",
    ),
    Option(
        "OnlyIfSmaller",
        "only_if_smaller",
        (str, int, float, type(None)),
        "auto",
        "percent",
        '"auto", a number from 0 to 99, or null',
        is_saving,
        "At ingest into a compressed syntax, keep the original if the result is not smaller: "
        '`"auto"` asks that of uncompressed, deflated and lossy originals, so that who wants '
        "lossless ones in another lossless syntax gets them; a number asks that so many percent "
        "be saved, of all; null never asks. Who asks for a copy in a syntax gets it in any case.",
    ),
    Option(
        "UnusedBits",
        "unused_bits",
        (str,),
        "keep",
        "",
        '"keep", "mask" or "decline"',
        one_of("keep", "mask", "decline"),
        "What to do with an image that holds something in the bits above Bits Stored that is "
        "neither a sign nor an overlay, where the target cannot carry it. `keep`: keep the "
        "original where it would be replaced (at ingest), and drop those bits, as DICOM allows, "
        "where somebody asks for a copy in another syntax. `mask`: drop them everywhere. "
        "`decline`: never transcode such an image.",
    ),
    Option(
        "Lossy",
        "lossy",
        (bool,),
        False,
        "",
        _BOOLEAN,
        anything,
        "Allow lossy transcoding, where Orthanc is asked for a lossy transfer syntax and allows "
        "a new SOP Instance UID. If false, the syntaxes that may also hold lossless images "
        "(JPEG 2000 .91, HTJ2K .203, JPEG XL .112) are written losslessly, with the same SOP "
        "Instance UID, and JPEG .50 and .51 and JPEG-LS .81 are declined.",
    ),
    Option(
        "LossyTargets",
        "lossy_targets",
        (dict,),
        {},
        "",
        'an object from a lossy syntax to one of "Quality" (1 to 100), "PSNR" (dB), "Ratio" or '
        '"Near", such as {"JPEG2000": {"PSNR": 60}}',
        are_lossy_targets,
        "What lossy compression aims at, for each syntax. Elsewhere, Orthanc's "
        "`DicomLossyTranscodingQuality` applies.",
    ),
    Option(
        "LossyMaximumError",
        "maximum_error",
        (int,),
        0,
        "stored sample units",
        "0 to 65535; 0 means any",
        between(0, 65535),
        "No sample of a lossy image may differ by more than this from the original.",
    ),
    Option(
        "LossyMinimumPSNR",
        "minimum_psnr",
        (int, float),
        0,
        "dB over the range of the frame's own values",
        "0 to 200; 0 means any",
        between(0, 200),
        "No frame of a lossy image may have a lower peak signal-to-noise ratio.",
    ),
    Option(
        "LossyMaximumRatio",
        "maximum_ratio",
        (dict,),
        {"CT": 8, "CT/BRAIN": 5, "CT/HEAD": 5, "CR": 10, "DX": 10, "MG": 15, "MR": 7, "RF": 6,
         "XA": 6},
        "uncompressed size over compressed size",
        'an object from a Modality, or "Modality/Body Part Examined", to a number of at least 1',
        are_ratios,
        "No lossy image may be compressed by more than this. An image that misses a limit is "
        "compressed again at higher quality, then losslessly if the target may be lossless, "
        "else the original is kept.",
    ),
    Option(
        "JPEG2000Bypass",
        "bypass",
        (bool,),
        False,
        "",
        _BOOLEAN,
        anything,
        "Use JPEG 2000's arithmetic coding bypass: encoding is 1.1 to 1.5 times and decoding 1.1 "
        "to 1.7 times faster, and files are 2% smaller to 9% larger (nearly empty images: up to "
        "four times larger). Every JPEG 2000 decoder reads it.",
    ),
    Option(
        "JPEGXLEffort",
        "effort",
        (int,),
        3,
        "",
        "1 to 9",
        between(1, 9),
        "JPEG XL's effort: 1 is fastest, 9 gives the smallest files.",
    ),
    Option(
        "Proof",
        "proof",
        (str,),
        "second",
        "",
        '"second" or "own"',
        one_of("second", "own"),
        "Who decodes again what was encoded without loss. `second`: another program than the one "
        "that encoded, where there is one (see `docs/witnesses.md`); the report says which. `own`: "
        "always the codec itself.",
    ),
    Option(
        "SecondOpinion",
        "second_opinion",
        (str,),
        "cheap",
        "",
        '"cheap", "all" or "none"',
        one_of("cheap", "all", "none"),
        "Which compressed images must be read alike by two decoders before the result takes the "
        "original's place (at ingest); else the original is kept. `cheap`: RLE, HTJ2K, and JPEG "
        "lossless if pylibjpeg-libjpeg is installed; `all`: JPEG 2000, and JPEG-LS if it is, too. "
        "Lossy codestreams are never compared.",
    ),
    Option(
        "Forward",
        "forward",
        (dict,),
        {},
        "",
        'an object with "Peer" and, if wanted, "Level" ("Series" or "Instance"), "Transcode" '
        '(transfer syntax), "Delete" (true or false); empty means nowhere',
        is_forwarding,
        "Send everything that is stored on to this Orthanc peer, transcoded: a stable series, or "
        "each instance at once. With `Delete`, it is deleted here once the peer has stored it.",
    ),
    Option(
        "QualityChecks",
        "checks",
        (bool,),
        True,
        "",
        _BOOLEAN,
        anything,
        "Check every stored instance, after it was stored, at the lowest priority: see "
        "`docs/checks.md`. If false, nothing is checked; transcodings are recorded all the same.",
    ),
    Option(
        "QualityFailure",
        "on_failure",
        (dict,),
        {},
        "",
        'an object with one or more of "Label" (a label of Orthanc), "Peer" (an Orthanc peer), '
        'and, with "Peer", "Delete" (true or false); empty means nothing',
        is_on_failure,
        "What becomes of an instance whose verdict is FAIL: it gets a label (Orthanc 1.12.0 or "
        "later), it is sent to a peer, and, with `Delete`, it is deleted here once the peer has "
        "stored it (a quarantine).",
    ),
    Option(
        "ReportMetadata",
        "report_metadata",
        (int,),
        4206,
        "metadata number",
        "1024 to 65535",
        between(1024, 65535),
        "Number of the user-defined metadata, and attachment, that holds each instance's report; "
        "one that Orthanc's `UserMetadata` and `UserContentType` do not name.",
    ),
)  # fmt: skip
