"""The package's exceptions, split by whose fault they are.

``SettingsError``  the administrator's configuration is wrong: the start stops.
``HostError``      the host is not what the plugin needs: it degrades, and says why.
``Declined``       the image must not, or cannot, be transcoded as asked: the original is kept.
``DicomError``     the file breaks DICOM: the original is kept.
``CodecError``     a codestream is damaged, or a codec failed on it: the original is kept.
``PoolError``      a worker died, hung or could not start: the original is kept.
"""


class TranscoderError(Exception):
    """Base of everything that this package raises on purpose."""


class SettingsError(TranscoderError):
    """An option of the ``Transcoder`` section is unknown or has a wrong value."""


class HostError(TranscoderError):
    """Orthanc's native interface could not be found, proven or used."""


class Refusal(TranscoderError):
    """Base of the reasons for which an image is left as it is.

    Parameters
    ----------
    code
        Stable, machine-readable, lower case with underscores.
    reason
        One sentence for the administrator.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Declined(Refusal):
    """The standard, the policy or a codec's limits forbid this transcoding."""


class DicomError(Refusal):
    """The DICOM file is damaged or contradicts itself."""


class CodecError(Refusal):
    """A codestream cannot be decoded, or its encoding failed verification."""


class PoolError(Refusal):
    """The worker processes could not finish the job."""
