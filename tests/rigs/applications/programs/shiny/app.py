"""Counts, and gives back the file that it was given."""

from pathlib import Path

from shiny import App, Inputs, reactive, render, ui

page = ui.page_fluid(
    ui.input_action_button("count", "Count"),
    ui.output_text("counted"),
    ui.input_file("given", "File"),
    ui.output_text("size"),
    ui.download_button("fetch", "Fetch"),
)


def server(input: Inputs) -> None:  # noqa: A002 - Shiny calls it so
    @render.text
    def counted() -> str:
        return f"counted {input.count()}"

    @reactive.calc
    def body() -> bytes:
        given = input.given()
        return Path(given[0]["datapath"]).read_bytes() if given else b""

    @render.text
    def size() -> str:
        return f"got {len(body())} bytes"

    @render.download(filename=lambda: input.given()[0]["name"])
    def fetch():
        yield body()


app = App(page, server)
