"""Two books of which every record differs: each by a cent of fee."""
import pathlib
import subprocess
import sys
import tempfile

import duckdb

HERE = pathlib.Path(__file__).parent


def books(count):
    """Folder, ledger and statement, made where they are not there yet."""
    data = pathlib.Path(tempfile.gettempdir()) / f"tieout-bench-{count}-1"
    if not (data / "planted.json").exists():
        subprocess.run([sys.executable, HERE.parent / "peers" / "generate.py", str(count), data, "1"], check=True)
    ledger, statement = data / "ledger.parquet", data / "every.parquet"
    if not statement.exists():
        db = duckdb.connect()
        db.execute(f"set memory_limit = '6GB'; set temp_directory = '{data}/sorting'")
        db.execute(f"""copy (select * replace (fee_minor + 1 as fee_minor) from '{ledger}' order by hash(order_no))
          to '{statement}' (format parquet, compression zstd, row_group_size 500000)""")
    return data, ledger, statement
