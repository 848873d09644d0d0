"""The same comparison with datacompy on Polars frames. Usage: datacompy_peer.py LEDGER STATEMENT OUT

datacompy pairs rows of one key by their order and classifies nothing. Its rows without a partner and its columns that
do not match are counted here under the names that the others use.
"""
import os
import sys

os.environ.setdefault("POLARS_MAX_THREADS", "2")
import datacompy  # noqa: E402
import polars as pl  # noqa: E402
import query  # noqa: E402

ledger, statement, out = sys.argv[1:4]
KEY = ["order_no", "kind"]
COLUMNS = [*KEY, "amount_minor", "fee_minor", "status", "currency", "account"]
ours, theirs = (pl.read_parquet(path, columns=COLUMNS) for path in (ledger, statement))
compared = datacompy.PolarsCompare(ours, theirs, join_columns=KEY, df1_name="ledger", df2_name="statement")
twice = theirs.group_by(KEY).len("n").filter(pl.col("n") > 1).select(KEY)
alone = compared.df2_unq_rows.select(KEY)
missing = alone.join(twice, on=KEY, how="anti").height
both = compared.intersect_rows.join(twice, on=KEY, how="anti")
apart = (pl.col("amount_minor_ledger") - pl.col("amount_minor_statement")).abs()
status = pl.col("status_ledger") != pl.col("status_statement")
both = both.with_columns(apart.alias("apart"), status.alias("other_status"))
counts = {
    "DUPLICATE": twice.height,
    "MISSING_IN_LEDGER": missing,
    "MISSING_AT_PROVIDER": compared.df1_unq_rows.height,
    "STATUS": both.filter(pl.col("other_status")).height,
    "ROUNDING": both.filter(~pl.col("other_status") & (pl.col("apart") == 1)).height,
    "AMOUNT": both.filter(~pl.col("other_status") & (pl.col("apart") > 1)).height,
}
pl.concat([compared.df1_unq_rows.select(KEY), alone]).write_parquet(out)
query.tell(counts)
