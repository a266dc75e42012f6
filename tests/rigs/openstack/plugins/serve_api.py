"""Serve one API: ``serve_api.py MODULE PORT``. The services read the command line too, so it is emptied first."""

import importlib
import sys

import waitress

if __name__ == "__main__":
    _, module, port = sys.argv
    sys.argv = [module]
    application = importlib.import_module(module).application
    waitress.serve(application, listen=f"127.0.0.1:{port}", threads=8)
