"""Errors that a user can act on: each says what was expected, what came and what to do."""


class AlikeError(Exception):
    """Base of every error that the library raises on purpose."""


class ConfigError(AlikeError):
    """A parameter has a value that it cannot have."""


class ImageError(AlikeError):
    """An image cannot be read, converted or processed."""


class WeightsError(AlikeError):
    """The weights of a network are missing, damaged or of another network."""


class BackendError(AlikeError):
    """A computing backend or a device is not there, or failed."""


class CameraError(AlikeError):
    """A calibration is not usable, or does not belong to the image."""


class DatasetError(AlikeError):
    """A folder, movie, camera or bag cannot be read as a sequence of images."""


def first_line(error: BaseException) -> str:
    """Return the gist of another library's error, which may be many lines or none."""
    return (str(error).splitlines() or [type(error).__name__])[0]
