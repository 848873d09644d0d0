"""Times three nights with and without pool, history and worklist, in turn.

Usage: run.py TIEOUT N [ROUNDS]. Prints the median wall time of each night and of all, and the ratio.
"""
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
tieout, count = sys.argv[1], int(sys.argv[2])
rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
data = pathlib.Path(tempfile.gettempdir()) / f"tieout-nights-{count}"
DATES = ["2026-11-18", "2026-11-19", "2026-11-20"]
if not (data / "in" / DATES[-1] / "statement.parquet").exists():
    subprocess.run([sys.executable, HERE / "generate.py", str(count), data], check=True)

accounts = ", ".join(f'"acct{number}"' for number in range(20))
columns = """
[source.columns]
event_no = "no"
order_no = "order_no"
provider_txn_id = "provider_txn_id"
kind = "kind"
amount = "amount_minor"
currency = { always = "CNY" }
status = "status"
account = "account"
occurred_at = "occurred_at"
"""
source = """
[[source]]
name = "{book}"
book = "{book}"
format = "parquet"
place = "in/{{date}}/{book}.parquet"
zone = "UTC"
unit = "minor"
sign = "by_kind"
{more}
"""
job = """job = "{name}"
base_currency = "CNY"
output = "{name}"
alert_tier = "never"

[carry]
history_days = {days}

[suspected_duplicates]
enabled = false
"""


def write(name, days):
    text = job.format(name=name, days=days)
    text += source.format(book="ledger", more="") + columns
    text += source.format(book="statement", more=f"account = [{accounts}]") + columns
    path = data / f"{name}.toml"
    path.write_text(text)
    return path


def night(path, date, fresh):
    command = [tieout, "run", path, "--date", date, "--json", "--quiet"] + (["--start-fresh"] if fresh else [])
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, (command, status)
    return time.monotonic() - begin, usage.ru_maxrss / 1024


jobs = {"alone": (write("alone", 0), True), "carried": (write("carried", 35), False)}
walls = {name: [] for name in jobs}
memory = {name: 0 for name in jobs}
for _ in range(rounds):
    for name, (path, alone) in jobs.items():
        shutil.rmtree(data / name, ignore_errors=True)
        nights = []
        for at, date in enumerate(DATES):
            wall, peak = night(path, date, alone or at == 0)
            nights.append(wall)
            memory[name] = max(memory[name], peak)
        walls[name].append(nights)
for name in jobs:
    medians = [statistics.median(nights[at] for nights in walls[name]) for at in range(3)]
    each = " ".join(f"{wall:.2f}" for wall in medians)
    print(f"{name:8} nights {each} s   all {sum(medians):.2f} s   peak {memory[name]:.0f} MB")
totals = {name: sum(statistics.median(nights[at] for nights in walls[name]) for at in range(3)) for name in jobs}
print(f"carried / alone: {totals['carried'] / totals['alone']:.2f}")
