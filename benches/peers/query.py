"""The comparison as a list of conditions, for the peers that speak SQL, and how each says what it found.

A peer prints one line of JSON: how many keys of each class of difference it has.
"""
import json

CLASSES = ["DUPLICATE", "MISSING_IN_LEDGER", "MISSING_AT_PROVIDER", "STATUS", "ROUNDING", "AMOUNT", "OTHER"]
CLASS = """case
    when twice.n is not null then 'DUPLICATE'
    when l.order_no is null then 'MISSING_IN_LEDGER'
    when s.order_no is null then 'MISSING_AT_PROVIDER'
    when l.status <> s.status then 'STATUS'
    when abs(l.amount_minor - s.amount_minor) = 1 then 'ROUNDING'
    when l.amount_minor <> s.amount_minor then 'AMOUNT'
    when l.fee_minor <> s.fee_minor or l.currency <> s.currency or l.account <> s.account then 'OTHER'
    else 'MATCHED' end"""
SELECT = f"""select * from (
    select coalesce(l.order_no, s.order_no) as order_no, coalesce(l.kind, s.kind) as kind,
      l.amount_minor as ledger_amount, s.amount_minor as statement_amount, l.fee_minor as ledger_fee,
      s.fee_minor as statement_fee, l.status as ledger_status, s.status as statement_status,
      l.occurred_at as booked_at, s.occurred_at as paid_at, s.provider_txn_id, coalesce(l.account, s.account) as account,
      {CLASS} as class
    from l full outer join s on l.order_no = s.order_no and l.kind = s.kind
    left join (
      select order_no, kind, count(*) as n from s group by order_no, kind having count(*) > 1
      union all select order_no, kind, count(*) as n from l group by order_no, kind having count(*) > 1
    ) twice on twice.order_no = coalesce(l.order_no, s.order_no) and twice.kind = coalesce(l.kind, s.kind)
  ) where class <> 'MATCHED'"""


def tell(counts):
    """Prints the count of each class."""
    counts = dict(counts)
    print(json.dumps({name: counts[name] for name in CLASSES if counts.get(name)}))
