"""Which images an engine can run: by operating system and processor, as images and engines name them."""

_NAMES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "armv8l": "arm64", "i386": "386", "i686": "386"}
#: What else a processor runs.
_ALSO = {"amd64": ("386",), "arm64": ("arm",)}


def processor(name: str) -> str:
    """Return a processor's one name: "x86_64" is "amd64", "armv7l" is "arm"."""
    known = name.strip().lower()
    return _NAMES.get(known, "arm" if known.startswith("arm") and known != "arm64" else known)


def runs_on(image: str, engine: str) -> bool:
    """Whether an engine's processor runs an image made for another; what is not known is not refused.

    Args:
        image: ``architecture`` of the image's config.
        engine: ``Architecture`` of the engine's own description.
    """
    ours, theirs = processor(image), processor(engine)
    return not ours or not theirs or ours == theirs or ours in _ALSO.get(theirs, ())
