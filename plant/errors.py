"""What can go wrong with a plant, as facts: a code, a sentence, details. No status numbers, those belong to the doors."""

from collections.abc import Mapping
from typing import Any


class PlantError(Exception):
    """A fact a caller can act on; `code` is stable, `message` is a sentence, `details` are JSON values."""

    code = "ERROR"

    def __init__(self, message: str, code: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.details: Mapping[str, Any] = details


class NotFound(PlantError):
    """The thing named does not exist."""

    code = "NOT_FOUND"


class DeviceNotFound(NotFound):
    """No device answers to this id."""

    code = "DEVICE_NOT_FOUND"

    def __init__(self, device_id: str, **details: Any) -> None:
        super().__init__(f"Device with ID '{device_id}' not found", device_id=device_id, **details)


class MetricNotFound(NotFound):
    """The catalogue has no such metric, or not for this kind of device."""

    code = "METRIC_NOT_FOUND"

    def __init__(self, metric: str, **details: Any) -> None:
        super().__init__(f"Metric '{metric}' is not in the catalogue", metric=metric, **details)


class Conflict(PlantError):
    """It exists already, or its state does not allow this."""

    code = "CONFLICT"


class Invalid(PlantError):
    """The input makes no sense; `field_errors` in details lists `{field, message, received_value}`."""

    code = "VALIDATION_ERROR"


class Locked(PlantError):
    """The device is locked or in maintenance."""

    code = "LOCKED"


class CommandNotFound(NotFound):
    """No command of this device has this id."""

    code = "COMMAND_NOT_FOUND"

    def __init__(self, command_id: str, **details: Any) -> None:
        super().__init__(f"Command with ID '{command_id}' not found", command_id=command_id, **details)


class SafetyViolation(PlantError):
    """The device does not stand what it would be told; `violations` in details says why, in sentences."""

    code = "SAFETY_VIOLATION"


class Forbidden(PlantError):
    """The caller is known but may not do this."""

    code = "FORBIDDEN"


class Unauthorized(PlantError):
    """The caller is not known."""

    code = "UNAUTHORIZED"


class Unavailable(PlantError):
    """A part the answer needs (store, broker, worker) does not answer now."""

    code = "UNAVAILABLE"


class Damaged(Unavailable):
    """Something kept cannot be read any more; the store itself is well."""

    code = "DAMAGED"


class TooMany(PlantError):
    """Asked too often; `retry_after` in details says after how many seconds it makes sense again."""

    code = "RATE_LIMITED"
