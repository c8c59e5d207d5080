"""checks PROGRAM DIRECTORY - checks the file system PROGRAM, on mounts in DIRECTORY"""

import sys

import harness

# Each module runs its checks when it is imported.
import passing_through, failing, losing_data, waiting, commands, ending

print(f"{harness.failures} failed" if harness.failures else "all passed")
sys.exit(1 if harness.failures else 0)
