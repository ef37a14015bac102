"""The choice of the target syntax."""

import pytest

from orthanc_transcoder import policy, syntaxes
from orthanc_transcoder.codec import uids
from orthanc_transcoder.errors import Declined
from orthanc_transcoder.model import Request

ENCODABLE = syntaxes.NATIVE | {uids.JPEG2000Lossless, uids.JPEGLSLossless, uids.JPEG2000}


@pytest.mark.parametrize(
    ("allowed", "chosen"),
    [
        ((uids.JPEG2000Lossless,), uids.JPEG2000Lossless),
        ((syntaxes.IMPLICIT_LE, syntaxes.EXPLICIT_LE), syntaxes.EXPLICIT_LE),
        ((uids.JPEG2000Lossless, syntaxes.IMPLICIT_LE), syntaxes.IMPLICIT_LE),
        ((uids.JPEG2000, uids.JPEG2000Lossless), uids.JPEG2000Lossless),
        ((uids.JPEGLSLossless, uids.JPEG2000Lossless), uids.JPEG2000Lossless),
        ((uids.RLELossless, uids.JPEGLSLossless), uids.JPEGLSLossless),
    ],
)
def test_the_preferred_syntax_is_chosen(allowed: tuple[str, ...], chosen: str) -> None:
    assert policy.choose(Request(allowed), ENCODABLE) == chosen


@pytest.mark.parametrize(
    ("allowed", "code"),
    [
        ((), "no_target"),
        ((uids.RLELossless,), "no_target"),
        (("1.2.3",), "no_target"),
        ((uids.JPEG2000,), "lossy_not_offered"),
    ],
)
def test_what_cannot_be_written_is_declined(allowed: tuple[str, ...], code: str) -> None:
    with pytest.raises(Declined) as caught:
        policy.choose(Request(allowed), ENCODABLE)
    assert caught.value.code == code


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
