"""Times the night after one that left everything open, with several limits, and checks that the files are the same.

Usage: carried.py TIEOUT N ROUNDS. Two pairs of nights: on the first of one every record differs, and the second has a few
records of its own; on the first of the other nothing but the ledger is there, and the bill comes with the second. Prints the
median wall time and the highest memory of both nights for each limit.
"""
import pathlib
import shutil
import statistics
import sys

import duckdb

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
from data import books
from job import published, written
from timing import timed

tieout, count, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
data, ledger, every = books(count)
work, dates, limits = data / "carried", ["2026-11-20", "2026-11-21"], ["512MiB", "4GiB"]


def put(name, query):
    duckdb.sql(query).write_parquet(str(work / name), compression="zstd")


def few(rows, mark, days):
    """Some records with numbers of their own, on a later day."""
    return (f"select * replace ('{mark}' || order_no as order_no, '{mark}' || provider_txn_id as provider_txn_id, "
            f"occurred_at + interval {days} day as occurred_at) from '{ledger}' limit {rows}")


def all_differ():
    put(f"ledger-{dates[0]}.parquet", f"from '{ledger}'")
    put(f"psp-{dates[0]}.parquet", f"from '{every}'")
    for name in ["ledger", "psp"]:
        put(f"{name}-{dates[1]}.parquet", few(1_000, "N", 1))


def all_late():
    put(f"ledger-{dates[0]}.parquet", f"from '{ledger}'")
    put(f"psp-{dates[0]}.parquet", few(10, "N", 0))
    put(f"ledger-{dates[1]}.parquet", few(1_000, "M", 1))
    put(f"psp-{dates[1]}.parquet", f"from '{data}/statement.parquet' union all by name ({few(100, 'M', 1)})")


for nights in [all_differ, all_late]:
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    nights()
    path = written(work, work / "ledger-{date}.parquet", work / "psp-{date}.parquet", ledger)
    walls, peaks, files = {}, {}, None
    for _ in range(rounds):
        for limit in limits:
            shutil.rmtree(work / "every", ignore_errors=True)
            for date in dates:
                first = ["--start-fresh"] if date == dates[0] else []
                wall, memory, _ = timed([tieout, "run", path, "--date", date, *first, "--json", "--quiet",
                                         "--memory-limit", limit])
                walls.setdefault((limit, date), []).append(wall)
                peaks[limit, date] = max(peaks.get((limit, date), 0), memory)
            made = published(work)
            assert files in (None, made), [one for one, other in zip(made, files) if one != other]
            files = made
    for (limit, date), times in walls.items():
        night = "first" if date == dates[0] else "second"
        print(f"{nights.__name__:10} limit {limit:7} {night:6} {statistics.median(times):7.1f} s  "
              f"{peaks[limit, date]:6.0f} MB", flush=True)
shutil.rmtree(work, ignore_errors=True)
