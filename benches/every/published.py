"""Times `tieout run` on two books of which every record differs, together and apart, and checks that the files are the same.

Usage: published.py TIEOUT N ROUNDS. Prints the median wall time and the highest memory for each limit, and what was published.
"""
import hashlib
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
accounts = [name for name, in duckdb.sql(f"select distinct account from '{ledger}' order by 1").fetchall()]

SOURCE = """
[[source]]
name = "{name}"
book = "{book}"
format = "parquet"
place = "{place}"
zone = "UTC"
unit = "minor"
sign = "by_kind"
{more}
[source.columns]
event_no = "order_no"
order_no = "order_no"
provider_txn_id = "provider_txn_id"
kind = "kind"
amount = "amount_minor"
fee = {{ column = "fee_minor", charged = "positive" }}
currency = "currency"
status = "status"
account = "account"
occurred_at = "occurred_at"
"""
# What is far off is believed, so that every difference has items as well.
job = """job = "every"
base_currency = "CNY"
output = "every"
alert_tier = "never"
[compare]
fee = true
[matching]
match_rate_floor_percent = 0
[suspected_duplicates]
enabled = false
"""
job += SOURCE.format(name="ledger", book="ledger", place=ledger, more="")
job += SOURCE.format(name="psp", book="statement", place=statement, more=f"account = {accounts}")
path = data / "every.toml"
path.write_text(job)


def published():
    """Name, size and hash of every file."""
    files = sorted(file for file in (data / "every").rglob("*") if file.is_file())
    digest = lambda file: hashlib.file_digest(open(file, "rb"), "sha256").hexdigest()
    return [(file.relative_to(data).as_posix(), file.stat().st_size, digest(file)) for file in files]


limits = ["512MiB", "1GiB", "4GiB"]
walls, peaks, files = {limit: [] for limit in limits}, {limit: 0 for limit in limits}, None
for _ in range(rounds):
    for limit in limits:
        shutil.rmtree(data / "every", ignore_errors=True)
        wall, memory, _ = timed([tieout, "run", path, "--date", "2026-11-20", "--start-fresh", "--json", "--quiet",
                                 "--memory-limit", limit])
        walls[limit].append(wall)
        peaks[limit] = max(peaks[limit], memory)
        made = published()
        assert files in (None, made), [one for one, other in zip(made, files) if one != other]
        files = made
for limit in limits:
    print(f"limit {limit:7} {statistics.median(walls[limit]):7.1f} s  {peaks[limit]:6.0f} MB", flush=True)
print(f"{len(files)} files, {sum(size for _, size, _ in files) / 1e9:.2f} GB, the same bytes with every limit")
shutil.rmtree(data / "every", ignore_errors=True)
