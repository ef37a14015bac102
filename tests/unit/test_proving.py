"""A result is believed when another decoder reads the same samples from it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from orthanc_transcoder import syntaxes
from orthanc_transcoder.codec import uids
from orthanc_transcoder.codec.contract import Decoded, Independence
from orthanc_transcoder.codec.registry import Registry
from orthanc_transcoder.errors import CodecError, Declined
from orthanc_transcoder.model import Outcome, Report, Request, Rules
from orthanc_transcoder.pipeline import transcode
from tests.support.decoders import REAL, Told, one_sample_off, raising, registry_with
from tests.synthesis import Image, native_file

ONE = native_file(Image(20, 30, bits_stored=12))
THREE = native_file(Image(20, 30, bits_stored=12, frames=3))
TARGETS = (uids.RLELossless, uids.JPEGLSLossless, uids.JPEG2000Lossless, uids.HTJ2KLossless)
EVERY = pytest.mark.parametrize("target", TARGETS)


def done(
    content: bytes,
    target: str,
    registry: Registry = REAL,
    *,
    proof: str = "second",
    threads: int = 1,
) -> tuple[bytes | None, Report]:
    return transcode(content, Request((target,)), Rules(proof=proof), registry, threads)


def proof_of(
    content: bytes, target: str, registry: Registry = REAL, *, proof: str = "second"
) -> dict[str, Any]:
    result, report = done(content, target, registry, proof=proof)
    assert result is not None
    assert report.verified
    assert Report.from_json(report.to_json()) == report
    return report.proof


@EVERY
def test_a_witness_that_agrees_is_named(target: str) -> None:
    told = Told(target)
    assert proof_of(THREE, target, registry_with(told, target)) == {
        "by": "told",
        "version": "7",
        "independence": "implementation",
        "frames": 3,
    }
    assert len(told.asked) == 3


def differs_in_type(decoded: Decoded) -> Decoded:
    return dataclasses.replace(decoded, samples=decoded.samples.astype("i4"))


def differs_in_colour(decoded: Decoded) -> Decoded:
    return dataclasses.replace(decoded, photometric="MONOCHROME1")


@EVERY
@pytest.mark.parametrize(
    "answer",
    [
        one_sample_off,
        differs_in_type,
        differs_in_colour,
        raising(CodecError("damaged_codestream", "nonsense")),
        raising(Declined("codec_refuses", "not for me")),
    ],
)
@pytest.mark.parametrize("beside", [False, True])
def test_a_witness_that_disagrees_fails_the_proof(
    target: str, answer: object, beside: bool
) -> None:
    told = Told(target, answer)  # type: ignore[arg-type]
    result, report = done(THREE, target, registry_with(told, target, beside=beside))
    assert result is None
    assert (report.outcome, report.code) == (Outcome.FAILED, "not_lossless")
    assert "told" in report.reason
    assert len(told.asked) == 1  # nobody is asked until someone agrees


def test_an_encoder_that_reads_its_own_mistake_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Encoder and decoder of one library share a mistake; the witness does not."""
    codec = REAL.encoder(uids.RLELossless)
    encode, decode = type(codec).encode, type(codec).decode
    monkeypatch.setattr(
        type(codec), "encode", lambda self, samples, *rest: encode(self, samples ^ 1, *rest)
    )

    def own(self: object, *rest: object) -> Decoded:
        decoded = decode(self, *rest)  # type: ignore[arg-type]
        return dataclasses.replace(decoded, samples=decoded.samples ^ 1)  # type: ignore[operator]

    monkeypatch.setattr(type(codec), "decode", own)
    assert done(ONE, uids.RLELossless, proof="own")[0] is not None
    result, report = done(ONE, uids.RLELossless)
    assert (result, report.code) == (None, "not_lossless")
    assert "pylibjpeg/rle" in report.reason


def test_one_that_holds_the_lock_proves_the_first_frame_of_several() -> None:
    target = uids.JPEG2000Lossless
    told = Told(target, holds_lock=True)
    registry = registry_with(told, target, Independence.BUILD)
    found = {"by": "told", "version": "7", "independence": "build", "frames": 1}
    assert proof_of(THREE, target, registry) == {**found, "others": "imagecodecs/openjpeg"}
    assert proof_of(ONE, target, registry) == found


def test_own_asks_nobody_else() -> None:
    told = Told(uids.RLELossless)
    found = proof_of(THREE, uids.RLELossless, registry_with(told, uids.RLELossless), proof="own")
    assert found == {
        "by": "imagecodecs/packbits",
        "version": REAL.encoder(uids.RLELossless).version,
        "independence": "none",
        "frames": 3,
        "reason": 'Proof is "own"',
    }
    assert told.asked == []


def test_where_a_witness_is_missing_the_report_says_so() -> None:
    found = proof_of(ONE, uids.RLELossless, registry_with("libfoo", uids.RLELossless))
    assert (found["by"], found["independence"]) == ("imagecodecs/packbits", "none")
    assert found["reason"] == "libfoo: libfoo"


@pytest.mark.parametrize(
    ("target", "by", "independence"),
    [
        (uids.RLELossless, "pylibjpeg/rle", "implementation"),
        (uids.JPEGLossless, "imagecodecs/liblj92", "implementation"),
        (uids.JPEGLosslessSV1, "imagecodecs/liblj92", "implementation"),
        (uids.HTJ2KLossless, "imagecodecs/openjpeg", "implementation"),
        (uids.HTJ2KLosslessRPCL, "imagecodecs/openjpeg", "implementation"),
        (uids.HTJ2K, "imagecodecs/openjpeg", "implementation"),
        (uids.JPEG2000Lossless, "pylibjpeg/openjpeg", "build"),
        (uids.JPEG2000, "pylibjpeg/openjpeg", "build"),
        (uids.JPEGXLLossless, "imagecodecs/libjxl", "none"),
    ],
)
@pytest.mark.parametrize(
    "image",
    [
        Image(40, 50, bits_stored=12),
        Image(40, 50, bits_stored=16, signed=True),
        Image(40, 50, samples=3, bits_allocated=8, photometric="RGB"),
    ],
    ids=["12", "signed", "RGB"],
)
def test_who_proves_what(target: str, by: str, independence: str, image: Image) -> None:
    found = proof_of(native_file(image), target)
    assert (found["by"], found["independence"], found["frames"]) == (by, independence, 1)


def test_threads_change_nothing() -> None:
    one, report = done(THREE, uids.JPEG2000Lossless)
    several, other = done(THREE, uids.JPEG2000Lossless, threads=3)
    assert one == several
    assert report.proof == other.proof


def test_what_is_not_encoded_without_loss_has_no_such_proof() -> None:
    compressed, _ = done(ONE, uids.RLELossless)
    assert compressed is not None
    assert done(compressed, syntaxes.EXPLICIT_LE)[1].proof == {}
    rules = Rules(lossy=True)
    eight = native_file(Image(20, 30, bits_allocated=8))
    _, report = transcode(eight, Request((uids.JPEGBaseline8Bit,)), rules, REAL)
    assert (report.outcome, report.proof) == (Outcome.TRANSCODED, {})
