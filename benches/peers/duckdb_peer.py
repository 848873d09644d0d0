"""The same comparison as one SQL query in DuckDB, two threads. Usage: duckdb_peer.py LEDGER STATEMENT OUT"""
import sys

import duckdb

ledger, statement, out = sys.argv[1:4]
db = duckdb.connect()
db.execute("set threads = 2; set preserve_insertion_order = false")
source = f"'{statement}'"
money = "amount_minor, fee_minor"
if statement.endswith(".csv"):
    source = f"read_csv('{statement}', types = {{'amount': 'DECIMAL(18,2)', 'fee': 'DECIMAL(18,2)'}})"
    money = "(amount * 100)::bigint as amount_minor, (fee * 100)::bigint as fee_minor"
db.execute(f"""
create temp view l as select * from '{ledger}';
create temp view s as select order_no, provider_txn_id, {money}, kind, status, currency, occurred_at, account from {source};
create temp view twice_s as select order_no, kind, count(*) as n from s group by 1, 2 having count(*) > 1;
create temp view twice_l as select order_no, kind, count(*) as n from l group by 1, 2 having count(*) > 1;
copy (
  select * from (
    select coalesce(l.order_no, s.order_no) as order_no, coalesce(l.kind, s.kind) as kind,
      l.amount_minor as ledger_amount, s.amount_minor as statement_amount, l.fee_minor as ledger_fee,
      s.fee_minor as statement_fee, l.status as ledger_status, s.status as statement_status,
      l.occurred_at as booked_at, s.occurred_at as paid_at, s.provider_txn_id, l.account,
      case
        when twice_s.n is not null then 'DUPLICATE'
        when twice_l.n is not null then 'DUPLICATE_LEDGER_ENTRY'
        when l.order_no is null then 'MISSING_IN_LEDGER'
        when s.order_no is null then 'MISSING_AT_PROVIDER'
        when l.currency <> s.currency then 'CURRENCY_MISMATCH'
        when l.status <> s.status then 'STATUS'
        when abs(l.amount_minor - s.amount_minor) = 1 then 'ROUNDING_VARIANCE'
        when l.amount_minor <> s.amount_minor then 'AMOUNT'
        when l.fee_minor <> s.fee_minor then 'FEE'
        when l.account <> s.account then 'ACCOUNT'
        else 'MATCHED'
      end as code
    from l full outer join s on l.order_no = s.order_no and l.kind = s.kind
    left join twice_s on twice_s.order_no = s.order_no and twice_s.kind = s.kind
    left join twice_l on twice_l.order_no = l.order_no and twice_l.kind = l.kind
  ) where code <> 'MATCHED'
) to '{out}' (format parquet, compression zstd)
""")
print(db.execute(f"select code, count(*) from '{out}' group by 1 order by 1").fetchall())
