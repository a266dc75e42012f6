"""Ask a session directly, past the gateway, whether it answers HTTP."""

import httpx

ANSWER_SECONDS = 5


def answers(address: str, port: int, path: str, authorization: str = "") -> bool:
    """Whether the notebook answers below 500. A socket that merely accepts, as Docker's does, is not an answer."""
    host = f"[{address}]" if ":" in address else address
    headers = {b"Authorization": authorization.encode()} if authorization else {}
    try:
        with httpx.Client(trust_env=False, timeout=ANSWER_SECONDS) as client:
            return (
                client.get(f"http://{host}:{port}{path}", headers=headers).status_code
                < httpx.codes.INTERNAL_SERVER_ERROR
            )
    except httpx.TransportError:
        return False
