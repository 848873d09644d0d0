"""Times `tieout compare` against its peers, in turn, and checks that every difference that was planted is found.

Usage: run.py TIEOUT N [ROUNDS]. Prints the median wall time and the highest memory of each, and the ratio.
"""
import json
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
tieout, count = sys.argv[1], int(sys.argv[2])
rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
data = pathlib.Path(tempfile.gettempdir()) / f"tieout-bench-{count}"
if not (data / "planted.json").exists():
    subprocess.run([sys.executable, HERE / "generate.py", str(count), data], check=True)
planted = json.loads((data / "planted.json").read_text())
key = ["--key", "order_no,kind"]


def ours(statement, compared):
    return [tieout, "compare", data / "ledger.parquet", data / statement, *key, *compared, "--out", data / "out", "--json"]


def duckdb(statement):
    return [sys.executable, HERE / "duckdb_peer.py", data / "ledger.parquet", data / statement, data / "peer.parquet"]


PARQUET = ["--amount", "amount_minor", "--compare", "fee_minor,status,currency,account"]
CSV = ["--amount", "amount_minor=amount", "--compare", "fee_minor=fee,status,currency,account"]
cases = [
    ("Parquet", ours("statement.parquet", PARQUET), duckdb("statement.parquet")),
    ("CSV statement", ours("statement.csv", CSV), duckdb("statement.csv")),
]


def timed(command):
    """Wall seconds, peak memory in MB, standard output."""
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    text = process.stdout.read()
    _, status, usage = __import__("os").wait4(process.pid, 0)
    assert status == 0, (command, status)
    return time.monotonic() - begin, usage.ru_maxrss / 1024, text


def check(text):
    found = {code["code"]: code["count"] for code in json.loads(text.splitlines()[-1])["codes"]}
    assert found == planted, (found, planted)


for name, mine, theirs in cases:
    results = {"tieout": [], "DuckDB": []}
    for _ in range(rounds):
        wall, memory, text = timed(mine)
        check(text)
        results["tieout"].append((wall, memory))
        results["DuckDB"].append(timed(theirs)[:2])
    medians = {who: statistics.median(wall for wall, _ in runs) for who, runs in results.items()}
    for who, runs in results.items():
        peak = max(memory for _, memory in runs)
        print(f"{name:14} {who:7} {medians[who]:7.2f} s  {peak:6.0f} MB  {medians['DuckDB'] / medians[who]:5.2f} × DuckDB")
