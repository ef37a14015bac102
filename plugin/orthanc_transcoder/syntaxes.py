"""What the product knows of transfer syntaxes, beyond what a codec knows.

Standard library only: Orthanc's side reads it too. Names are pydicom's
keywords (PS3.6 table A-1).
"""

from __future__ import annotations

from .codec import uids

IMPLICIT_LE = "1.2.840.10008.1.2"
EXPLICIT_LE = "1.2.840.10008.1.2.1"
EXPLICIT_BE = "1.2.840.10008.1.2.2"
DEFLATED_LE = "1.2.840.10008.1.2.1.99"

KEYWORDS = {
    "ImplicitVRLittleEndian": IMPLICIT_LE,
    "ExplicitVRLittleEndian": EXPLICIT_LE,
    "ExplicitVRBigEndian": EXPLICIT_BE,
    "DeflatedExplicitVRLittleEndian": DEFLATED_LE,
} | {name: uid for name, uid in vars(uids).items() if isinstance(uid, str) and uid[:1] == "1"}

# Encodings of samples as they are, without a codec.
NATIVE = frozenset((IMPLICIT_LE, EXPLICIT_LE, EXPLICIT_BE, DEFLATED_LE))

# Syntaxes that by their definition lose nothing (PS3.5 section 10).
LOSSLESS = NATIVE | {
    uids.RLELossless,
    uids.JPEGLossless,
    uids.JPEGLosslessSV1,
    uids.JPEGLSLossless,
    uids.JPEG2000Lossless,
    uids.HTJ2KLossless,
    uids.HTJ2KLosslessRPCL,
    uids.JPEGXLLossless,
}

# The lossless syntaxes whose codestreams the lossy ones may hold as well
# (PS3.5 A.4.4, A.4.9, A.4.12): what is asked for can be given without loss.
REVERSIBLE_TWIN = {
    uids.JPEG2000: uids.JPEG2000Lossless,
    uids.HTJ2K: uids.HTJ2KLossless,
    uids.JPEGXL: uids.JPEGXLLossless,
}

# Lossy Image Compression Method (0028,2114) of what is written lossily (PS3.3 C.7.6.1.1.5.1).
LOSSY_METHODS = {
    uids.JPEGBaseline8Bit: "ISO_10918_1",
    uids.JPEGExtended12Bit: "ISO_10918_1",
    uids.JPEGLSNearLossless: "ISO_14495_1",
    uids.JPEG2000: "ISO_15444_1",
    uids.HTJ2K: "ISO_15444_15",
    uids.JPEGXL: "ISO_18181_1",
}
LOSSY_KEYWORDS = frozenset(name for name, uid in KEYWORDS.items() if uid in LOSSY_METHODS)


def resolve(name: str) -> str:
    """The UID that a UID or a keyword names.

    Raises
    ------
    ValueError
        If it names no transfer syntax that is known here.
    """
    if name in KEYWORDS:
        return KEYWORDS[name]
    if name in KEYWORDS.values():
        return name
    raise ValueError(f"{name!r} is no known transfer syntax; known: {', '.join(KEYWORDS)}")
