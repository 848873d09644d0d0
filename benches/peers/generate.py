"""A ledger and a statement of N records each, with planted differences of known kinds.

Usage: generate.py N FOLDER [SHARE]. Writes ledger.parquet, statement.parquet, statement.csv and planted.json, which
says how many differences of each code `tieout compare` must find. Equal N and SHARE give equal files. Without
a statement as CSV when N is above 20 million.

Of a thousand records, SHARE each (1 by default, at most 166): missing in the ledger, missing at the provider,
another amount, one minor unit apart, not final in the ledger, and twice at the provider. One in twenty is a refund.
"""
import json
import pathlib
import sys

import duckdb

count, folder = int(sys.argv[1]), pathlib.Path(sys.argv[2])
share = int(sys.argv[3]) if len(sys.argv) > 3 else 1
assert 0 <= share <= 166
folder.mkdir(parents=True, exist_ok=True)
db = duckdb.connect()
db.execute(f"set memory_limit = '9GB'; set temp_directory = '{folder}/sorting'")
db.execute(f"""
create table base as select
  i,
  'M20261120' || lpad(((i * 2654435761) % 1000000007)::varchar, 12, '0') || lpad(i::varchar, 9, '0') as order_no,
  '42000' || lpad(((i * 40503) % 99999989)::varchar, 8, '0') || lpad(i::varchar, 15, '0') as provider_txn_id,
  (100 + hash(i) % 500000)::bigint as amount_minor,
  case when hash(i + 7) % 20 = 0 then 'REFUND' else 'PAYMENT' end as kind,
  timestamp '2026-11-20 00:00:00' + to_seconds((hash(i + 3) % 86400)::bigint) as occurred_at,
  'acct' || (hash(i + 5) % 1000)::varchar as account,
  case when hash(i + 11) % 1000 < {share} * 6 then (hash(i + 11) % 1000) // {share} else 6 end as r
from range({count}) t(i)
""")
columns = "order_no, provider_txn_id, {amount} as amount_minor, ((amount_minor * 6 + 500) // 1000)::bigint as fee_minor, " \
    "kind, {status} as status, 'CNY' as currency, occurred_at, account"
ledger = f"""select {columns.format(amount="amount_minor", status="case when r = 4 then 'PENDING' else 'SUCCESS' end")}
from base where r <> 0 order by hash(i + 99)"""
amount = "case when r = 2 then amount_minor + 1000 + i % 5000 when r = 3 then amount_minor + 1 else amount_minor end"
statement = f"""select {columns.format(amount=amount, status="'SUCCESS'")} from (
  select * from base where r <> 1
  union all select * replace (provider_txn_id || 'D' as provider_txn_id) from base where r = 5
) order by hash(i + 77), provider_txn_id"""
parquet = "(format parquet, compression zstd, row_group_size 500000)"
db.execute(f"copy ({ledger}) to '{folder}/ledger.parquet' {parquet}")
db.execute(f"copy ({statement}) to '{folder}/statement.parquet' {parquet}")
if count <= 20_000_000:
    db.execute(f"""copy (select order_no, provider_txn_id, (amount_minor / 100)::decimal(18, 2) as amount,
      (fee_minor / 100)::decimal(18, 2) as fee, kind, status, currency, occurred_at, account
      from '{folder}/statement.parquet') to '{folder}/statement.csv' (header)""")

code = """case r
  when 0 then case kind when 'REFUND' then 'REFUND_UNAUTHORISED' else 'MISSING_IN_LEDGER' end
  when 1 then case kind when 'REFUND' then 'REFUND_NOT_EXECUTED' else 'MISSING_AT_PROVIDER' end
  when 2 then 'AMOUNT_OVER' when 3 then 'ROUNDING_VARIANCE' when 4 then 'STATUS_PROVIDER_SUCCESS'
  when 5 then case kind when 'REFUND' then 'DUPLICATE_REFUND' else 'DUPLICATE_PAYMENT' end end"""
planted = dict(db.execute(f"select {code} as code, count(*) from base where r < 6 group by 1 order by 1").fetchall())
(folder / "planted.json").write_text(json.dumps(planted, indent=2) + "\n")
print(planted)
