"""Counts, gives back the file that it was given, and tells events for some seconds."""

import time
from pathlib import Path

import gradio as gr


def count(counted: int) -> tuple[int, str]:
    return counted + 1, f"counted {counted + 1}"


def take(path: str) -> tuple[str, str]:
    return f"got {Path(path).stat().st_size} bytes", path


def tell():
    for event in range(10):
        yield f"event {event}"
        time.sleep(0.5)


with gr.Blocks() as demo:
    counted, said = gr.State(0), gr.Markdown("counted 0")
    gr.Button("Count").click(count, counted, [counted, said])
    given, size, fetch = gr.UploadButton("File"), gr.Markdown("no file"), gr.DownloadButton("Fetch")
    given.upload(take, given, [size, fetch])
    told = gr.Markdown("no event")
    gr.Button("Tell").click(tell, None, told)
demo.launch()
