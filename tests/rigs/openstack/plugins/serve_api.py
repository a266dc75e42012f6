"""Serve one API: ``serve_api.py MODULE PORT [OPTION …]``. The options are for the service, which reads them itself."""

import importlib
import sys

import waitress

if __name__ == "__main__":
    _, module, port, *options = sys.argv
    sys.argv = [module, *options]
    application = importlib.import_module(module).application
    waitress.serve(application, listen=f"127.0.0.1:{port}", threads=8)
