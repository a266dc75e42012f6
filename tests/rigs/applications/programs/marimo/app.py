"""Counts, and gives back the file that it was given."""

import marimo

app = marimo.App()


@app.cell
def _():
    import marimo as mo  # noqa: PLC0415 - a cell brings what others use

    count = mo.ui.button(label="Count", value=0, on_click=lambda counted: counted + 1)
    given = mo.ui.file(label="File")
    mo.vstack([count, given])
    return count, given, mo


@app.cell
def _(count, mo):
    mo.md(f"counted {count.value}")


@app.cell
def _(given, mo):
    body = given.contents() or b""
    mo.vstack([mo.md(f"got {len(body)} bytes"), mo.download(body, filename=given.name() or "none", label="Fetch")])


if __name__ == "__main__":
    app.run()
