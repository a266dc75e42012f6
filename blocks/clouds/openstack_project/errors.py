"""What openstacksdk and keystoneauth raise, as the errors of the pool: refused for good, or trouble this time."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from keystoneauth1 import exceptions as auth_errors
from openstack import exceptions as sdk_errors
from requests.exceptions import RequestException

from pool.errors import CloudRefused, CloudTrouble

ADDRESS = re.compile(r"https?://[^\s'\",)]+[^\s'\",):.]")
NO_ANSWER = (
    auth_errors.ConnectFailure,
    auth_errors.ConnectTimeout,
    auth_errors.ConnectionError,
    auth_errors.DiscoveryFailure,
    auth_errors.RetriableConnectionFailure,
    sdk_errors.ServiceDiscoveryException,
    RequestException,
)
BAD_LOGIN = "Keystone refuses the credentials: the user, the password, the project or the domain is wrong"
QUOTA = re.compile(r"quota", re.IGNORECASE)


@contextmanager
def translate_errors(doing: str) -> Iterator[None]:
    """Turn what the cloud's libraries raise into one sentence.

    Args:
        doing: what was going on, as "make host main-01"; the sentence goes on from there.

    Raises:
        CloudRefused: credentials, permission, quota or the request itself; asking again will not help.
        CloudTrouble: no answer, a broken connection, an error inside the cloud; asking again may help.
    """
    try:
        yield
    except sdk_errors.HttpException as error:
        raise _from_answer(doing, error) from error
    except NO_ANSWER as error:
        raise CloudTrouble(f"cannot {doing}: no usable answer from {_where(error)}") from error
    except auth_errors.Unauthorized as error:
        raise CloudRefused(f"cannot {doing}: {BAD_LOGIN}") from error
    except auth_errors.HttpError as error:
        raise _from_status(doing, error.http_status, error.message) from error
    except (auth_errors.EndpointNotFound, sdk_errors.ServiceDisabledException) as error:
        raise CloudRefused(f"cannot {doing}: the cloud lacks a service: {_short(error)}") from error
    except (auth_errors.ClientException, sdk_errors.ConfigException) as error:
        raise CloudRefused(f"cannot {doing}: the OpenStack credentials are not complete: {_short(error)}") from error
    except sdk_errors.SDKException as error:
        raise CloudTrouble(f"cannot {doing}: {_short(error)}") from error


def is_quota(error: sdk_errors.HttpException) -> bool:
    """Whether the cloud refused because a quota is used up. Nova says 403, Neutron 409, Cinder 413."""
    return error.status_code in (403, 409, 413) and bool(QUOTA.search(_details(error)))


def _from_answer(doing: str, error: sdk_errors.HttpException) -> CloudRefused | CloudTrouble:
    if is_quota(error):
        return CloudRefused(f"cannot {doing}: quota: {_details(error)}")
    return _from_status(doing, error.status_code or 0, _details(error))


def _from_status(doing: str, status: int, words: str) -> CloudRefused | CloudTrouble:
    if status == 401:
        return CloudRefused(f"cannot {doing}: {BAD_LOGIN}")
    if status == 403:
        return CloudRefused(f"cannot {doing}: these credentials may not: {words}")
    if status in (400, 404, 413):
        return CloudRefused(f"cannot {doing}: the cloud refuses: {words}")
    return CloudTrouble(f"cannot {doing}: the cloud answers {status}: {words}")


def _details(error: sdk_errors.HttpException) -> str:
    return _short(error.details or error.message or error)


def _short(error: object) -> str:
    """Return the first line, at most 300 characters: some errors carry a whole page of HTML."""
    first = re.sub(r"<[^>]+>", " ", str(error)).strip().split("\n")[0]
    return re.sub(r"\s+", " ", first)[:300].rstrip(". ")


def _where(error: Exception) -> str:
    found = ADDRESS.search(str(error))
    return found.group() if found else _short(error)
