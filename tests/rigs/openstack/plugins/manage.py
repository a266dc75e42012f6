"""Run commands of one service, one after the other: ``manage.py MODULE [[WORD, …], …]``, the commands as JSON.

To import a service takes longer than most of its commands: it is imported once, and each command is a fork.
"""

import importlib
import json
import os
import sys

if __name__ == "__main__":
    _, module, commands = sys.argv
    main = importlib.import_module(module).main
    for words in json.loads(commands):
        child = os.fork()
        if not child:
            sys.argv = words
            sys.exit(main())
        _, status = os.waitpid(child, 0)
        if status:
            sys.exit(f"{' '.join(words)} failed")
