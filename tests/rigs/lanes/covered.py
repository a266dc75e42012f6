"""Join what each lane of the unit tests covered, print what is missing, and fail when it is too little.

``python -m tests.rigs.lanes.covered FILE…``; the floor is `fail_under` in pyproject.toml; all is in build/coverage.
"""

import os
import sys

from coverage.cmdline import main

if __name__ == "__main__":
    os.environ.pop("COVERAGE_FILE", None)  # that of one lane
    sys.exit(main(["combine", "--keep", *sys.argv[1:]]) or main(["report"]))
