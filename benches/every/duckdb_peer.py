"""The table of differences of two books in which only fees differ (of what succeeded), in DuckDB within 2 GB, two threads.

Usage: duckdb_peer.py LEDGER STATEMENT FOLDER. Writes the columns that tieout writes, in the same order of rows, as Parquet
and as CSV.
"""
import pathlib
import sys

import duckdb

ledger, statement, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
folder.mkdir(parents=True, exist_ok=True)
db = duckdb.connect()
db.execute(f"set threads = 2; set memory_limit = '2GB'; set temp_directory = '{folder}/sorting'")


def money(minor):
    return f"({minor} / 100.0)::decimal(38, 4)"


def words(minor):
    return f"printf('%d.%02d', {minor} // 100, {minor} % 100)"


def by_kind(payment, refund):
    return f"case l.kind when 'REFUND' then '{refund}' else '{payment}' end"


def signed(side):
    return f"case {side}.kind when 'REFUND' then -{side}.amount_minor else {side}.amount_minor end"


more = "(s.fee_minor - l.fee_minor)"
gap = "(s.amount_minor - l.amount_minor)"
unit = "chr(31)"
columns = {
    "difference_id": f"'D' || left(sha256('compare' || {unit} || {unit} || l.kind || {unit} || l.order_no), 32)",
    "business_date": "null::date", "code": by_kind("FEE_OVERCHARGED", "FEE_REFUND_MISMATCH"),
    "label_en": by_kind("fee is too high", "returned fee differs from policy"),
    "label_zh": by_kind("手续费多扣", "退费差异"), "severity": by_kind("P2", "P3"), "severity_reason": "null::varchar", "flags": "null::varchar", "settlement": "null::varchar",
    "settlement_reason": "null::varchar", "cash_effect": "'SHORTAGE'", "cash_effect_zh": "'短款'", "cause": "'FEE_RULE'",
    "pass": "'K1'", "account": "''", "kind": "l.kind", "currency": "l.currency", "exponent": "2::bigint",
    "exposure_minor": gap, "exposure": money(gap), "at_risk_minor": more, "at_risk": money(more),
    "at_risk_base_minor": "null::bigint", "at_risk_base": "null::decimal(38, 4)", "fee_delta_minor": f"-{more}",
    "fee_delta": money(f"-{more}"), "ledger_amount_minor": signed("l"),
    "ledger_amount": money(signed("l")),
    "statement_amount_minor": signed("s"),
    "statement_amount": money(signed("s")),
    "statement_currency": "null::varchar", "ledger_status": "l.status", "statement_status": "s.status",
    "order_no": "l.order_no", "event_no": "l.order_no", "provider_txn_id": "s.provider_txn_id",
    "counterparty": "null::varchar", "occurred_at": "null::timestamptz", "record_date": "null::date",
    "first_seen": "null::date", "age_business_days": "null::bigint", "ledger_source": "'ledger'",
    "statement_source": "'statement'", "ledger_rows": "'ledger.parquet:' || (l.file_row_number + 1)",
    "statement_rows": "'every.parquet:' || (s.file_row_number + 1)", "related_rows": "null::varchar",
    "explanation": f"lower(l.kind) || ' ' || l.order_no || ': CNY ' || {words('s.fee_minor')} || ' of fees charged, CNY ' || "
                   f"{words('l.fee_minor')} || ' expected, a difference of CNY ' || {words(more)} || '.'",
    "explanation_zh": f"l.order_no || '（' || l.kind || '）：手续费 CNY ' || {words('s.fee_minor')} || '，应为 CNY ' || "
                      f"{words('l.fee_minor')} || '，相差 CNY ' || {words(more)} || '。'",
    "extra": "null::varchar",
}
shown = ", ".join(f"{value} as {name}" for name, value in columns.items())
differ = " or ".join(f"l.{name} <> s.{name}" for name in ["amount_minor", "fee_minor", "status", "currency", "account"])
db.execute(f"""copy (
    select {shown} from read_parquet('{ledger}', file_row_number = true) l
    join read_parquet('{statement}', file_row_number = true) s on l.order_no = s.order_no and l.kind = s.kind
    where ({differ}) and l.status = 'SUCCESS' order by severity, difference_id
  ) to '{folder}/differences.parquet' (format parquet, compression zstd)""")
db.execute(f"copy (from '{folder}/differences.parquet') to '{folder}/differences.csv' (header)")
