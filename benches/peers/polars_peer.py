"""The same comparison as one lazy query on the streaming engine of Polars. Usage: polars_peer.py LEDGER STATEMENT OUT"""
import os
import sys

os.environ.setdefault("POLARS_MAX_THREADS", "2")
import polars as pl  # noqa: E402
import query  # noqa: E402

ledger, statement, out = sys.argv[1:4]
KEY = ["order_no", "kind"]
MONEY = pl.Decimal(18, 2)


def scanned(path):
    if path.endswith(".csv"):
        types = {"amount": MONEY, "fee": MONEY, "provider_txn_id": pl.String}
        frame = pl.scan_csv(path, schema_overrides=types, try_parse_dates=True)
        minor = lambda name: (pl.col(name) * 100).cast(pl.Int64).alias(f"{name}_minor")  # noqa: E731
        return frame.with_columns(minor("amount"), minor("fee")).drop("amount", "fee")
    return pl.scan_parquet(path)


def side(frame, mark):
    twice = frame.group_by(KEY).len("n").filter(pl.col("n") > 1)
    return frame.join(twice, on=KEY, how="left").with_columns(pl.lit(True).alias(mark))


both = side(scanned(ledger), "in_ledger").join(
    side(scanned(statement), "in_statement"), on=KEY, how="full", coalesce=True, suffix="_s"
)
apart = (pl.col("amount_minor") - pl.col("amount_minor_s")).abs()
other = pl.any_horizontal(pl.col(name) != pl.col(f"{name}_s") for name in ["fee_minor", "currency", "account"])
word = (
    pl.when(pl.col("n").is_not_null() | pl.col("n_s").is_not_null()).then(pl.lit("DUPLICATE"))
    .when(pl.col("in_ledger").is_null()).then(pl.lit("MISSING_IN_LEDGER"))
    .when(pl.col("in_statement").is_null()).then(pl.lit("MISSING_AT_PROVIDER"))
    .when(pl.col("status") != pl.col("status_s")).then(pl.lit("STATUS"))
    .when(apart == 1).then(pl.lit("ROUNDING"))
    .when(apart > 1).then(pl.lit("AMOUNT"))
    .when(other).then(pl.lit("OTHER"))
    .otherwise(pl.lit("MATCHED"))
)
found = both.with_columns(word.alias("class")).filter(pl.col("class") != "MATCHED").collect(engine="streaming")
found.write_parquet(out)
query.tell(found.select(*KEY, "class").unique().group_by("class").len().rows())
