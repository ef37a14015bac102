"""Numbers, structures and signatures of Orthanc's C interface (``OrthancCPlugin.h``).

Only what this plugin uses, named as there, without the prefixes. All of it is
the same from Orthanc 1.10.1 to 1.13.0, where a comment says nothing else.
"""

from __future__ import annotations

import ctypes
from enum import IntEnum
from typing import Literal

Step = Literal["continue", "success", "failure"]
StopReason = Literal["success", "paused", "failure", "canceled"]

# ``OrthancPluginErrorCode``
SUCCESS = 0
PLUGIN_ERROR = 1
NOT_IMPLEMENTED = 2

METRICS_DEFAULT = 0  # of ``OrthancPluginMetricsType``
# ``OrthancPluginJobStepStatus`` and ``OrthancPluginJobStopReason``
STEP_STATUS: dict[Step, int] = {"success": 1, "failure": 2, "continue": 3}
STOP_REASONS: dict[int, StopReason] = {1: "success", 2: "paused", 3: "failure", 4: "canceled"}

# ``OrthancPluginPixelFormat``, with the bytes of a pixel.
PIXEL_FORMATS = {
    "Grayscale8": (1, 1),
    "Grayscale16": (2, 2),
    "SignedGrayscale16": (3, 2),
    "RGB24": (4, 3),
    "RGB48": (7, 6),
    "Grayscale32": (8, 4),
    "Grayscale64": (11, 8),
}


class Service(IntEnum):
    """``_OrthancPluginService``."""

    GET_ORTHANC_PATH = 4
    GET_GLOBAL_PROPERTY = 8
    SET_GLOBAL_PROPERTY = 9
    GET_CONFIGURATION = 13
    GET_ERROR_DESCRIPTION = 17
    SET_METRICS_VALUE = 31
    CREATE_MEMORY_BUFFER = 38
    SET_METRICS_INTEGER_VALUE = 43  # from Orthanc 1.12.1 on
    REGISTER_ON_STORED_INSTANCE_CALLBACK = 1001
    REGISTER_DECODE_IMAGE_CALLBACK = 1006
    REGISTER_REFRESH_METRICS_CALLBACK = 1011
    REGISTER_TRANSCODER_CALLBACK = 1015
    REST_API_GET = 3001
    REST_API_POST = 3002
    REST_API_DELETE = 3003
    REST_API_PUT = 3004
    GET_INSTANCE_SIZE = 4001
    GET_INSTANCE_TRANSFER_SYNTAX_UID = 4008
    GET_IMAGE_PITCH = 6003
    GET_IMAGE_BUFFER = 6004
    FREE_IMAGE = 6006
    CREATE_IMAGE = 6012
    CREATE_JOB = 9000
    FREE_JOB = 9001
    SUBMIT_JOB = 9002
    REGISTER_JOBS_UNSERIALIZER = 9003


class MemoryBuffer(ctypes.Structure):
    """``OrthancPluginMemoryBuffer``."""

    _fields_ = (("data", ctypes.c_void_p), ("size", ctypes.c_uint32))


class CreateMemoryBuffer(ctypes.Structure):
    """``_OrthancPluginCreateMemoryBuffer``."""

    _fields_ = (("target", ctypes.c_void_p), ("size", ctypes.c_uint32))


class RetrieveDynamicString(ctypes.Structure):
    """``_OrthancPluginRetrieveDynamicString``."""

    _fields_ = (("result", ctypes.POINTER(ctypes.c_void_p)), ("argument", ctypes.c_char_p))


class RestApiGet(ctypes.Structure):
    """``_OrthancPluginRestApiGet``."""

    _fields_ = (("target", ctypes.POINTER(MemoryBuffer)), ("uri", ctypes.c_char_p))


class RestApiPostPut(ctypes.Structure):
    """``_OrthancPluginRestApiPostPut``."""

    _fields_ = (
        ("target", ctypes.POINTER(MemoryBuffer)),
        ("uri", ctypes.c_char_p),
        ("body", ctypes.c_char_p),
        ("body_size", ctypes.c_uint32),
    )


class GetErrorDescription(ctypes.Structure):
    """``_OrthancPluginGetErrorDescription``."""

    _fields_ = (("target", ctypes.POINTER(ctypes.c_char_p)), ("error", ctypes.c_int32))


class GlobalProperty(ctypes.Structure):
    """``_OrthancPluginGlobalProperty``."""

    _fields_ = (
        ("result", ctypes.POINTER(ctypes.c_void_p)),
        ("property", ctypes.c_int32),
        ("value", ctypes.c_char_p),
    )


class Callback(ctypes.Structure):
    """What every service takes that registers one function."""

    _fields_ = (("callback", ctypes.c_void_p),)


class CreateImage(ctypes.Structure):
    """``_OrthancPluginCreateImage``."""

    _fields_ = (
        ("target", ctypes.c_void_p),
        ("format", ctypes.c_int),
        ("width", ctypes.c_uint32),
        ("height", ctypes.c_uint32),
        ("pitch", ctypes.c_uint32),
        ("buffer", ctypes.c_void_p),
        ("const_buffer", ctypes.c_void_p),
        ("buffer_size", ctypes.c_uint32),
        ("frame_index", ctypes.c_uint32),
    )


class GetImageInfo(ctypes.Structure):
    """``_OrthancPluginGetImageInfo``."""

    _fields_ = (
        ("image", ctypes.c_void_p),
        ("result_uint32", ctypes.POINTER(ctypes.c_uint32)),
        ("result_pixel_format", ctypes.c_void_p),
        ("result_buffer", ctypes.POINTER(ctypes.c_void_p)),
    )


class FreeImage(ctypes.Structure):
    """``_OrthancPluginFreeImage``."""

    _fields_ = (("image", ctypes.c_void_p),)


class AccessDicomInstance(ctypes.Structure):
    """``_OrthancPluginAccessDicomInstance``."""

    _fields_ = (
        ("result_string_to_free", ctypes.POINTER(ctypes.c_void_p)),
        ("result_string", ctypes.c_void_p),
        ("result_int64", ctypes.POINTER(ctypes.c_int64)),
        ("key", ctypes.c_char_p),
        ("instance", ctypes.c_void_p),
        ("result_origin", ctypes.c_void_p),
    )


class SetMetricsValue(ctypes.Structure):
    """``_OrthancPluginSetMetricsValue``."""

    _fields_ = (("name", ctypes.c_char_p), ("value", ctypes.c_float), ("type", ctypes.c_int))


class SetMetricsIntegerValue(ctypes.Structure):
    """``_OrthancPluginSetMetricsIntegerValue``."""

    _fields_ = (("name", ctypes.c_char_p), ("value", ctypes.c_int64), ("type", ctypes.c_int))


class CreateJob(ctypes.Structure):
    """``_OrthancPluginCreateJob``."""

    _fields_ = (
        ("target", ctypes.c_void_p),
        ("job", ctypes.c_void_p),
        ("finalize", ctypes.c_void_p),
        ("type", ctypes.c_char_p),
        ("get_progress", ctypes.c_void_p),
        ("get_content", ctypes.c_void_p),
        ("get_serialized", ctypes.c_void_p),
        ("step", ctypes.c_void_p),
        ("stop", ctypes.c_void_p),
        ("reset", ctypes.c_void_p),
    )


class FreeJob(ctypes.Structure):
    """``_OrthancPluginFreeJob``."""

    _fields_ = (("job", ctypes.c_void_p),)


class SubmitJob(ctypes.Structure):
    """``_OrthancPluginSubmitJob``."""

    _fields_ = (
        ("result_id", ctypes.c_void_p),
        ("job", ctypes.c_void_p),
        ("priority", ctypes.c_int),
    )


FREE = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
INVOKE_SERVICE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


class Context(ctypes.Structure):
    """``OrthancPluginContext``."""

    _fields_ = (
        ("plugins_manager", ctypes.c_void_p),
        ("orthanc_version", ctypes.c_char_p),
        ("free", FREE),
        ("invoke_service", INVOKE_SERVICE),
    )


TRANSCODER = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_uint64,
    ctypes.POINTER(ctypes.c_char_p),
    ctypes.c_uint32,
    ctypes.c_uint8,
)
DECODE_IMAGE = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32
)
REFRESH_METRICS = ctypes.CFUNCTYPE(None)
STORED_INSTANCE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)
JOB_PROGRESS = ctypes.CFUNCTYPE(ctypes.c_float, ctypes.c_void_p)
JOB_CONTENT = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
JOB_STEP = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
JOB_STOP = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
JOBS_UNSERIALIZER = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p)
