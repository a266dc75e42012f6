"""What a machine's console says, fit for people and for logs."""

import re

TERMINAL_CODES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")
BEGIN, END = (rf"-----{word} [A-Z ]*PRIVATE KEY-----" for word in ("BEGIN", "END"))
PRIVATE_KEY = re.compile(rf"(\A|{BEGIN})(?:(?!{BEGIN}).)*?{END}", re.DOTALL)  # also one whose beginning was cut off
#: A word that may be part of a key or a token: long, of all kinds of characters, and no path.
CODED = re.compile(r"(?<![\w+/.-])(?=\S*\d)(?=\S*[a-z])(?=\S*[A-Z])[A-Za-z0-9+][\w+/-]{38,}={0,2}")
#: A line of nothing but base64, as keys are written; it may begin with a slash.
LINE_OF_CODE = re.compile(r"^[ \t]*[A-Za-z0-9+/]{60,}={0,2}[ \t]*\r?$", re.MULTILINE)
HIDDEN = "(hidden)"


def last_words(console: str, lines: int) -> str:
    """Return the last lines of a console, without colours and empty lines.

    cloud-init writes user data to the console when it cannot read it, and a host's private key is in there: whatever
    looks like a key is hidden.
    """
    text = PRIVATE_KEY.sub(HIDDEN, TERMINAL_CODES.sub("", console))
    shown = CODED.sub(HIDDEN, LINE_OF_CODE.sub(HIDDEN, text))
    told = [line.rstrip() for line in shown.splitlines() if line.strip()]
    return "\n".join(told[-lines:])


def quoted(words: str, lines: int = 5, most: int = 400) -> str:
    """Return the last of these lines as one, to be put into a sentence."""
    return " / ".join(line.strip() for line in words.splitlines()[-lines:])[-most:]
