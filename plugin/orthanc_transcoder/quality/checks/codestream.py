"""What a codestream says of itself, against the data set around it (PS3.5 8.2).

Only marker segments are read, and whether or not the samples can be decoded: a
codestream of the wrong size may be beyond the decoder, and this says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from ... import syntaxes
from ...codec import j2k_codestream, jpeg_codestream, jxl_codestream, uids
from ...codec.checks import StreamFormat
from ...dicom.image import Image
from ...errors import CodecError
from ..findings import Finding
from .table import found

_PHOTOMETRIC: Final = "PhotometricInterpretation"
_JPEG_PROCESSES: Final = {
    uids.JPEGBaseline8Bit: (jpeg_codestream.SOF_BASELINE,),
    uids.JPEGExtended12Bit: (jpeg_codestream.SOF_BASELINE, jpeg_codestream.SOF_EXTENDED),
    uids.JPEGLossless: (jpeg_codestream.SOF_LOSSLESS,),
    uids.JPEGLosslessSV1: (jpeg_codestream.SOF_LOSSLESS,),
    uids.JPEGLSLossless: (jpeg_codestream.SOF_LS,),
    uids.JPEGLSNearLossless: (jpeg_codestream.SOF_LS,),
}
_HIGH_THROUGHPUT: Final = (uids.HTJ2KLossless, uids.HTJ2KLosslessRPCL, uids.HTJ2K)
_WAVELET: Final = (
    uids.JPEG2000Lossless, uids.JPEG2000, uids.JPEG2000MCLossless, uids.JPEG2000MC,
    *_HIGH_THROUGHPUT,
)  # fmt: skip
_JPEG_XL: Final = (uids.JPEGXLLossless, uids.JPEGXLJPEGRecompression, uids.JPEGXL)
_RPCL: Final = 2
# What readers take for RGB once the codestream's own transform is undone.
_DECODED_TO_RGB: Final = ("RGB", "YBR_RCT", "YBR_ICT")
_RGB_IDENTIFIERS: Final = tuple(b"RGB")


@dataclass(frozen=True, slots=True)
class Stream:
    """What the markers of one frame say.

    Attributes
    ----------
    lossy
        Whether it was coded irreversibly.
    signed
        None where such codestreams have no sign.
    colour
        What is wrong with the header's colour space; empty where nothing is.
    label
        The same where every reader undoes the codestream's own transform, whatever the
        header calls it.
    kind
        What is wrong with the transfer syntax.
    private
        Number of HP's colour transform, which JPEG-LS does not know.
    shifted
        Low bits that a lossless JPEG's point transform leaves out.
    """

    format: StreamFormat
    lossy: bool
    signed: bool | None = None
    colour: str = ""
    label: str = ""
    kind: str = ""
    private: int = 0
    wrapped: bool = False
    shifted: int = 0
    trailing: bool = False


def read(frame: bytes, image: Image) -> Stream | None:
    """Read the markers; None where there are none (RLE), or they are damaged."""
    try:
        reader = _READERS.get(image.syntax)
        return reader(frame, image) if reader else None
    except CodecError:
        return None


def compare(stream: Stream, image: Image, where: str) -> Iterator[Finding]:
    """Report where a frame's codestream and the data set disagree."""
    yield from _numbers(stream, image, where)
    if stream.colour:
        yield found("colour_disagrees", stream.colour, where)
    if stream.label:
        yield found("colour_label", stream.label, where)
    if stream.kind:
        yield found("codestream_kind", stream.kind, where)
    if stream.lossy and image.syntax in syntaxes.LOSSLESS:
        sentence = f"The codestream is lossy, and transfer syntax {image.syntax} is not."
        yield found("lossy_in_lossless", sentence, where)
    if stream.shifted:
        sentence = f"The lowest {stream.shifted} bits of each sample are not coded, but zero."
        yield found("point_transform", sentence, where)
    if stream.private:
        sentence = f"Its colours went through HP's transform {stream.private}."
        yield found("private_transform", sentence, where)
    if stream.wrapped:
        yield found("codestream_wrapped", "The codestream lies in a JP2 file.", where)
    if stream.trailing:
        yield found("trailing_bytes", "Something follows the codestream's end marker.", where)


def _numbers(stream: Stream, image: Image, where: str) -> Iterator[Finding]:
    own = stream.format
    rows = [
        ("size_disagrees", "Rows", image.rows, own.rows),
        ("size_disagrees", "Columns", image.columns, own.columns),
        ("samples_disagree", "Samples per Pixel", image.samples_per_pixel, own.components),
        ("depth_disagrees", "Bits Stored", image.bits_stored, own.bits),
    ]
    if stream.signed is not None:
        own_sign = int(stream.signed)
        rows.append(("sign_label", "Pixel Representation", image.pixel_representation, own_sign))
    for code, name, says, is_ in rows:
        if says != is_:
            sentence = f"{name} is {says} in the data set and {is_} in the codestream."
            yield found(code, sentence, where)


def _wavelet(frame: bytes, image: Image) -> Stream:
    stream = j2k_codestream.parse(frame)
    start = frame.find(stream.data)
    colour = _wavelet_colour(stream, image)
    transformed = stream.multiple_component_transform == 1
    harmless = transformed and image.photometric in _DECODED_TO_RGB
    return Stream(
        stream.format,
        lossy=not stream.reversible,
        signed=stream.format.signed,
        colour="" if harmless else colour,
        label=colour if harmless else "",
        kind=_wavelet_kind(stream, image.syntax),
        wrapped=start > 0,
        trailing=start == 0 and _trails(frame, len(stream.data)),
    )


def _wavelet_colour(stream: j2k_codestream.Codestream, image: Image) -> str:
    claimed = image.photometric
    if stream.format.components != 3:
        return ""
    if stream.multiple_component_transform == 1:
        right = "YBR_RCT" if stream.reversible else "YBR_ICT"
        return "" if claimed == right else f"It is {claimed}, of a codestream in {right}."
    if claimed in ("YBR_RCT", "YBR_ICT"):
        return f"It is {claimed}, of a codestream without colour transform."
    return ""


def _wavelet_kind(stream: j2k_codestream.Codestream, syntax: str) -> str:
    if stream.high_throughput != (syntax in _HIGH_THROUGHPUT):
        kind = "an HTJ2K" if stream.high_throughput else "a JPEG 2000"
        return f"It is {kind} codestream, under transfer syntax {syntax}."
    if syntax == uids.HTJ2KLosslessRPCL and stream.progression != _RPCL:
        return "Its progression order is not RPCL."
    if syntax == uids.HTJ2KLosslessRPCL and not stream.tile_part_lengths:
        return "It has no TLM marker segment."
    return ""


def _jpeg(frame: bytes, image: Image) -> Stream:
    stream = jpeg_codestream.parse(frame)
    lossless = stream.process == jpeg_codestream.SOF_LOSSLESS
    return Stream(
        stream.format,
        shifted=stream.point_transform if lossless else 0,
        private=stream.colour_transform,
        lossy=_jpeg_is_lossy(stream),
        colour=_jpeg_colour(stream, image),
        kind=_jpeg_kind(stream, image.syntax),
        trailing=_trails(frame, len(stream.data)),
    )


def _jpeg_is_lossy(stream: jpeg_codestream.Codestream) -> bool:
    if stream.process == jpeg_codestream.SOF_LS:
        return stream.selection > 0  # NEAR
    return stream.process != jpeg_codestream.SOF_LOSSLESS


def _jpeg_colour(stream: jpeg_codestream.Codestream, image: Image) -> str:
    """Compare only what the codestream itself says (see ``codec.jpeg_decode``)."""
    transforms = stream.process not in (jpeg_codestream.SOF_LOSSLESS, jpeg_codestream.SOF_LS)
    if stream.format.components != 3 or not transforms:
        return ""
    claims, is_ybr = image.photometric.startswith("YBR"), _is_ybr(stream)
    if is_ybr is None or is_ybr == claims:
        return ""
    components = "YCbCr" if is_ybr else "RGB"
    return f"It is {image.photometric}, of a JPEG whose components are {components}."


def _is_ybr(stream: jpeg_codestream.Codestream) -> bool | None:
    if stream.adobe_transform is not None:
        return stream.adobe_transform != 0
    if stream.components == _RGB_IDENTIFIERS:
        return False
    return True if stream.jfif or len(set(stream.sampling)) > 1 else None


def _jpeg_kind(stream: jpeg_codestream.Codestream, syntax: str) -> str:
    if stream.process not in _JPEG_PROCESSES[syntax]:
        return f"Its frame header is FF{stream.process:02X}, under transfer syntax {syntax}."
    if syntax == uids.JPEGLosslessSV1 and stream.selection != 1:
        return f"Its predictor is {stream.selection}, not 1."
    return ""


def _jpeg_xl(frame: bytes, image: Image) -> Stream:
    stream = jxl_codestream.parse(frame)
    repacked = image.syntax == uids.JPEGXLJPEGRecompression
    mixed = repacked != stream.from_jpeg and image.syntax != uids.JPEGXL
    return Stream(
        stream.format,
        lossy=stream.xyb or stream.from_jpeg,
        colour=_jpeg_xl_colour(stream, image),
        kind="Whether it was made from a JPEG is not as its syntax says." if mixed else "",
    )


def _jpeg_xl_colour(stream: jxl_codestream.JxlImage, image: Image) -> str:
    claims = image.photometric == "XYB"
    if stream.format.components != 3 or stream.from_jpeg or claims == stream.xyb:
        return ""
    return f"It is {image.photometric}, of a codestream {'in' if stream.xyb else 'not in'} XYB."


def _trails(frame: bytes, end: int) -> bool:
    return bool(frame[end:].strip(b"\x00\xff"))


_READERS: Final[dict[str, Callable[[bytes, Image], Stream]]] = {
    **dict.fromkeys(_WAVELET, _wavelet),
    **dict.fromkeys(_JPEG_PROCESSES, _jpeg),
    **dict.fromkeys(_JPEG_XL, _jpeg_xl),
}
