"""Every installed plugin of pylibjpeg, as a decoder of the contract.

pylibjpeg's own registry names them, so that whoever installs another one gains a
witness. What a plugin gives is bytes; what they are, the codestream's own header says,
read here as for any other decoder.

- JPEG, JPEG-LS and JPEG 2000 plugins give little-endian words of the fewest bytes that
  hold the codestream's precision, colour by pixel; RLE plugins cells of Bits Allocated,
  colour by plane.
- Plugins undo JPEG 2000's colour transform, but no JPEG's, nor JPEG-LS's, nor a point
  transform: such streams, and sub-sampled JPEG, are left to others.
- pylibjpeg-openjpeg and pylibjpeg-libjpeg hold Python's lock while they work.
- pylibjpeg-rle refuses colour whose segments are padded by more than a byte, which is no
  damage: it is asked again without the padding.
- It panics on damage: that is a ``BaseException``, which no ``except
  Exception`` sees. ``_called`` is the one border where it is caught.
- pylibjpeg-libjpeg takes most damaged streams without a word: never a first decoder.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping

import numpy as np

from ..dictionaries import without_pylibjpeg
from ..errors import CodecError, Declined
from . import checks, j2k_decode, jpeg, jpeg_decode, jpeg_ls, openjpeg_ht, rle, uids
from .checks import StreamFormat
from .contract import Cells, Decoded, Encoded, EncodeOptions, PixelFormat, Samples, Witness
from .jpeg_codestream import Codestream

Function = Callable[..., bytes | bytearray]

_HTJ2K = frozenset((uids.HTJ2KLossless, uids.HTJ2KLosslessRPCL, uids.HTJ2K))
_JPEG2000 = frozenset(
    (uids.JPEG2000Lossless, uids.JPEG2000, uids.JPEG2000MCLossless, uids.JPEG2000MC)
)
_JPEG = {
    **jpeg.EXPECTED,
    uids.JPEGLossless: jpeg_decode.LOSSLESS,
    uids.JPEGLosslessSV1: jpeg_decode.LOSSLESS,
}
_JPEG_LS = frozenset((uids.JPEGLSLossless, uids.JPEGLSNearLossless))
_KNOWN = _HTJ2K | _JPEG2000 | _JPEG_LS | {*_JPEG, uids.RLELossless}

# Those that are looked for, with what to install; all others are welcome, too.
_LOOKED_FOR = {
    "rle": "pylibjpeg-rle",
    "openjpeg": "pylibjpeg-openjpeg",
    "libjpeg": "pylibjpeg-libjpeg (GPL-3: of the extra `independent`)",
}
_RELEASING = frozenset(("rle",))  # plugins that let other threads work
_PANIC = "pyo3_runtime"  # the module that Rust's panics call themselves of
_FAILURES = (RuntimeError, ValueError, TypeError, AttributeError, IndexError)

# What importing somebody's plugin may end with: all are loaded at once.
_UNLOADABLE = (ImportError, AttributeError, ValueError, OSError)


class Plugin:
    """One plugin: a ``Codec`` that only decodes, and a ``Witness``.

    Parameters
    ----------
    plugin
        Its name in pylibjpeg's registry.
    functions
        Its decoder of each transfer syntax.
    """

    encodes: frozenset[str] = frozenset()
    sound_only = False

    def __init__(self, plugin: str, version: str, functions: Mapping[str, Function]) -> None:
        self.name = f"pylibjpeg/{plugin}"
        self.version = version
        self.holds_lock = plugin not in _RELEASING
        self.decodes = frozenset(functions)
        self._functions = dict(functions)

    def refuses(self, pixels: PixelFormat, syntax: str) -> str | None:
        """Say why such frames cannot be encoded: it only decodes."""
        return f"{self.name} only decodes"

    def encode(
        self, samples: Samples, pixels: PixelFormat, syntax: str, options: EncodeOptions
    ) -> Encoded:
        """Encode nothing (see ``contract.Codec``)."""
        raise Declined("codec_refuses", f"{self.name} only decodes")

    def cannot_read(self, pixels: PixelFormat, syntax: str) -> str | None:
        """Say why sound frames are beyond it (see ``contract.Witness``)."""
        return openjpeg_ht.why_not(pixels.bits_stored) if syntax in _HTJ2K else None

    def decode(self, frame: bytes, pixels: PixelFormat, syntax: str, threads: int = 1) -> Decoded:
        """Decode one frame (see ``contract.Codec``)."""
        if syntax == uids.RLELossless:
            return rle.stored_samples(self.decode_cells(frame, pixels), pixels)
        if syntax in _JPEG:
            return jpeg_decode.decode_by(
                lambda stream, transformed: self._jpeg(stream, syntax, transformed=transformed),
                frame,
                pixels,
                _JPEG[syntax],
            )
        if syntax in _JPEG_LS:
            return jpeg_ls.decode(frame, pixels, lambda stream: self._jpeg(stream, syntax))
        return j2k_decode.decode(
            frame,
            pixels,
            lambda stream: self._jpeg2000(stream.data, stream.format, syntax),
            high_throughput=syntax in _HTJ2K,
        )

    def decode_cells(self, frame: bytes, pixels: PixelFormat) -> Cells:
        """Decode one frame of RLE (see ``contract.CellDecoder``)."""
        if pixels.bits_allocated not in (8, 16, 32):
            raise CodecError("unsupported_codestream", f"RLE of {pixels.bits_allocated} bits")
        data = self._rle(frame, pixels)
        shape = (pixels.samples_per_pixel, pixels.rows, pixels.columns)
        planes = _words(data, shape, pixels.bits_allocated // 8)
        if len(planes) == 1:
            return planes.reshape(shape[1:])
        cells: Cells = np.empty((*shape[1:], len(planes)), planes.dtype)
        for index, plane in enumerate(planes):  # faster than a copy of the transposed
            cells[:, :, index] = plane
        return cells

    def _rle(self, frame: bytes, pixels: PixelFormat) -> bytes | bytearray:
        about = {
            "rows": pixels.rows,
            "columns": pixels.columns,
            "bits_allocated": pixels.bits_allocated,
        }
        try:
            return self._called(uids.RLELossless, frame, **about)
        except CodecError:
            bare = rle.without_padding(frame, pixels)
            if len(bare) == len(frame):
                raise
        return self._called(uids.RLELossless, bare, **about)

    def _jpeg2000(self, data: bytes, declared: StreamFormat, syntax: str) -> Samples:
        if syntax in _HTJ2K and (reason := openjpeg_ht.why_not(declared.bits)):
            raise Declined("codec_refuses", reason)
        return self._declared(data, declared, syntax)

    def _jpeg(self, stream: Codestream, syntax: str, *, transformed: bool = False) -> Samples:
        if transformed or stream.colour_transform:
            raise Declined("codec_refuses", f"{self.name} leaves colours transformed")
        if stream.point_transform:
            raise Declined("codec_refuses", f"{self.name} leaves point transforms in the samples")
        return self._declared(stream.data, stream.format, syntax)

    def _declared(self, data: bytes, declared: StreamFormat, syntax: str) -> Samples:
        """Decode a codestream to words of its own precision."""
        dtype = checks.dtype_of(declared.bits, declared.signed)
        words = _words(self._called(syntax, data), declared.shape, dtype.itemsize)
        return words.view(dtype)

    def _called(self, syntax: str, data: bytes, **about: int) -> bytes | bytearray:
        """Call the plugin: whatever it raises of a frame ends here.

        Raises
        ------
        CodecError
            If it fails or panics.
        """
        try:
            return self._functions[syntax](data, version=2, **about)
        except _FAILURES as error:
            raise CodecError("damaged_codestream", f"{self.name}: {error}") from error
        except BaseException as error:
            if type(error).__module__ != _PANIC:
                raise
            raise CodecError("damaged_codestream", f"{self.name} panics: {error}") from error


def _words(data: bytes | bytearray, shape: tuple[int, ...], size: int) -> Cells:
    """View bytes as unsigned little-endian words, in native order.

    Raises
    ------
    CodecError
        If there are more or fewer.
    """
    if len(data) != size * int(np.prod(shape)):
        raise CodecError("codec_failed", f"{len(data)} bytes where {shape} words of {size} are due")
    return np.frombuffer(data, f"<u{size}").reshape(shape).astype(f"=u{size}", copy=False)


def witnesses() -> dict[str, Witness | str]:
    """Return every plugin, by name, or why one that is looked for is not there."""
    missing: dict[str, Witness | str] = {
        f"pylibjpeg/{plugin}": f"{package} is not installed"
        for plugin, package in _LOOKED_FOR.items()
    }
    if without_pylibjpeg:
        return dict.fromkeys(missing, without_pylibjpeg)
    try:
        found = _functions()
        library = importlib.import_module("pylibjpeg")
    except _UNLOADABLE as error:
        return dict.fromkeys(missing, f"pylibjpeg cannot be loaded: {error}")
    plugins = (
        Plugin(name, f"{library.__version__}/{_version(functions)}", functions)
        for name, functions in found.items()
    )
    return {**missing, **{plugin.name: plugin for plugin in plugins}}


def _functions() -> dict[str, dict[str, Function]]:
    """Ask pylibjpeg: the decoder of each plugin and syntax that is known here."""
    registry = importlib.import_module("pylibjpeg.utils")
    found: dict[str, dict[str, Function]] = {}
    for syntax, functions in registry.get_pixel_data_decoders(version=2).items():
        for plugin, function in functions.items():
            if syntax in _KNOWN:
                found.setdefault(plugin, {})[syntax] = function
    return found


def _version(functions: Mapping[str, Function]) -> str:
    """Return the version that a plugin's package states."""
    module = next(iter(functions.values())).__module__.partition(".")[0]
    return str(getattr(sys.modules.get(module), "__version__", "of unknown version"))
