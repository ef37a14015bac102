"""Every check: one line each, the only place that says how bad a finding is.

Standard library only. ``docs/checks.md`` is this table, held equal by a test.
Codes are stable: they are kept with instances, and counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..findings import Finding, Severity

_N, _W, _F = Severity.NOTE, Severity.WARN, Severity.FAIL


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes
    ----------
    meaning
        What a finding says, in general.
    section
        Where DICOM asks for it.
    advice
        What an administrator can do.
    readers
        Of a warning: which kind of reader shows or measures another image, or none.
    """

    code: str
    severity: Severity
    meaning: str
    section: str
    advice: str
    readers: str = ""


_RESEND: Final = "Have the instance sent again, and compare; the source or the transfer damaged it."
_VENDOR: Final = "Report it to the sender's vendor; the pixels can be used."
_TABLE: Final = (
    "Viewers that fetch single frames get wrong ones: transcode it, which makes a new table."
)
_HEADER: Final = "Correct the attribute at the sender; do not trust measurements until then."

# fmt: off
CHECKS: Final = (
    # The file
    Check("unreadable_file", _F, "The file breaks off, or its elements do not fit together",
          "PS3.5 7.1, PS3.10 7", _RESEND),
    Check("internal_error", _F, "The check itself failed, which is a defect of this product", "",
          "Report it with the sentence; the instance may be sound."),
    Check("ended_a_worker", _F,
          "The file ended the worker process that checked it, took too long or too much memory", "",
          "Do not open it on a workstation that matters; report it with the file if you can."),
    Check("missing_uid", _F,
          "A UID that identifies the instance, its class, series or study is missing",
          "PS3.3 C.12.1, C.7.2.1, C.7.3.1", "Have the instance sent again with its UIDs."),
    Check("bad_uid", _W, "A UID is not made of numbers and dots, or is over 64 characters long",
          "PS3.5 9.1", "Some archives will refuse it: have the sender's UID generator corrected.",
          "Archives that check UIDs refuse it, or cut it to 64 characters."),
    Check("meta_disagrees", _W, "Group 2 names another SOP Class or Instance than the data set",
          "PS3.10 7.1", "Transcoding writes a right group 2; find out what rewrote the file.",
          "Archives and media readers that go by group 2 take it for another instance."),
    Check("encoding_disagrees", _W,
          "The data set is not written as its transfer syntax says, or none is named",
          "PS3.5 A, PS3.10 7.1", "Transcode it: the result is written as it says.",
          "Readers that trust the transfer syntax find no elements, or others."),
    Check("sop_instance_reused", _F,
          "An earlier instance with this SOP Instance UID had other pixels",
          "PS3.3 C.12.1.1.1, PS3.5 9",
          "Two images share one identity: find out which one is right before either is used."),
    Check("digital_signature", _N,
          "A digital signature covers elements that transcoding changed",
          "PS3.3 C.12.1.1.3, PS3.15 C.1",
          "Verify signatures at the sender; keep originals where signatures must last."),
    # The Image Pixel module
    Check("missing_pixel_attribute", _F,
          "An attribute without which the pixels cannot be read is missing", "PS3.3 C.7.6.3",
          _RESEND),
    Check("impossible_size", _F, "Rows, Columns or Number of Frames is not positive",
          "PS3.3 C.7.6.3, C.7.6.6", _RESEND),
    Check("impossible_bits", _F,
          "Bits Allocated, Bits Stored, High Bit or Pixel Representation contradict each other",
          "PS3.3 C.7.6.3, PS3.5 8.1.1", _HEADER),
    Check("high_bit", _W, "High Bit is not Bits Stored - 1", "PS3.5 8.1.1",
          "Readers that ignore High Bit show other values: transcode it, which moves the bits.",
          "Readers that ignore High Bit show other values."),
    Check("photometric_contradicts", _F,
          "Photometric Interpretation is unknown, or needs another number of samples",
          "PS3.3 C.7.6.3.1.2", _HEADER),
    Check("photometric_impossible", _W,
          "The transfer syntax does not allow this Photometric Interpretation", "PS3.5 8.2",
          "Look at the colours; transcoding writes what the codestream holds.",
          "Readers that go by the header convert colours that others leave alone."),
    Check("planar_configuration", _W,
          "Planar Configuration is missing for colour, or not what the syntax allows",
          "PS3.3 C.7.6.3.1.3, PS3.5 8.2",
          "Look at the colours: readers may take planes for pixels.",
          "Readers that go by the header take planes for pixels, or the other way round."),
    Check("image_contradicts", _F,
          "The image's attributes contradict each other or Pixel Data in another way",
          "PS3.3 C.7.6.3", _HEADER),
    # Native pixel data
    Check("pixel_data_too_short", _F, "Pixel Data has fewer bytes than its attributes say",
          "PS3.3 C.7.6.3, PS3.5 8.1.1", _RESEND),
    Check("pixel_data_too_long", _W, "Pixel Data has more bytes than its attributes say",
          "PS3.3 C.7.6.3, PS3.5 8.1.1",
          "Compare Rows, Columns and depth with the picture: a shear shows that one is wrong.",
          "All show it sheared, if Rows, Columns or depth is what is wrong."),
    Check("frame_count_disagrees", _F,
          "Pixel Data does not hold the number of frames that Number of Frames says",
          "PS3.3 C.7.6.6, PS3.5 A.4",
          "Viewers show too few frames or none: correct Number of Frames at the sender."),
    Check("pixel_data_vr", _N, "The VR of Pixel Data is not the one that its encoding asks for",
          "PS3.5 8.2, A.1-A.4", "Transcode it: the result has the right VR."),
    Check("odd_length", _N, "Pixel Data or a fragment has an odd number of bytes",
          "PS3.5 7.1.1, A.4", "Transcode it: the result is padded."),
    # Encapsulated pixel data
    Check("pixel_encoding_disagrees", _F,
          "Native pixel data under a compressed transfer syntax, or the other way round",
          "PS3.5 A.4", _RESEND),
    Check("bad_fragments", _F,
          "Encapsulated pixel data has no offset table item, no fragments, or an empty frame",
          "PS3.5 A.4", _RESEND),
    Check("offset_table", _F, "The Basic Offset Table does not point at the frames", "PS3.5 A.4",
          _TABLE),
    Check("extended_offset_table", _F,
          "The Extended Offset Table does not point at the frames, or contradicts their lengths",
          "PS3.3 C.7.6.3.1.8",
          _TABLE),
    # Codestreams
    Check("frame_truncated", _F, "A frame's codestream ends before its end", "PS3.5 8.2, A.4",
          _RESEND),
    Check("frame_undecodable", _F, "A frame's codestream cannot be decoded", "PS3.5 8.2, A.4",
          _RESEND),
    Check("decoders_disagree", _F,
          "Two decoders read other samples from a frame, or one of them finds it damaged",
          "PS3.5 8.2, A.4",
          "It is probably damaged: the original is kept. Compare it with the source."),
    Check("no_decoder", _W,
          "Nothing here decodes this transfer syntax, or this variant of it: pixels not checked",
          "PS3.5 8.2", "Nothing is wrong with the image for all that is known.",
          "Readers without this codec show nothing."),
    Check("size_disagrees", _F, "Rows or Columns are not the codestream's",
          "PS3.3 C.7.6.3, PS3.5 8.2",
          "Readers follow one or the other: the original is kept. Compare it with the source."),
    Check("samples_disagree", _F, "Samples per Pixel is not the codestream's number of components",
          "PS3.3 C.7.6.3, PS3.5 8.2",
          "Readers follow one or the other: the original is kept. Compare it with the source."),
    Check("depth_disagrees", _N, "Bits Stored is not the codestream's precision", "PS3.5 8.2",
          "Usual in JPEG and JPEG-LS, which may code whole cells; the header is followed."),
    Check("depth_contradicts", _F,
          "The codestream has samples that the header's Bits Stored or Bits Allocated cannot hold",
          "PS3.5 8.1.1, 8.2",
          "Readers follow one or the other: the original is kept. Compare it with the source."),
    Check("sign_disagrees", _F,
          "Pixel Representation is not the codestream's, and samples have two readings",
          "PS3.5 8.2.4",
          "Compare known values, air in a CT; the original is kept, and shown by the header."),
    Check("sign_label", _N, "Pixel Representation is not the codestream's", "PS3.5 8.2.4",
          "Harmless unless it also counts as sign_disagrees: transcode it."),
    Check("colour_disagrees", _W,
          "Photometric Interpretation is not what the codestream says of its colours", "PS3.5 8.2",
          "Look at the colours; transcoding follows the codestream.",
          "Readers that go by the header show other colours than those that go by the codestream."),
    Check("colour_label", _N,
          "Photometric Interpretation does not name the codestream's own colour transform",
          "PS3.5 8.2.4",
          "Harmless: readers undo that transform whatever the header says. Transcode it."),
    Check("codestream_kind", _W,
          "The codestream is of another process than its transfer syntax names", "PS3.5 8.2, 10",
          "Other readers may refuse it: transcode it.",
          "Readers that choose their codec by the transfer syntax refuse it."),
    Check("lossy_in_lossless", _F,
          "A lossily coded codestream under a transfer syntax that is lossless by definition",
          "PS3.5 8.2, 10",
          "The image lost something that its label denies: get the original from the sender."),
    Check("point_transform", _W,
          "A lossless JPEG leaves out the lowest bits of its samples, which read as zero",
          "ITU-T T.81 A.4", "Harmless if they were zero before, which nobody can tell from here.",
          "Readers that ignore the point transform show smaller values."),
    Check("private_transform", _W,
          "A JPEG-LS codestream has a colour transform of HP's, which no standard has",
          "PS3.5 8.2.3", "Transcode it: the result has the colours that were meant.",
          "Readers that do not know the transform show false colours."),
    Check("codestream_wrapped", _W, "The codestream lies in a JP2 file, which DICOM does not allow",
          "PS3.5 8.2.4, A.4.4", "Transcode it: the result is a bare codestream.",
          "Readers that expect a bare codestream refuse it; others apply the file's colours."),
    Check("trailing_bytes", _N, "Something other than padding follows a codestream's end",
          "PS3.5 A.4", "Harmless to most readers; transcode it to be rid of it."),
    # Lossy compression
    Check("lossy_flag_missing", _W,
          "The pixels were coded lossily, but Lossy Image Compression is not 01",
          "PS3.3 C.7.6.1.1.5", "Readers are not warned: transcoding sets the flag.",
          "Viewers that must mark lossy images do not mark it."),
    Check("lossy_method_missing", _N,
          "Lossy Image Compression is 01, without Lossy Image Compression Method",
          "PS3.3 C.7.6.1.1.5.1", _VENDOR),
    Check("lossy_ratio_missing", _N,
          "Lossy Image Compression is 01, without Lossy Image Compression Ratio",
          "PS3.3 C.7.6.1.1.5.2", _VENDOR),
    Check("lossy_history", _N,
          "What the attributes of lossy compression say is impossible, or contradicts itself",
          "PS3.3 C.7.6.1.1.5", _VENDOR),
    # Palettes
    Check("palette_missing", _F, "A palette colour image lacks a descriptor or table",
          "PS3.3 C.7.6.3.1.5, C.7.9", _RESEND),
    Check("palette_descriptor", _F,
          "A palette's descriptor is impossible, or contradicts its data or the other colours'",
          "PS3.3 C.7.6.3.1.5, C.7.6.3.1.6",
          "Colours cannot be trusted: correct the palette at the sender."),
    # What a viewer shows and measures
    Check("ct_rescale_missing", _F,
          "A CT image has no Rescale Slope and Intercept: its values are no Hounsfield units",
          "PS3.3 C.8.2.1", _HEADER),
    Check("rescale_absurd", _F,
          "Rescale Slope or Intercept is no number, zero, alone, or absurd for CT",
          "PS3.3 C.11.1, C.8.2.1", _HEADER),
    Check("ct_window_missing", _N, "A CT image names no window", "PS3.3 C.11.2",
          "Viewers choose one themselves: add a preset there."),
    Check("window_absurd", _W,
          "Window Center and Width are no numbers, not pairs, or of an impossible width",
          "PS3.3 C.11.2.1.2",
          "Viewers show it black, white or not at all at first: set the window by hand.",
          "Viewers that apply it show it black or white."),
    Check("window_outside_values", _W, "Every window lies beside all the values of the image",
          "PS3.3 C.11.2.1.2", "The image first shows all black or white: set the window by hand.",
          "Viewers that apply it show it all black or all white."),
    Check("geometry_absurd", _W,
          "Pixel Spacing is not positive, or Image Orientation is no pair of perpendicular units",
          "PS3.3 10.7.1.3, C.7.6.2.1.1",
          "Do not measure or reconstruct from it until the sender has corrected it.",
          "Whatever measures or reconstructs."),
    # The SOP Class
    Check("missing_type_1", _N,
          "An attribute that the SOP Class makes mandatory (Type 1) is missing or empty",
          "PS3.3 A, PS3.5 7.4.1", _VENDOR),
    Check("modality_disagrees", _W, "Modality is not the one that the SOP Class defines",
          "PS3.3 C.7.3.1.1.1, C.8",
          "Worklists and hanging protocols may miss it: correct it at the sender.",
          "Viewers that go by Modality scale, hang or list it otherwise."),
    Check("image_type", _N,
          "Image Type does not begin with ORIGINAL or DERIVED, then PRIMARY or SECONDARY",
          "PS3.3 C.7.6.1.1.2", _VENDOR),
    Check("functional_groups", _F, "Per-Frame Functional Groups are not as many as the frames",
          "PS3.3 C.7.6.16", "Viewers place or scale frames wrongly: have the sender correct it."),
    Check("frame_pointer", _W, "Frame Increment Pointer points at an attribute that is not there",
          "PS3.3 C.7.6.6.1.1",
          "Frame times or positions are unknown: check the frame rate that viewers use.",
          "Cine viewers, and what measures in time."),
    Check("overlay_too_short", _W,
          "Overlay Data has fewer bits than the overlay's rows and columns need", "PS3.3 C.9.2",
          "The overlay will not be shown, or only a part of it.",
          "Viewers that show overlays show a part of it, or none."),
    # The decoded samples
    Check("frame_constant", _W, "All samples of a frame have the same value", "PS3.3 C.7.6.3",
          "Look at it: an exposure may have failed, or a transfer filled what was missing.",
          "All show an empty frame."),
    Check("frame_duplicated", _N, "Frames of one instance are equal, sample by sample",
          "PS3.3 C.7.6.6",
          "Look at it: an acquisition may have stalled; harmless in a still clip."),
    Check("values_outside_bits_stored", _W,
          "Samples hold something beside Bits Stored that is neither sign nor declared overlay",
          "PS3.5 8.1.1",
          "Readers that do not mask it show other values: compare, and correct Bits Stored.",
          "Readers that do not mask the samples show other values."),
    Check("unused_high_bits", _W,
          "No sample needs the upper bits of Bits Stored, and there is no window: it shows dark",
          "PS3.5 8.1.1, PS3.3 C.11.2",
          "Set a window in the viewer, or have the sender write the real depth or a window.",
          "Viewers that take Bits Stored for the range show it dark."),
    Check("declared_range", _W, "Samples lie outside Smallest and Largest Image Pixel Value",
          "PS3.3 C.7.6.3",
          "Viewers that derive a window from them cut values off: set the window by hand.",
          "Viewers that derive a window from the declared range cut values off."),
)
# fmt: on

BY_CODE: Final = {check.code: check for check in CHECKS}


def found(code: str, sentence: str, where: str = "") -> Finding:
    """Make a finding of a check, with the check's severity."""
    return Finding(code, BY_CODE[code].severity, sentence, where)
