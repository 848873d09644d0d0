"""Times `tieout run` on two books of which every record differs, together and apart, and checks that the files are the same.

Usage: published.py TIEOUT N ROUNDS. Prints the median wall time and the highest memory for each limit, and what was published.
"""
import pathlib
import shutil
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
from data import books
from job import published, written
from timing import timed

tieout, count, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
data, ledger, statement = books(count)
path = written(data, ledger, statement, ledger)

limits = ["512MiB", "1GiB", "4GiB"]
walls, peaks, files = {limit: [] for limit in limits}, {limit: 0 for limit in limits}, None
for _ in range(rounds):
    for limit in limits:
        shutil.rmtree(data / "every", ignore_errors=True)
        wall, memory, _ = timed([tieout, "run", path, "--date", "2026-11-20", "--start-fresh", "--json", "--quiet",
                                 "--memory-limit", limit])
        walls[limit].append(wall)
        peaks[limit] = max(peaks[limit], memory)
        made = published(data)
        assert files in (None, made), [one for one, other in zip(made, files) if one != other]
        files = made
for limit in limits:
    print(f"limit {limit:7} {statistics.median(walls[limit]):7.1f} s  {peaks[limit]:6.0f} MB", flush=True)
print(f"{len(files)} files, {sum(size for _, size, _ in files) / 1e9:.2f} GB, the same bytes with every limit")
shutil.rmtree(data / "every", ignore_errors=True)
