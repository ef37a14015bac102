"""What a data element is where its encoding does not say it.

The rule: the dictionary decides; where it leaves a choice (``US or SS``) the
data set decides, in the way of PS3.5 annex A and PS3.3 C.7.6.3.1; what is
private or unknown is UN, so that nobody reads into it more than is known.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from ..dictionaries import datadict
from .elements import Element

PIXEL_REPRESENTATION: Final = 0x00280103
LUT_DESCRIPTOR: Final = 0x00283002

# PS3.5 7.3: bytes that change places between little and big endian.
WORD_BYTES: Final = {
    **dict.fromkeys(("AT", "OW", "SS", "US"), 2),
    **dict.fromkeys(("FL", "OF", "OL", "SL", "UL"), 4),
    **dict.fromkeys(("FD", "OD", "OV", "SV", "UV"), 8),
}


@dataclass(frozen=True, slots=True)
class Context:
    """What the data set, or those around it, say about ambiguous elements.

    Attributes
    ----------
    signed
        Pixel Representation of this data set, else of the enclosing ones.
    single_entry
        Whether LUT Descriptor announces one entry: LUT Data is then US.
    """

    signed: bool = False
    single_entry: bool = False

    def within(self, elements: Iterable[Element]) -> Context:
        """The context of a data set inside this one."""
        signed, single = self.signed, False
        for element in elements:
            if element.tag == PIXEL_REPRESENTATION and len(element.value) >= 2:
                signed = _first_word(element) == 1
            elif element.tag == LUT_DESCRIPTOR:
                single = _first_word(element) == 1
        return Context(signed, single)


def resolve(element: Element, context: Context) -> str:
    """The VR of an element: its own, else the dictionary's (PS3.5 6.2.2, A.1)."""
    vr = element.vr or _choose(dictionary(element.tag), context)
    if element.undefined_length and vr not in ("OB", "OW", "SQ", "UN"):
        return "UN"
    if element.undefined_length and not element.vr and vr == "OW":
        return "OB"  # PS3.5 A.4
    return vr


@lru_cache(maxsize=4096)
def dictionary(tag: int) -> str:
    """The data dictionary's VR, possibly ambiguous; UN for the unknown."""
    group, number = tag >> 16, tag & 0xFFFF
    if group & 1:
        return "LO" if 0x10 <= number <= 0xFF else "UN"
    try:
        vr = str(datadict.dictionary_VR(tag))
    except KeyError:
        return "UN"
    return vr if len(vr) == 2 or " or " in vr else "UN"


def _choose(vr: str, context: Context) -> str:
    if vr == "US or SS":
        return "SS" if context.signed else "US"
    if vr == "US or OW":
        return "US" if context.single_entry else "OW"
    return "OW" if " or " in vr else vr  # implicit is OW (PS3.5 A.1)


def _first_word(element: Element) -> int:
    word = bytes(element.value[:2])
    return int.from_bytes(word, "little" if element.encoding.little else "big")
