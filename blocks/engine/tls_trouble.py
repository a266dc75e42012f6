"""Whether it is a certificate that a connection failed for, and on whose side."""

import ssl


def innermost(error: BaseException) -> BaseException:
    """Return the first cause: the SDK and its libraries put up to three layers around it."""
    while inner := _inner(error):
        error = inner
    return error


def is_distrust(cause: BaseException) -> bool:
    """Whether one side refused the other's certificate."""
    return isinstance(cause, ssl.SSLCertVerificationError) or is_alert(cause)


def is_alert(cause: BaseException) -> bool:
    """Whether the other side sent an alert about our certificate."""
    reason = getattr(cause, "reason", None) or ""
    return isinstance(cause, ssl.SSLError) and "ALERT" in reason and ("CERTIFICATE" in reason or "UNKNOWN_CA" in reason)


def _inner(error: BaseException) -> BaseException | None:
    wrapped = [getattr(error, "reason", None), *error.args, error.__cause__]
    return next((one for one in wrapped if isinstance(one, BaseException)), None)
