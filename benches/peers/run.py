"""Times `tieout compare` against its peers, in turn, and checks that all find the same differences.

Usage: run.py TIEOUT FLOOR N ROUNDS PEER,PEER,… with peers of duckdb, polars, spark and datacompy. DATACOMPY_PYTHON names
the Python that has datacompy. Prints the median wall time and the highest memory of each, children included, and
how many times as long as tieout it took; last the floor: bare decoding of the compared columns.
"""
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from timing import timed

tieout, floor, count, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
peers = sys.argv[5].split(",") if len(sys.argv) > 5 and sys.argv[5] else ["duckdb"]
share = int(os.environ.get("SHARE", "1"))
data = pathlib.Path(tempfile.gettempdir()) / f"tieout-bench-{count}-{share}"
if not (data / "planted.json").exists():
    subprocess.run([sys.executable, HERE / "generate.py", str(count), data, str(share)], check=True)
planted = json.loads((data / "planted.json").read_text())
CLASS_OF = {
    "MISSING_IN_LEDGER": "MISSING_IN_LEDGER", "REFUND_UNAUTHORISED": "MISSING_IN_LEDGER",
    "MISSING_AT_PROVIDER": "MISSING_AT_PROVIDER", "REFUND_NOT_EXECUTED": "MISSING_AT_PROVIDER",
    "AMOUNT_OVER": "AMOUNT", "ROUNDING_VARIANCE": "ROUNDING", "STATUS_PROVIDER_SUCCESS": "STATUS",
    "DUPLICATE_PAYMENT": "DUPLICATE", "DUPLICATE_REFUND": "DUPLICATE",
}
classes = {}
for code, found in planted.items():
    classes[CLASS_OF[code]] = classes.get(CLASS_OF[code], 0) + found
COLUMNS = "order_no,kind,amount_minor,fee_minor,status,currency,account"
PARQUET = ["--amount", "amount_minor", "--compare", "fee_minor,status,currency,account"]
CSV = ["--amount", "amount_minor=amount", "--compare", "fee_minor=fee,status,currency,account"]


def ours(statement, compared):
    key = ["--key", "order_no,kind"]
    return [tieout, "compare", data / "ledger.parquet", data / statement, *key, *compared, "--out", data / "out", "--json"]


def theirs(peer, statement):
    python = os.environ["DATACOMPY_PYTHON"] if peer == "datacompy" else sys.executable
    return [python, HERE / f"{peer}_peer.py", data / "ledger.parquet", data / statement, data / f"{peer}.parquet"]


def check_ours(line):
    found = {code["code"]: code["count"] for code in json.loads(line)["codes"]}
    assert found == planted, (found, planted)


def check_theirs(line):
    assert json.loads(line) == classes, (line, classes)


statements = [("Parquet", "statement.parquet", PARQUET)]
if (data / "statement.csv").exists():
    statements.append(("CSV statement", "statement.csv", CSV))
for name, statement, compared in statements:
    # datacompy is given frames, and has no reader of its own.
    chosen = [peer for peer in peers if peer != "datacompy" or statement.endswith(".parquet")]
    results = {who: [] for who in ["tieout", *chosen]}
    for _ in range(rounds):
        wall, memory, line = timed(ours(statement, compared))
        check_ours(line)
        results["tieout"].append((wall, memory))
        for peer in chosen:
            wall, memory, line = timed(theirs(peer, statement))
            check_theirs(line)
            results[peer].append((wall, memory))
    medians = {who: statistics.median(wall for wall, _ in runs) for who, runs in results.items()}
    for who, runs in results.items():
        peak = max(memory for _, memory in runs)
        times = medians[who] / medians["tieout"]
        print(f"{name:14} {who:10} {medians[who]:7.2f} s  {peak:6.0f} MB  {times:6.2f} x", flush=True)
    if statement.endswith(".parquet"):
        pairs = [data / "ledger.parquet", COLUMNS, data / statement, COLUMNS]
        walls = [json.loads(subprocess.run([floor, *pairs], check=True, capture_output=True).stdout)["seconds"] for _ in range(rounds)]
        print(f"{name:14} {'floor':10} {statistics.median(walls):7.2f} s  {'':6}     {statistics.median(walls) / medians['tieout']:6.2f} x", flush=True)
for leftover in data.glob("*.parquet"):
    if leftover.is_dir():
        shutil.rmtree(leftover)
