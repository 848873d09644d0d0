"""Runs the sample's three days and validates every line that repair tools read.

Usage: check.py TIEOUT. A broken line must be refused, or the check checks nothing.
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import jsonschema

tieout = pathlib.Path(sys.argv[1]).resolve()
project = pathlib.Path(__file__).parents[2]
checker = jsonschema.FormatChecker()
schemas = {}
for name in ["worklist-item", "outcome"]:
    schema = json.loads((project / "schemas" / f"{name}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    schemas[name] = jsonschema.Draft202012Validator(schema, format_checker=checker)

with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    for part in ["jobs", "sample_data"]:
        shutil.copytree(project / part, folder / part)
    job = folder / "jobs" / "shop.toml"
    subprocess.run([tieout, "run", job, "--from", "2026-11-18", "--to", "2026-11-20", "--quiet"], check=True)
    lines = []
    for path in sorted(folder.glob("out/shop/dt=*/run=*/worklist*.jsonl")):
        lines += [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

item = schemas["worklist-item"]
wrong = [f"{line['item_id']}: {error.message}" for line in lines for error in item.iter_errors(line)]
assert not wrong, wrong[:5]
records = {line["record"] for line in lines}
assert records == {"issue", "cancel"}, records
about = {"finding" if line["finding_id"] else "difference" for line in lines}
assert about == {"difference", "finding"}, about

money = next(line for line in lines if line["verb"] == "REFUND")
for spoil in [
    {"verb": "PAY"},
    {"amount_limit_minor": None, "amount_limit": None},
    {"due_at": "tomorrow"},
    {"idempotency_key": "1"},
    {"surprise": 1},
    {"code": "NO_SUCH_CODE"},
]:
    assert not item.is_valid({**money, **spoil}), spoil

file = next(line for line in lines if line["finding_id"])
for spoil in [
    {"finding_id": None},
    {"difference_id": money["difference_id"]},
    {"account": money["account"]},
    {"amount_limit_minor": 1, "amount_limit": "0.01"},
    {"verb": "REFUND"},
]:
    assert not item.is_valid({**file, **spoil}), spoil

outcome = {
    "schema": "tieout.outcome/1",
    "item_id": money["item_id"],
    "idempotency_key": money["idempotency_key"],
    "result": "done",
    "at": "2026-11-19T03:00:00Z",
    "by": "repair-tool 1.2",
    "amount_minor": money["amount_limit_minor"],
    "currency": money["currency"],
    "reference": "503",
    "note": None,
}
assert schemas["outcome"].is_valid(outcome), list(schemas["outcome"].iter_errors(outcome))
assert not schemas["outcome"].is_valid({**outcome, "result": "perhaps"})
print(f"{len(lines)} lines hold against their schema")
