"""The same comparison as one SQL query in DuckDB, two threads. Usage: duckdb_peer.py LEDGER STATEMENT OUT"""
import sys

import duckdb
import query

ledger, statement, out = sys.argv[1:4]
db = duckdb.connect()
db.execute("set threads = 2; set preserve_insertion_order = false")
source, money = f"'{statement}'", "amount_minor, fee_minor"
if statement.endswith(".csv"):
    source = f"read_csv('{statement}', types = {{'amount': 'DECIMAL(18,2)', 'fee': 'DECIMAL(18,2)'}})"
    money = "(amount * 100)::bigint as amount_minor, (fee * 100)::bigint as fee_minor"
db.execute(f"""
create temp view l as select * from '{ledger}';
create temp view s as select order_no, provider_txn_id, {money}, kind, status, currency, occurred_at, account from {source};
copy ({query.SELECT}) to '{out}' (format parquet, compression zstd)
""")
query.tell(db.execute(f"select class, count(distinct (order_no, kind)) from '{out}' group by 1").fetchall())
