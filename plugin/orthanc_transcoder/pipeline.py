"""One file through: parse, decode, encode, prove, write.

Nothing is returned that was not proven: see ``coding`` for the frames and
``proof`` for the file. Whatever goes wrong becomes a report, and the caller
keeps the original.
"""

from __future__ import annotations

import dataclasses
import time

from . import parallel, peek, policy
from .codec.registry import Registry
from .conversions import METHODS, Job, Result, reencode
from .dicom import signatures
from .dicom.elements import tag_name
from .dicom.file import DicomFile
from .dicom.identity import orthanc_identifier
from .dicom.image import describe
from .errors import Declined, DicomError, Refusal
from .model import Outcome, Report, Request, Rules
from .policy import Target
from .quality.checks.table import found
from .quality.findings import Finding
from .quality.inspection import inspect, inspect_received

# Orthanc counts the bytes of a result in 32 bits.
MAX_RESULT_BYTES = 2**32 - 1
# A variant of a codestream that nothing here reads; for all that is known it is sound.
_NO_FAILURE = frozenset(("unsupported_codestream",))

Data = bytes | bytearray | memoryview


def transcode(
    data: Data, request: Request, rules: Rules, registry: Registry, threads: int = 1
) -> tuple[bytes | None, Report]:
    """Transcode one DICOM file, with so many threads; whatever goes wrong becomes a report.

    Returns
    -------
    tuple
        The new file, or None if the original must be kept; and the report.
    """
    started = time.monotonic()
    report = Report(Outcome.FAILED, source_bytes=len(data))
    result: bytes | None = None
    file: DicomFile | None = None
    try:
        file = DicomFile.parse(memoryview(data))
        report = dataclasses.replace(
            report,
            sop_instance_uid=file.sop_instance_uid,
            result_sop_instance_uid=file.sop_instance_uid,
            source_syntax=file.syntax,
            instance=orthanc_identifier(file),
        )
        _check_group2(file, peek.transfer_syntax(memoryview(data)))
        result, report = _transcode(file, report, request, rules, registry, threads)
    except Declined as refusal:
        report = _refused(report, Outcome.DECLINED, refusal)
    except Refusal as refusal:
        outcome = Outcome.DECLINED if refusal.code in _NO_FAILURE else Outcome.FAILED
        report = _refused(report, outcome, refusal)
    except MemoryError:
        raise  # whoever runs this must give up what is left
    except Exception as error:  # noqa: BLE001
        # The last border of a job: a defect of ours, or of a library, costs
        # this job only, and is named.
        text = f"{type(error).__name__}: {error}"
        report = _refused(report, Outcome.FAILED, Refusal("internal_error", text))
    if request.replaces and rules.checks:
        wrong = _received(file, report) if file else inspect(data, registry).findings
        report = dataclasses.replace(report, received=wrong)
    elapsed = (time.monotonic() - started) * 1000
    return result, dataclasses.replace(report, milliseconds=round(elapsed, 1))


def _check_group2(file: DicomFile, seen: str) -> None:
    """A damaged group 2 may name one transfer syntax to us, and another to Orthanc."""
    if seen not in ("", file.syntax):
        sentence = f"Group 2 is damaged: the transfer syntax is {file.syntax}, or {seen}."
        raise DicomError("damaged_group2", sentence)


def _refused(report: Report, outcome: Outcome, refusal: Refusal) -> Report:
    return dataclasses.replace(report, outcome=outcome, code=refusal.code, reason=refusal.reason)


def _received(file: DicomFile, report: Report) -> tuple[Finding, ...]:
    """What is wrong with the source, if it was not merely kept."""
    if report.outcome is Outcome.KEPT:
        return ()
    said = {**report.doubts, report.code: report.reason}
    return (*inspect_received(file, said), *report.received)


def _transcode(
    file: DicomFile,
    report: Report,
    request: Request,
    rules: Rules,
    registry: Registry,
    threads: int,
) -> tuple[bytes | None, Report]:
    if file.syntax in request.allowed:
        reason = "The file is in an allowed transfer syntax already."
        return None, _refused(report, Outcome.KEPT, Refusal("same_syntax", reason))
    target, result = _convert(file, request, rules, registry, threads)
    if len(result.data) > MAX_RESULT_BYTES:
        raise Declined("result_too_large", "The result is over 4 GiB, more than Orthanc takes.")
    return result.data, dataclasses.replace(
        report,
        outcome=Outcome.TRANSCODED,
        result_sop_instance_uid=result.sop_instance_uid,
        target_syntax=target,
        result_bytes=len(result.data),
        frames=result.frames,
        verified=True,
        lossy=result.lossy,
        measures=result.measures,
        frame_measures=result.frame_measures,
        evidence=result.evidence,
        parameters=result.parameters,
        codec=result.codec,
        codec_version=result.codec_version,
        notes=result.notes,
        doubts=result.doubts,
        proof=result.proof,
        second_opinion=result.second_opinion,
        received=(*result.findings, *_broken_signatures(file, result.data)),
    )


def _broken_signatures(file: DicomFile, data: bytes) -> tuple[Finding, ...]:
    if not signatures.signed(file):
        return ()
    broken = signatures.broken_by(file, DicomFile.parse(memoryview(data)))
    if not broken:
        return ()
    sentence = "It covers what was written anew, and cannot be verified any more."
    return (found("digital_signature", sentence, ", ".join(map(tag_name, broken))),)


def _convert(
    file: DicomFile, request: Request, rules: Rules, registry: Registry, threads: int
) -> tuple[str, Result]:
    policy.check_source(file.syntax, rules)
    try:
        image = describe(file)
    except Declined as refusal:
        # No image that could be touched; but the data set around it may be
        # wanted in another syntax, and that touches nothing.
        bare = refusal.code == "no_pixel_data"
        if target := policy.choose_data_set(file.syntax, request, bare=bare):
            return target, reencode(file, target)
        raise
    policy.check_size(image.frame_bytes * image.frames, rules.maximum_image_bytes)
    targets = policy.choose(
        request,
        rules,
        policy.unrestricted(registry.encodable, rules),
        policy.unrestricted(registry.repackable(file.syntax), rules),
        palette=image.photometric == "PALETTE COLOR",
    )
    affordable = parallel.affordable(threads, image.frames, image.frame_bytes)
    job = Job(file, image, rules, registry, affordable, request.replaces)
    chosen, result = _first_possible(job, targets)
    return chosen.syntax, result


def _first_possible(job: Job, targets: list[Target]) -> tuple[Target, Result]:
    """Try the targets in order; one that a codec cannot carry is no failure yet."""
    refusals: list[Declined] = []
    for target in targets:
        try:
            return target, METHODS[target.mode](job, target.syntax)
        except Declined as refusal:
            refusals.append(refusal)
    raise refusals[0]
