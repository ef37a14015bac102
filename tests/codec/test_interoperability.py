"""What we encode, decoders that are not ours read; what they encode, we read."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, generate_uid

from orthanc_transcoder.codec import uids
from orthanc_transcoder.codec.contract import PixelFormat, Samples
from tests.codec import grid

FORMATS = [
    grid.pixel_format(31, 33, 8),
    grid.pixel_format(31, 33, 8, samples=3),
    grid.pixel_format(31, 33, 12),
    grid.pixel_format(31, 33, 12, signed=True),
    grid.pixel_format(33, 31, 14, signed=True),
    grid.pixel_format(33, 31, 16),
    grid.pixel_format(33, 31, 16, signed=True),
    grid.pixel_format(1, 7, 10),
    grid.pixel_format(7, 1, 12),
    grid.pixel_format(3, 3, 12),
]

GDCM = ["gdcmconv", "--raw"]
DECODERS = [
    (uids.RLELossless, ["dcmdrle"]),
    (uids.RLELossless, GDCM),
    (uids.JPEGLossless, ["dcmdjpeg"]),
    (uids.JPEGLossless, GDCM),
    (uids.JPEGLosslessSV1, ["dcmdjpeg"]),
    (uids.JPEGLosslessSV1, GDCM),
    (uids.JPEGLSLossless, ["dcmdjpls"]),
    (uids.JPEGLSLossless, GDCM),
    (uids.JPEG2000Lossless, GDCM),
]
ENCODERS = [
    (uids.RLELossless, ["dcmcrle"]),
    (uids.RLELossless, ["gdcmconv", "--rle"]),
    (uids.JPEGLosslessSV1, ["dcmcjpeg", "+un"]),
    (uids.JPEGLossless, ["dcmcjpeg", "+el", "+un"]),
    (uids.JPEGLosslessSV1, ["gdcmconv", "--jpeg"]),
    (uids.JPEGLSLossless, ["dcmcjpls", "+un"]),
    (uids.JPEGLSLossless, ["gdcmconv", "--jpegls"]),
    (uids.JPEG2000Lossless, ["gdcmconv", "--j2k"]),
]


def run(command: list[str], source: Path, target: Path) -> None:
    require(command[0])
    subprocess.run(
        [*command, str(source), str(target)], capture_output=True, timeout=30, check=True
    )


def require(tool: str) -> None:
    if not shutil.which(tool):
        pytest.skip(f"{tool} is not installed")


def dataset(pixels: PixelFormat, syntax: str, value: bytes) -> pydicom.Dataset:
    ds = pydicom.Dataset()
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(syntax)
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = CTImageStorage
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
    ds.Rows, ds.Columns = pixels.rows, pixels.columns
    ds.SamplesPerPixel = pixels.samples_per_pixel
    ds.PhotometricInterpretation = pixels.photometric
    if pixels.samples_per_pixel > 1:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated, ds.BitsStored = pixels.bits_allocated, pixels.bits_stored
    ds.HighBit, ds.PixelRepresentation = pixels.bits_stored - 1, int(pixels.signed)
    ds.PixelData = value
    ds["PixelData"].VR = "OB" if UID(syntax).is_encapsulated else "OW"
    ds["PixelData"].is_undefined_length = UID(syntax).is_encapsulated
    return ds


def stored(ds: pydicom.Dataset, pixels: PixelFormat) -> Samples:
    """Native samples, masked to Bits Stored."""
    container = np.dtype(f"<u{pixels.bits_allocated // 8}")
    size = pixels.rows * pixels.columns * pixels.samples_per_pixel
    values = np.frombuffer(ds.PixelData, container, size)
    shape = (pixels.rows, pixels.columns, pixels.samples_per_pixel)
    if ds.get("PlanarConfiguration"):
        values = values.reshape(shape[2], *shape[:2]).transpose(1, 2, 0)
    masked: Samples = values.reshape(shape) & container.type((1 << pixels.bits_stored) - 1)
    return masked


def bits_of(samples: Samples, pixels: PixelFormat) -> Samples:
    container = np.dtype(f"u{pixels.bits_allocated // 8}")
    mask = container.type((1 << pixels.bits_stored) - 1)
    wide: Samples = samples.astype(container) & mask
    return wide.reshape(pixels.rows, pixels.columns, -1)


@pytest.mark.parametrize(("syntax", "command"), DECODERS)
@pytest.mark.parametrize("pixels", FORMATS, ids=str)
def test_what_we_encode_is_read_elsewhere(
    syntax: str, command: list[str], pixels: PixelFormat, tmp_path: Path
) -> None:
    samples = grid.samples_of(pixels, "noise" if pixels.bits_stored != 14 else "smooth")
    encoded, header = grid.encode(syntax, samples, pixels)
    source, target = tmp_path / "source.dcm", tmp_path / "raw.dcm"
    dataset(header, syntax, encapsulate([encoded.data])).save_as(source, enforce_file_format=True)
    run(command, source, target)
    assert np.array_equal(stored(pydicom.dcmread(target), pixels), bits_of(samples, pixels))


@pytest.mark.parametrize(("syntax", "command"), ENCODERS)
@pytest.mark.parametrize("pixels", FORMATS, ids=str)
def test_what_is_encoded_elsewhere_we_read(
    syntax: str, command: list[str], pixels: PixelFormat, tmp_path: Path
) -> None:
    samples = grid.samples_of(pixels, "smooth")
    container = np.dtype(f"<{'i' if pixels.signed else 'u'}{pixels.bits_allocated // 8}")
    native = samples.astype(container).tobytes()
    source, target = tmp_path / "raw.dcm", tmp_path / "target.dcm"
    ds = dataset(pixels, ExplicitVRLittleEndian, native + bytes(len(native) & 1))
    ds.save_as(source, enforce_file_format=True)
    try:
        run(command, source, target)
    except subprocess.CalledProcessError as error:
        # GDCM's OpenJPEG crashes on images of a few samples.
        pytest.skip(f"{command[0]} failed: {error.returncode}")
    written = pydicom.dcmread(target)
    actual = written.file_meta.TransferSyntaxUID
    if actual != syntax:
        pytest.skip(f"{command[0]} wrote {actual.name}")
    header = grid.pixel_format(
        pixels.rows,
        pixels.columns,
        written.BitsStored,
        signed=bool(written.PixelRepresentation),
        samples=pixels.samples_per_pixel,
        allocated=written.BitsAllocated,
    )
    (frame,) = generate_frames(written.PixelData, number_of_frames=1)
    decoded = grid.REGISTRY.decoder(syntax).decode(frame, header, syntax)
    assert np.array_equal(bits_of(decoded.samples, pixels), bits_of(samples, pixels))


@pytest.mark.parametrize("pixels", FORMATS, ids=str)
@pytest.mark.parametrize(
    "syntax", [uids.JPEG2000Lossless, uids.HTJ2KLossless, uids.HTJ2KLosslessRPCL]
)
def test_openjpeg_reads_our_codestreams(syntax: str, pixels: PixelFormat, tmp_path: Path) -> None:
    samples = grid.samples_of(pixels, "noise")
    encoded, _ = grid.encode(syntax, samples, pixels)
    source, target = tmp_path / "source.j2k", tmp_path / "raw.rawl"
    source.write_bytes(encoded.data)
    require("opj_decompress")
    command = ["opj_decompress", "-i", str(source), "-o", str(target)]
    subprocess.run(command, capture_output=True, timeout=30, check=True)
    raw = np.frombuffer(target.read_bytes(), f"<u{samples.dtype.itemsize}")
    planes = raw.reshape(pixels.samples_per_pixel, pixels.rows, pixels.columns)
    expected = bits_of(samples, pixels)
    mask = expected.dtype.type((1 << pixels.bits_stored) - 1)
    assert np.array_equal(planes.transpose(1, 2, 0) & mask, expected)


@pytest.mark.parametrize("samples_per_pixel", [1, 3])
def test_openjph_tools_read_our_htj2k(samples_per_pixel: int, tmp_path: Path) -> None:
    require("ojph_expand")
    for bits in (8, 12, 16):
        pixels = grid.pixel_format(31, 33, bits, samples=samples_per_pixel)
        samples = grid.samples_of(pixels, "noise")
        encoded, _ = grid.encode(uids.HTJ2KLosslessRPCL, samples, pixels)
        source = tmp_path / "source.j2c"
        target = tmp_path / ("raw.pgm" if samples_per_pixel == 1 else "raw.ppm")
        source.write_bytes(encoded.data)
        command = ["ojph_expand", "-i", str(source), "-o", str(target)]
        subprocess.run(command, capture_output=True, timeout=30, check=True)
        assert np.array_equal(netpbm(target), bits_of(samples, pixels))


@pytest.mark.parametrize("samples_per_pixel", [1, 3])
def test_djxl_reads_our_jpeg_xl(samples_per_pixel: int, tmp_path: Path) -> None:
    require("djxl")
    for bits in (8, 12, 16):
        pixels = grid.pixel_format(31, 33, bits, samples=samples_per_pixel)
        samples = grid.samples_of(pixels, "noise")
        encoded, _ = grid.encode(uids.JPEGXLLossless, samples, pixels)
        source = tmp_path / "source.jxl"
        target = tmp_path / ("raw.pgm" if samples_per_pixel == 1 else "raw.ppm")
        source.write_bytes(encoded.data)
        # djxl 0.7 scales to the container and, unless told so, declares another maximum.
        container = f"--bits_per_sample={samples.dtype.itemsize * 8}"
        command = ["djxl", str(source), str(target), container]
        subprocess.run(command, capture_output=True, timeout=30, check=True)
        top = int(target.read_bytes().split(maxsplit=4)[3])
        unscaled = np.rint(netpbm(target).astype(float) * ((1 << bits) - 1) / top)
        assert np.array_equal(unscaled, bits_of(samples, pixels))


def netpbm(path: Path) -> Samples:
    """Read a binary PGM or PPM."""
    raw = path.read_bytes()
    magic, columns, rows, top, _ = raw.split(maxsplit=4)
    count = 1 if magic == b"P5" else 3
    size = 1 if int(top) < 256 else 2
    length = int(rows) * int(columns) * count * size
    values = np.frombuffer(raw[-length:], f">u{size}")
    return values.reshape(int(rows), int(columns), count).astype(f"=u{size}")


@pytest.mark.parametrize("command", [["dcmdjpeg"], GDCM], ids=["dcmtk", "gdcm"])
@pytest.mark.parametrize("syntax", [uids.JPEGBaseline8Bit, uids.JPEGExtended12Bit])
def test_lossy_jpeg_is_read_alike_elsewhere(
    syntax: str, command: list[str], tmp_path: Path
) -> None:
    for bits, signed, count in grid.LOSSY_FORMATS[syntax]:
        pixels = grid.pixel_format(64, 66, bits, signed=signed, samples=count)
        encoded, header = grid.encode(syntax, grid.samples_of(pixels), pixels)
        ours = grid.REGISTRY.decoder(syntax).decode(encoded.data, header, syntax)
        source, target = tmp_path / "source.dcm", tmp_path / "raw.dcm"
        ds = dataset(header, syntax, encapsulate([encoded.data]))
        ds.save_as(source, enforce_file_format=True)
        run(command, source, target)
        written = pydicom.dcmread(target)
        theirs = stored(written, pixels).astype(int)
        if written.PhotometricInterpretation.startswith("YBR"):
            continue  # GDCM leaves the colour as it is coded
        # Decoders may differ in their inverse transform and in interpolating chroma.
        difference = np.abs(theirs - bits_of(ours.samples, pixels).astype(int))
        assert difference.mean() < 1
        assert difference.max() <= (24 if count == 3 else 2)


@pytest.mark.parametrize("command", [["dcmdjpls"], GDCM], ids=["dcmtk", "gdcm"])
def test_near_lossless_jpeg_ls_is_read_alike_elsewhere(command: list[str], tmp_path: Path) -> None:
    syntax = uids.JPEGLSNearLossless
    for bits, signed, count in grid.LOSSY_FORMATS[syntax]:
        pixels = grid.pixel_format(64, 66, bits, signed=signed, samples=count)
        encoded, header = grid.encode(syntax, grid.samples_of(pixels), pixels)
        ours = grid.REGISTRY.decoder(syntax).decode(encoded.data, header, syntax)
        source, target = tmp_path / "source.dcm", tmp_path / "raw.dcm"
        ds = dataset(header, syntax, encapsulate([encoded.data]))
        ds.save_as(source, enforce_file_format=True)
        run(command, source, target)
        theirs = stored(pydicom.dcmread(target), pixels)
        assert np.array_equal(theirs, bits_of(ours.samples, pixels))
