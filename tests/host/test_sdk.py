"""The numbers and structures that are copied from Orthanc's C header."""

import ctypes
import re
from pathlib import Path

import pytest

from orthanc_transcoder.host import abi

HEADER = Path("/usr/include/orthanc/OrthancCPlugin.h")

SERVICES = {
    "_OrthancPluginService_" + "".join(word.capitalize() for word in one.name.split("_")): one
    for one in abi.Service
}
PIXEL_FORMATS = {
    f"OrthancPluginPixelFormat_{name}": one for name, (one, _) in abi.PIXEL_FORMATS.items()
}
JOBS = {
    **{f"OrthancPluginJobStepStatus_{name.capitalize()}": abi.STEP_STATUS[name]
       for name in abi.STEP_STATUS},
    **{f"OrthancPluginJobStopReason_{name.capitalize()}": number
       for number, name in abi.STOP_REASONS.items()},
}  # fmt: skip
OTHERS = {
    "OrthancPluginErrorCode_Success": abi.SUCCESS,
    "OrthancPluginErrorCode_Plugin": abi.PLUGIN_ERROR,
    "OrthancPluginErrorCode_NotImplemented": abi.NOT_IMPLEMENTED,
    "OrthancPluginMetricsType_Default": abi.METRICS_DEFAULT,
}
# What came with which version of the header.
NEWER = {
    "_OrthancPluginService_SetMetricsIntegerValue": (1, 12, 1),
    "_OrthancPluginSetMetricsIntegerValue": (1, 12, 1),
}


def header_for(name: str) -> str:
    text = HEADER.read_text(encoding="utf-8")
    number = r"#define ORTHANC_PLUGINS_MINIMAL_%s_NUMBER +(\d+)"
    version = [re.search(number % part, text) for part in ("MAJOR", "MINOR", "REVISION")]
    if tuple(int(part[1]) for part in version if part) < NEWER.get(name, ()):
        pytest.skip(f"the installed header has no {name} yet")
    return text


@pytest.mark.parametrize(("name", "value"), (SERVICES | PIXEL_FORMATS | JOBS | OTHERS).items())
def test_the_numbers_are_the_headers(name: str, value: int) -> None:
    found = re.search(rf"\b{name}\b[^=\n]*= (-?\d+)\b", header_for(name))
    assert found
    assert int(found.group(1)) == value


# Bytes of the types that are neither pointers nor, like those of callbacks, named as such.
SIZES = {
    "int": 4,
    "int32_t": 4,
    "uint32_t": 4,
    "float": 4,
    "OrthancPluginErrorCode": 4,
    "OrthancPluginMetricsType": 4,
    "OrthancPluginPixelFormat": 4,
}


def members(name: str) -> list[tuple[str, int]]:
    """Names and sizes of what a structure of the header holds."""
    found = re.search(rf"typedef struct[^{{}}]*\{{([^{{}}]*)\}} {name};", header_for(name))
    assert found, name
    text = re.sub(r"/\*.*?\*/", "", found.group(1), flags=re.DOTALL)
    pairs = [re.split(r"\s*(?=\w+$)", one.strip(), maxsplit=1) for one in text.split(";")[:-1]]
    return [(snake(member), SIZES.get(kind.strip(), 8)) for kind, member in pairs]


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


STRUCTURES = {
    "OrthancPluginMemoryBuffer": abi.MemoryBuffer,
    "_OrthancPluginCreateMemoryBuffer": abi.CreateMemoryBuffer,
    "_OrthancPluginRetrieveDynamicString": abi.RetrieveDynamicString,
    "_OrthancPluginRestApiGet": abi.RestApiGet,
    "_OrthancPluginRestApiPostPut": abi.RestApiPostPut,
    "_OrthancPluginGetErrorDescription": abi.GetErrorDescription,
    "_OrthancPluginGlobalProperty": abi.GlobalProperty,
    "_OrthancPluginTranscoderCallback": abi.Callback,
    "_OrthancPluginDecodeImageCallback": abi.Callback,
    "_OrthancPluginOnStoredInstanceCallback": abi.Callback,
    "_OrthancPluginRegisterRefreshMetricsCallback": abi.Callback,
    "_OrthancPluginAccessDicomInstance": abi.AccessDicomInstance,
    "_OrthancPluginSetMetricsValue": abi.SetMetricsValue,
    "_OrthancPluginSetMetricsIntegerValue": abi.SetMetricsIntegerValue,
    "_OrthancPluginCreateJob": abi.CreateJob,
    "_OrthancPluginFreeJob": abi.FreeJob,
    "_OrthancPluginSubmitJob": abi.SubmitJob,
    "_OrthancPluginCreateImage": abi.CreateImage,
    "_OrthancPluginGetImageInfo": abi.GetImageInfo,
    "_OrthancPluginFreeImage": abi.FreeImage,
}


@pytest.mark.parametrize(("name", "structure"), STRUCTURES.items())
def test_the_structures_are_the_headers(name: str, structure: type[ctypes.Structure]) -> None:
    ours = [(field, ctypes.sizeof(kind)) for field, kind, *_ in structure._fields_]
    assert ours == members(name)


def test_the_unserializer_is_registered_as_callbacks_are() -> None:
    assert members("_OrthancPluginJobsUnserializer") == [("unserializer", 8)]


def test_the_context_is_the_headers() -> None:
    text = HEADER.read_text(encoding="utf-8")
    found = re.search(
        r"typedef struct _OrthancPluginContext_t\s*\{(.*?)\} OrthancPluginContext;", text, re.DOTALL
    )
    assert found
    body = re.sub(r"/\*.*?\*/", "", found.group(1), flags=re.DOTALL)
    order = ["pluginsManager", "orthancVersion", "Free", "(*InvokeService)"]
    assert sorted(order, key=body.index) == order
    assert body.count(";") == len(order) == len(abi.Context._fields_)
    assert ctypes.sizeof(abi.Context) == 32
