"""Which transfer syntax an image is transcoded to, if any, and how.

Pure: the answer depends on the arguments alone. The rules:

- A file that is already in an allowed syntax is kept, byte for byte (and does
  not get here).
- Among several allowed syntaxes the first of ``_PREFERENCE`` wins: native
  before compressed, since the receiver certainly reads it; explicit before
  implicit, since it says more; then lossless codecs; Big Endian, which is
  retired, after all of them.
- A JPEG whose receiver takes it repacked as JPEG XL, or the other way round, is
  repacked, which loses nothing, before any lossless codec is thought of.
- Lossy only where nothing else is allowed, the settings permit it, the caller
  allows a new SOP Instance UID, and the samples are no indices into a palette.
- What is in doubt takes no original's place (see ``reading``), nor what saves nothing.
- A lossy syntax that may hold a lossless image holds one where lossy may not be;
  but never a palette, which PS3.5 table 8.2.4-1 allows in lossless-only syntaxes.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import Enum, auto

from . import syntaxes
from .codec import uids
from .errors import Declined
from .model import Outcome, Report, Request, Rules

_PREFERENCE = (
    syntaxes.EXPLICIT_LE,
    syntaxes.IMPLICIT_LE,
    uids.JPEG2000Lossless,
    uids.HTJ2KLossless,
    uids.HTJ2KLosslessRPCL,
    uids.JPEGLSLossless,
    uids.JPEGLosslessSV1,
    uids.JPEGLossless,
    uids.JPEGXLLossless,
    uids.RLELossless,
    syntaxes.DEFLATED_LE,
    syntaxes.EXPLICIT_BE,
    uids.JPEG2000,
    uids.HTJ2K,
    uids.JPEGXL,
    uids.JPEGLSNearLossless,
    uids.JPEGExtended12Bit,
    uids.JPEGBaseline8Bit,
)


# What can be written, where the codecs for it are there.
WRITABLE = frozenset(_PREFERENCE) | {uids.JPEGXLJPEGRecompression}
_LITTLE_ENDIAN = syntaxes.NATIVE - {syntaxes.EXPLICIT_BE}


class Mode(Enum):
    """How a target is reached."""

    NATIVE = auto()
    REPACK = auto()
    LOSSLESS = auto()
    LOSSY = auto()


@dataclass(frozen=True, slots=True)
class Target:
    """The decision."""

    syntax: str
    mode: Mode


def choose(
    request: Request,
    rules: Rules,
    encodable: Collection[str],
    repackable: Collection[str] = (),
    palette: bool = False,
) -> list[Target]:
    """The targets of an image whose own syntax is not allowed, best first.

    Parameters
    ----------
    encodable
        Syntaxes that the codecs here can write.
    repackable
        Syntaxes that the image's own frames can be repacked to.
    palette
        Whether the samples are indices into a palette.

    Returns
    -------
    list
        Never empty. A later one is for an image that the codec of an earlier
        one cannot carry.

    Raises
    ------
    Declined
        If no allowed syntax can be written.
    """
    allowed = sorted(set(request.allowed), key=_rank)
    targets = [Target(uid, Mode.NATIVE) for uid in allowed if uid in syntaxes.NATIVE]
    repacked = [Target(uid, Mode.REPACK) for uid in allowed if uid in repackable]
    coded = [uid for uid in allowed if uid in encodable and uid not in repackable]
    lossless = [Target(uid, Mode.LOSSLESS) for uid in coded if uid in syntaxes.LOSSLESS]
    lossy = [uid for uid in coded if uid in syntaxes.LOSSY_METHODS]
    found = _with_retired_last(targets, repacked + lossless)
    if not found and lossy:
        found = _lossy(lossy, request, rules, palette)
    if not found:
        names = ", ".join(request.allowed) or "none"
        raise Declined("no_target", f"None of the allowed syntaxes can be written: {names}.")
    return found


def check_source(source: str, rules: Rules) -> None:
    """Decline a compressed file whose syntax the settings exclude."""
    if rules.restrict and source not in syntaxes.NATIVE | set(rules.restrict):
        raise Declined("restricted", f"The settings exclude transfer syntax {source}.")


def check_size(size: int, maximum: int) -> None:
    """Decline an image of more bytes than the settings allow, before it is decoded."""
    if size > maximum:
        raise Declined(
            "image_too_large",
            f"The image has {size >> 20} MiB uncompressed, more than the {maximum >> 20} MiB of "
            "MaximumImageSize.",
        )


def kept_if_in_doubt(report: Report) -> Report:
    """The report of a file that shall take the place of its source.

    Where the reading of the source is in doubt, that is the report of an original
    that is kept; else the very same.
    """
    if report.outcome is not Outcome.TRANSCODED or not report.doubts:
        return report
    code, reason = next(iter(report.doubts.items()))
    return _kept(report, Outcome.DECLINED, code, reason)


def _kept(report: Report, outcome: Outcome, code: str, reason: str) -> Report:
    """The report of an original that is kept instead of a result."""
    return Report(
        outcome,
        code=code,
        reason=reason,
        sop_instance_uid=report.sop_instance_uid,
        result_sop_instance_uid=report.sop_instance_uid,
        source_syntax=report.source_syntax,
        source_bytes=report.source_bytes,
        milliseconds=report.milliseconds,
        notes=report.notes,
        doubts=report.doubts,
        second_opinion=report.second_opinion,
        instance=report.instance,
    )


def kept_unless_smaller(report: Report, wanted: str | float | None) -> Report:
    """The report of a file that shall take the place of its source, and save space by it.

    Parameters
    ----------
    wanted
        Percentage of the source's size that must be saved; ``auto``: something, unless
        the source is compressed losslessly already; None: nothing.
    """
    if report.outcome is not Outcome.TRANSCODED or wanted is None:
        return report
    if report.target_syntax in syntaxes.NATIVE or not report.frames:
        return report
    compressed = report.source_syntax in syntaxes.LOSSLESS - syntaxes.NATIVE
    if wanted == "auto" and compressed:
        return report
    saved = 1 - report.result_bytes / report.source_bytes
    if saved > 0 and (wanted == "auto" or saved * 100 >= float(wanted)):
        return report
    reason = (
        f"The result has {report.result_bytes} bytes, the original {report.source_bytes}: "
        "not enough is saved (OnlyIfSmaller)."
    )
    return replace(
        _kept(report, Outcome.KEPT, "not_smaller", reason), larger_bytes=report.result_bytes
    )


def unrestricted(candidates: Collection[str], rules: Rules) -> Collection[str]:
    """The candidates that the settings do not exclude."""
    if not rules.restrict:
        return candidates
    return [uid for uid in candidates if uid in rules.restrict]


def choose_data_set(source: str, request: Request, *, bare: bool = False) -> str:
    """The target of a file without an image to transcode; empty if it stays as it is.

    Only among the little-endian native syntaxes: there the pixel data that
    some such files have after all (floats, single bits) keeps its bytes. What is
    ``bare`` of any may be labelled with a compressed syntax, too, if it is asked for.
    """
    allowed = sorted(set(request.allowed), key=_rank)
    native = [uid for uid in allowed if uid in _LITTLE_ENDIAN]
    if native and source in _LITTLE_ENDIAN:
        return native[0]
    if bare and request.relabel:
        return next((uid for uid in allowed if uid != syntaxes.EXPLICIT_BE), "")
    return ""


def _with_retired_last(native: list[Target], others: list[Target]) -> list[Target]:
    rest = (syntaxes.DEFLATED_LE, syntaxes.EXPLICIT_BE)
    first = [target for target in native if target.syntax not in rest]
    return first + others + [target for target in native if target.syntax in rest]


def _lossy(lossy: list[str], request: Request, rules: Rules, palette: bool) -> list[Target]:
    if refusal := _why_not_lossy(request, rules, palette):
        found = [Target(uid, Mode.LOSSLESS) for uid in lossy if uid in syntaxes.REVERSIBLE_TWIN]
        if palette or not found:
            raise refusal
        return found
    return [Target(uid, Mode.LOSSY) for uid in lossy]


def _why_not_lossy(request: Request, rules: Rules, palette: bool) -> Declined | None:
    if palette:
        return Declined("lossy_palette", "Only lossy syntaxes are allowed, and hold no palette.")
    if not rules.lossy:
        return Declined("lossy_off", "Only lossy syntaxes are allowed, and lossy is switched off.")
    if not request.allow_new_sop_instance_uid:
        return Declined(
            "lossy_forbidden", "A lossy image needs a new SOP Instance UID, which is not allowed."
        )
    return None


def _rank(uid: str) -> int:
    return _PREFERENCE.index(uid) if uid in _PREFERENCE else len(_PREFERENCE)
