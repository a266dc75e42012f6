"""How long the sessions of a host that drains may stay."""

from pool.errors import BadRequest
from pool.moments import LONGEST_SPAN


def check_deadline(minutes: int | None) -> None:
    """Refuse a deadline that is none: before anything is done, and before an operator is asked about it.

    Raises:
        BadRequest: it is not after now, or longer ahead than ten years; None is no deadline.
    """
    most = LONGEST_SPAN // 60
    if minutes is not None and not 1 <= minutes <= most:
        raise BadRequest(f"deadline is {minutes}; it must be whole minutes, 1 to {most}, or empty for none")
