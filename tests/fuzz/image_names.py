"""Names of images in any spelling: ``make fuzz NAME=image_names SECONDS=600``.

What is taken has one canonical form, which is read as itself, fits the catalogue, and can be told to an engine.
"""

from pool.images.catalogue import split_pin
from pool.images.names import MAX_NAME, catalogue_name, read_name, tags_of
from tests.fuzz.rounds import fuzz, words_of

DIGEST = "sha256:" + "0123456789abcdef" * 4
PARTS = """docker.io index.docker.io localhost library registry.example [2001:db8::1] [::ffff:1.2.3.4] lab Lab rocker
rstudio latest 4.4 / // : :5000 @ . - _ __"""
NAMES = words_of(PARTS, DIGEST, DIGEST.upper(), "\n")


def check(text: str) -> None:
    """Read a name, and hold it to what every name must be."""
    name = read_name(text)
    assert read_name(str(name)) == name, text
    assert read_name(name.tagged).repository == name.repository, text
    assert len(name.repository) <= MAX_NAME, text
    assert catalogue_name(text) == str(name) == catalogue_name(str(name)), text
    assert str(name).isprintable(), text
    assert all(tag.count(":") >= 1 for tag in tags_of([str(name)])), text
    split_pin(str(name))


if __name__ == "__main__":
    fuzz(__doc__, NAMES, check)
