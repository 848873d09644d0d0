"""A job that publishes the books of the benchmarks, and what it published."""
import hashlib

import duckdb

# What is far off is believed, so that every difference has items as well.
HEAD = """job = "every"
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


def written(folder, ledger, statement, accounts_of):
    """The job file; `accounts_of` is the file that has all accounts."""
    accounts = duckdb.sql(f"select distinct account from '{accounts_of}' order by 1").fetchall()
    more = f"account = {[name for name, in accounts]}"
    job = HEAD + SOURCE.format(name="ledger", book="ledger", place=ledger, more="")
    job += SOURCE.format(name="psp", book="statement", place=statement, more=more)
    path = folder / "every.toml"
    path.write_text(job)
    return path


def published(folder):
    """Name, size and hash of every file."""
    files = sorted(file for file in (folder / "every").rglob("*") if file.is_file())
    digest = lambda file: hashlib.file_digest(open(file, "rb"), "sha256").hexdigest()
    return [(file.relative_to(folder).as_posix(), file.stat().st_size, digest(file)) for file in files]
