"""Three small statements for one ledger of 50,000 rows: equal, one row in a hundred off, every fee off by a cent.

Usage: generate.py FOLDER. Always the same files.
"""
import pathlib
import sys

folder = pathlib.Path(sys.argv[1])
HEADER = "order_no,amount,fee,status\n"


def written(name, off):
    with open(folder / name, "w") as out:
        out.write(HEADER)
        for row in range(50_000):
            amount, fee = 100 + row * 7919 % 500_000, 6 + row % 40 + (1 if off(row) else 0)
            number = row * 2_654_435_761 % 1_000_000_007
            out.write(f"M20261120{number:012d}{row:09d},{amount // 100}.{amount % 100:02d},0.{fee:02d},SUCCESS\n")


written("ledger.csv", lambda row: False)
written("statement.csv", lambda row: row % 100 == 0)
written("every.csv", lambda row: True)
