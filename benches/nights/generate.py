"""Three nights of N records in each book, with differences, late records and duplicates over the nights.

Usage: generate.py N FOLDER. Writes in/DATE/{ledger,statement}.parquet. Equal N gives equal files.

Of ten thousand records: ten have another amount, ten are missing in the ledger, ten are missing at the provider and
turn up there a night later, five are paid again a night later, and five rows are in the bill again. One record in
twenty is a refund.
"""
import pathlib
import sys

import duckdb

count, folder = int(sys.argv[1]), pathlib.Path(sys.argv[2])
db = duckdb.connect()
DAYS = ["2026-11-18", "2026-11-19", "2026-11-20"]
parquet = "(format parquet, compression zstd, row_group_size 500000)"


def base(day):
    """All records of a night; `r` says what happens to each."""
    return f"""(select {day} as day, i + {day} * {count} as n,
      'M' || lpad(((n * 2654435761) % 1000000007)::varchar, 12, '0') || lpad(n::varchar, 9, '0') as order_no,
      '42000' || lpad(((n * 40503) % 99999989)::varchar, 8, '0') || lpad(n::varchar, 15, '0') as provider_txn_id,
      (100 + hash(n) % 500000)::bigint as amount_minor,
      case when hash(n + 7) % 20 = 0 then 'REFUND' else 'PAYMENT' end as kind,
      timestamp '{DAYS[day]} 00:00:00' + to_seconds((hash(n + 3) % 86400)::bigint) as occurred_at,
      'acct' || (hash(n + 5) % 20)::varchar as account,
      hash(n + 11) % 10000 as r
      from range({count}) t(i))"""


columns = "order_no as no, order_no, provider_txn_id, {amount} as amount_minor, kind, 'SUCCESS' as status, occurred_at, account"
for day, date in enumerate(DAYS):
    out = folder / "in" / date
    out.mkdir(parents=True, exist_ok=True)
    ledger = columns.format(amount="amount_minor")
    statement = columns.format(amount="case when r < 10 then amount_minor + 1000 else amount_minor end")
    db.execute(f"""copy (select {ledger} from {base(day)} where r not between 10 and 19 order by hash(n + 99))
      to '{out}/ledger.parquet' {parquet}""")
    before = f"""union all select * from {base(day - 1)} where r between 20 and 29 or r between 35 and 39
      union all select * replace (provider_txn_id || 'D' as provider_txn_id,
        occurred_at + interval 1 day as occurred_at) from {base(day - 1)} where r between 30 and 34""" if day else ""
    db.execute(f"""copy (select {statement} from (select * from {base(day)} where r not between 20 and 29 {before})
      order by hash(n + 77), provider_txn_id) to '{out}/statement.parquet' {parquet}""")
