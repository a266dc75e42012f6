"""What operators do and ask by the command, one file for each noun; `runtime/command/cli.py` lists them."""
