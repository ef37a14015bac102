"""The numbers that are copied from Orthanc's C header."""

import ctypes
import re
from pathlib import Path

import pytest

from orthanc_transcoder.host import sdk

HEADER = Path("/usr/include/orthanc/OrthancCPlugin.h")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("_OrthancPluginService_GetOrthancPath", sdk._GET_ORTHANC_PATH),
        ("_OrthancPluginService_GetConfiguration", sdk._GET_CONFIGURATION),
        ("_OrthancPluginService_CreateMemoryBuffer", sdk._CREATE_MEMORY_BUFFER),
        ("_OrthancPluginService_RegisterTranscoderCallback", sdk._REGISTER_TRANSCODER_CALLBACK),
        ("_OrthancPluginService_RegisterDecodeImageCallback", sdk._REGISTER_DECODE_IMAGE_CALLBACK),
        (
            "_OrthancPluginService_RegisterReceivedInstanceCallback",
            sdk._REGISTER_RECEIVED_INSTANCE_CALLBACK,
        ),
        ("OrthancPluginReceivedInstanceAction_KeepAsIs", sdk._KEEP_AS_IS),
        ("_OrthancPluginService_GetImagePitch", sdk._GET_IMAGE_PITCH),
        ("_OrthancPluginService_GetImageBuffer", sdk._GET_IMAGE_BUFFER),
        ("_OrthancPluginService_CreateImage", sdk._CREATE_IMAGE),
        ("_OrthancPluginService_RestApiPost", sdk._REST_API_POST),
        ("_OrthancPluginService_RestApiDelete", sdk._REST_API_DELETE),
        ("_OrthancPluginService_GetGlobalProperty", sdk._GET_GLOBAL_PROPERTY),
        ("_OrthancPluginService_SetGlobalProperty", sdk._SET_GLOBAL_PROPERTY),
        *(
            (f"OrthancPluginPixelFormat_{name}", one)
            for name, (one, _) in sdk.PIXEL_FORMATS.items()
        ),
        ("_OrthancPluginService_RestApiGet", sdk._REST_API_GET),
        ("_OrthancPluginService_RestApiPut", sdk._REST_API_PUT),
        ("OrthancPluginErrorCode_Success", sdk.SUCCESS),
        ("OrthancPluginErrorCode_Plugin", sdk.PLUGIN_ERROR),
        ("OrthancPluginErrorCode_NotImplemented", sdk.NOT_IMPLEMENTED),
    ],
)
def test_the_numbers_are_the_headers(name: str, value: int) -> None:
    found = re.search(rf"\b{name}\b[^=\n]*= (-?\d+)\b", HEADER.read_text(encoding="utf-8"))
    assert found
    assert int(found.group(1)) == value


def test_structures_have_the_layout_of_the_c_abi() -> None:
    assert ctypes.sizeof(sdk.Context) == 32
    assert ctypes.sizeof(sdk.MemoryBuffer) == 16
    assert sdk._RestApiPut.body_size.offset == 24
    assert sdk._CreateMemoryBuffer.size.offset == 8
