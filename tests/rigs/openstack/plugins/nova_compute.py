"""nova-compute, with the drivers of this folder beside its own (Nova loads drivers from nova.virt alone)."""

import sys
from pathlib import Path

# isort: off
import nova.monkey_patch  # must come first
import nova.cmd.compute
import nova.virt

nova.virt.__path__.append(str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[4]))  # the driver packs a machine's data root as the product does

if __name__ == "__main__":
    sys.argv[0] = "nova-compute"
    sys.exit(nova.cmd.compute.main())
