"""The same comparison as one SQL query in Spark, local mode, two threads. Usage: spark_peer.py LEDGER STATEMENT OUT"""
import sys

import query
from pyspark.sql import SparkSession

ledger, statement, out = sys.argv[1:4]
spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.driver.memory", "8g")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.ui.enabled", "false")
    .config("spark.sql.shuffle.partitions", "16")
    .config("spark.sql.session.timeZone", "UTC")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("ERROR")
spark.read.parquet(ledger).createOrReplaceTempView("l")
if statement.endswith(".csv"):
    types = "order_no string, provider_txn_id string, amount decimal(18,2), fee decimal(18,2), kind string, " \
        "status string, currency string, occurred_at timestamp, account string"
    spark.read.schema(types).option("header", True).csv(statement).createOrReplaceTempView("text")
    money = "cast(amount * 100 as bigint) as amount_minor, cast(fee * 100 as bigint) as fee_minor"
    rest = "order_no, provider_txn_id, kind, status, currency, occurred_at, account"
    spark.sql(f"create temp view s as select {rest}, {money} from text")
else:
    spark.read.parquet(statement).createOrReplaceTempView("s")
spark.sql(query.SELECT).write.mode("overwrite").parquet(out)
written = spark.read.parquet(out)
counts = written.select("class", "order_no", "kind").distinct().groupBy("class").count().collect()
query.tell((row["class"], row["count"]) for row in counts)
spark.stop()
