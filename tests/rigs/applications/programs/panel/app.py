"""Counts, and gives back the file that it was given."""

import io

import panel as pn

pn.extension()
count = pn.widgets.Button(name="Count")
given = pn.widgets.FileInput(name="File")


def back(body: bytes | None) -> object:
    if not body:
        return "no file"
    fetch = pn.widgets.FileDownload(io.BytesIO(body), filename=given.filename, label="Fetch", embed=False)
    return pn.Column(f"got {len(body)} bytes", fetch)


pn.Column(count, pn.bind("counted {}".format, count.param.clicks), given, pn.bind(back, given)).servable()
