"""Times tieout and DuckDB on two books of which every record differs, and checks that both write the same table.

Usage: run.py TIEOUT N ROUNDS. Prints the median wall time and the highest memory of each, and the ratio.
"""
import pathlib
import shutil
import statistics
import sys

import duckdb

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from data import books
from timing import timed

tieout, count, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
data, ledger, statement = books(count)
db = duckdb.connect()
db.execute(f"set memory_limit = '6GB'; set temp_directory = '{data}/sorting'")
ours, theirs = data / "every-tieout", data / "every-duckdb"
commands = {
    "tieout": [tieout, "compare", ledger, statement, "--key", "order_no,kind", "--amount", "amount_minor", "--compare",
               "fee_minor,status,currency,account", "--out", ours, "--memory-limit", "2GiB"],
    "duckdb": [sys.executable, HERE / "duckdb_peer.py", ledger, statement, theirs],
}
walls, peaks = {who: [] for who in commands}, {who: 0 for who in commands}
for _ in range(rounds):
    for who, command in commands.items():
        wall, memory, _ = timed(command)
        walls[who].append(wall)
        peaks[who] = max(peaks[who], memory)
table = "(select * replace (occurred_at::varchar as occurred_at) from '{}/differences.parquet')"
for one, other in [(ours, theirs), (theirs, ours)]:
    only, = db.execute(f"select count(*) from (from {table.format(one)} except from {table.format(other)})").fetchone()
    assert only == 0, f"{only} rows of {one} are not in {other}"
rows, = db.execute(f"select count(*) from '{ours}/differences.parquet'").fetchone()
lines = sum(text.count(b"\n") for text in iter(lambda file=open(ours / "differences.csv", "rb"): file.read(1 << 24), b""))
assert lines == rows + 1, (lines, rows)
medians = {who: statistics.median(times) for who, times in walls.items()}
for who, median in medians.items():
    print(f"{rows} differences  {who:8} {median:7.1f} s  {peaks[who]:6.0f} MB  {median / medians['tieout']:6.2f} x", flush=True)
for folder in [ours, theirs, data / "sorting"]:
    shutil.rmtree(folder, ignore_errors=True)
