"""The choice of the target syntax."""

from typing import Any

import pytest

from orthanc_transcoder import policy, syntaxes
from orthanc_transcoder.codec import uids
from orthanc_transcoder.errors import Declined
from orthanc_transcoder.model import Outcome, Report, Request, Rules
from orthanc_transcoder.policy import Mode

ENCODABLE = frozenset(syntaxes.KEYWORDS.values()) - {uids.JPEG2000MC, uids.JPEG2000MCLossless}
LOSSY = Rules(lossy=True)


def chosen(request: Request, rules: Rules = LOSSY, **image: Any) -> list[tuple[str, Mode]]:
    targets = policy.choose(request, rules, ENCODABLE, **image)
    return [(target.syntax, target.mode) for target in targets]


@pytest.mark.parametrize(
    ("allowed", "best"),
    [
        ((uids.JPEG2000Lossless,), uids.JPEG2000Lossless),
        ((syntaxes.IMPLICIT_LE, syntaxes.EXPLICIT_LE), syntaxes.EXPLICIT_LE),
        ((uids.JPEG2000Lossless, syntaxes.IMPLICIT_LE), syntaxes.IMPLICIT_LE),
        ((uids.JPEG2000, uids.JPEG2000Lossless), uids.JPEG2000Lossless),
        ((uids.JPEGLSLossless, uids.JPEG2000Lossless), uids.JPEG2000Lossless),
        ((uids.RLELossless, uids.JPEGLSLossless), uids.JPEGLSLossless),
        ((syntaxes.EXPLICIT_BE, uids.RLELossless), uids.RLELossless),
        ((syntaxes.EXPLICIT_BE,), syntaxes.EXPLICIT_BE),
        ((syntaxes.EXPLICIT_BE, uids.JPEGBaseline8Bit), syntaxes.EXPLICIT_BE),
    ],
)
def test_the_preferred_syntax_comes_first(allowed: tuple[str, ...], best: str) -> None:
    assert chosen(Request(allowed))[0][0] == best
    assert chosen(Request(tuple(reversed(allowed))))[0][0] == best


def test_lossy_is_never_chosen_beside_anything_else() -> None:
    everything = tuple(ENCODABLE)
    assert not [mode for _, mode in chosen(Request(everything)) if mode is Mode.LOSSY]


@pytest.mark.parametrize("syntax", sorted(syntaxes.LOSSY_METHODS))
def test_lossy_is_chosen_where_it_is_all_that_is_allowed(syntax: str) -> None:
    assert chosen(Request((syntax,))) == [(syntax, Mode.LOSSY)]


@pytest.mark.parametrize(
    ("rules", "new_uid", "image", "code"),
    [
        (Rules(), True, {}, "lossy_off"),
        (LOSSY, False, {}, "lossy_forbidden"),
        (LOSSY, True, {"palette": True}, "lossy_palette"),
        (Rules(), True, {"palette": True}, "lossy_palette"),
    ],
)
@pytest.mark.parametrize("syntax", sorted(syntaxes.LOSSY_METHODS))
def test_where_lossy_may_not_be_the_target_is_lossless_or_nothing(
    syntax: str, rules: Rules, new_uid: bool, image: dict[str, bool], code: str
) -> None:
    request = Request((syntax,), allow_new_sop_instance_uid=new_uid)
    if syntax in syntaxes.REVERSIBLE_TWIN and not image:
        assert chosen(request, rules, **image) == [(syntax, Mode.LOSSLESS)]
    else:
        with pytest.raises(Declined) as caught:
            chosen(request, rules, **image)
        assert caught.value.code == code


def test_a_jpeg_is_repacked_before_it_is_recoded() -> None:
    request = Request((uids.JPEG2000Lossless, uids.JPEGXLJPEGRecompression))
    packed = uids.JPEGXLJPEGRecompression
    first, *_ = chosen(request, repackable={packed})
    assert first == (packed, Mode.REPACK)
    assert chosen(request)[0] == (uids.JPEG2000Lossless, Mode.LOSSLESS)


@pytest.mark.parametrize("allowed", [(), (uids.JPEG2000MC,), ("1.2.3",)])
def test_what_cannot_be_written_is_declined(allowed: tuple[str, ...]) -> None:
    with pytest.raises(Declined) as caught:
        chosen(Request(allowed))
    assert caught.value.code == "no_target"


def test_syntaxes_are_named_by_uid_or_keyword() -> None:
    assert syntaxes.resolve("JPEG2000Lossless") == "1.2.840.10008.1.2.4.90"
    assert syntaxes.resolve("1.2.840.10008.1.2.4.90") == "1.2.840.10008.1.2.4.90"
    assert syntaxes.resolve("ExplicitVRLittleEndian") == "1.2.840.10008.1.2.1"
    with pytest.raises(ValueError, match="JPEG2000Lossless"):
        syntaxes.resolve("jpeg2000")


def test_keywords_are_those_of_pydicom() -> None:
    from pydicom import uid  # noqa: PLC0415

    for keyword, value in syntaxes.KEYWORDS.items():
        # pydicom knows no JPEG XL.
        if not keyword.startswith("JPEGXL"):
            assert getattr(uid, keyword) == value


def result(source: str, target: str, source_bytes: int, result_bytes: int) -> Report:
    return Report(
        Outcome.TRANSCODED,
        sop_instance_uid="1.2",
        result_sop_instance_uid="1.2",
        source_syntax=source,
        target_syntax=target,
        source_bytes=source_bytes,
        result_bytes=result_bytes,
        frames=1,
        verified=True,
    )


J2K, JLS, JPEG = uids.JPEG2000Lossless, uids.JPEGLSLossless, uids.JPEGBaseline8Bit
NATIVE, DEFLATED = syntaxes.EXPLICIT_LE, syntaxes.DEFLATED_LE


@pytest.mark.parametrize(
    ("source", "target", "sizes", "wanted", "kept"),
    [
        (JPEG, J2K, (225, 715), "auto", True),
        (JPEG, J2K, (225, 225), "auto", True),
        (JPEG, J2K, (225, 224), "auto", False),
        (JPEG, J2K, (225, 715), None, False),
        (NATIVE, J2K, (100, 101), "auto", True),
        (DEFLATED, J2K, (100, 101), "auto", True),
        (JLS, J2K, (100, 150), "auto", False),
        (JLS, J2K, (100, 150), 0, True),
        (JLS, J2K, (100, 96), 5, True),
        (JLS, J2K, (100, 95), 5, False),
        (NATIVE, J2K, (100, 90), 20.5, True),
        (JPEG, NATIVE, (100, 900), "auto", False),
        (JPEG, NATIVE, (100, 900), 50, False),
    ],
)
def test_what_saves_nothing_takes_no_originals_place(
    source: str, target: str, sizes: tuple[int, int], wanted: str | float | None, kept: bool
) -> None:
    report = result(source, target, *sizes)
    found = policy.kept_unless_smaller(report, wanted)
    if not kept:
        assert found is report
        return
    assert (found.outcome, found.code) == (Outcome.KEPT, "not_smaller")
    assert (found.source_bytes, found.larger_bytes, found.result_bytes) == (*sizes, 0)
    assert all(str(size) in found.reason for size in sizes)
    assert not found.verified
    assert found.target_syntax == ""


@pytest.mark.parametrize("outcome", [Outcome.KEPT, Outcome.DECLINED, Outcome.FAILED])
def test_what_is_kept_already_is_not_asked(outcome: Outcome) -> None:
    report = Report(outcome, source_bytes=1, result_bytes=2, frames=1)
    assert policy.kept_unless_smaller(report, 50) is report
