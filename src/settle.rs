//! What policy writes off tonight, and the journal of it.

use std::collections::BTreeMap;

use tieout_kernel::code::Code;
use tieout_kernel::money::{Minor, Total};
use tieout_kernel::outcome::{Difference, Outcome};
use tieout_kernel::record::{Book, Status};
use tieout_kernel::settle::{Class, Decision, Drift, Line, Settlement, drifts, journal, settle};

use crate::agree::{Night, Scan};
use crate::error::Error;
use crate::finding::Finding;
use crate::job::Plan;
use crate::normalise::decimal_text;
use crate::reconcile::Reconciled;
use crate::report::schema::SETTLEMENTS;
use crate::report::tables::Tables;
use crate::report::{Sheet, Table};
use crate::store::sha256;
use crate::weigh::RateFile;

/// Decides what is settled, and says where variances lean one way.
///
/// `ids` names each difference's outcome, in order of the ids, so that the input's order decides nothing.
pub fn apply(
    plan: &Plan,
    rates: &RateFile,
    scan: &Scan,
    night: &Night<'_>,
    reconciled: &mut Reconciled<'_>,
    ids: &[(String, usize)],
    findings: &[Finding],
) -> Vec<Finding> {
    let Some(settlement) = &plan.settlement else {
        let found = drifts(&reconciled.records, &reconciled.outcomes);
        return found.iter().map(|drift| finding(plan, drift)).collect();
    };
    let order: Vec<usize> = ids.iter().map(|(_, at)| *at).collect();
    let volume = matched_volume(settlement, rates, scan, night, reconciled);
    let withheld = findings.iter().any(Finding::withholds);
    let (records, outcomes) = (&reconciled.records, &mut reconciled.outcomes);
    let found = settle(records, outcomes, &order, settlement, &rates.rates, &volume, withheld);
    found.iter().map(|drift| finding(plan, drift)).collect()
}

fn finding(plan: &Plan, drift: &Drift) -> Finding {
    let more = drift.positive.max(drift.count - drift.positive);
    let message = format!(
        "{more} of {} {} variances of {} in {} go one way and come to {}; nothing of the kind is settled",
        drift.count,
        drift.class,
        drift.kind,
        drift.currency.code(),
        decimal_text(drift.sum.get(), drift.currency.exponent())
    );
    let source = &plan.sources[usize::from(drift.source)].name;
    let hint = "look for a wrong rate, a wrong rounding rule or a wrong unit before anything else";
    Finding::new(Code::SystematicVariance, message).of_source(source).rows(drift.count).hint(hint)
}

/// What matched in each statement source, in the base currency: everything that succeeded, less what the
/// full rules looked at, and of that what they matched. A currency without a rate adds nothing.
fn matched_volume(
    settlement: &Settlement,
    rates: &RateFile,
    scan: &Scan,
    night: &Night<'_>,
    reconciled: &Reconciled<'_>,
) -> BTreeMap<u16, Total> {
    let mut volume: BTreeMap<u16, BTreeMap<_, Total>> = BTreeMap::new();
    for (file, scanned) in night.files.iter().zip(&scan.files).filter(|(file, _)| file.book != Book::Ledger) {
        for (tag, total) in scanned.totals.0.iter().filter(|(tag, _)| tag.status == Status::Success) {
            let of_source = volume.entry(file.source).or_default();
            *of_source.entry(tag.currency).or_default() += total.principal.magnitude();
        }
    }
    for record in reconciled.records.iter().filter(|one| one.book != Book::Ledger && one.status == Status::Success) {
        *volume.entry(record.source).or_default().entry(record.currency).or_default() += -Total::from(record.principal);
    }
    for outcome in &reconciled.outcomes {
        if let Outcome::Match { statement, .. } = outcome {
            let record = &reconciled.records[*statement as usize];
            if record.status == Status::Success {
                *volume.entry(record.source).or_default().entry(record.currency).or_default() += record.principal;
            }
        }
    }
    let in_base = |(currency, amount)| rates.rates.in_base(amount, currency, settlement.base_currency);
    volume.into_iter().map(|(source, sums)| (source, sums.into_iter().filter_map(in_base).sum())).collect()
}

/// The journal as a table, proven to balance and to come to what was settled.
pub fn table(plan: &Plan, tables: &Tables<'_, '_>, ids: &[(String, usize)]) -> Result<Table, Error> {
    let mut sheet = Sheet::new(SETTLEMENTS);
    let Some(settlement) = &plan.settlement else { return sheet.finish() };
    let reconciled = tables.reconciled;
    let order: Vec<usize> = ids.iter().map(|(_, at)| *at).collect();
    let id_of: BTreeMap<usize, &str> = ids.iter().map(|(id, at)| (*at, id.as_str())).collect();
    let lines = journal(&reconciled.records, &reconciled.outcomes, &order, settlement)?;
    for entry in lines.chunks(2) {
        for (number, line) in (1_i64..).zip(entry) {
            if let Outcome::Difference(difference) = &reconciled.outcomes[line.outcome] {
                let id = id_of.get(&line.outcome).copied().unwrap_or_default();
                put(&mut sheet, plan, tables, id, difference, number, line);
            }
        }
    }
    sheet.finish()
}

fn put(
    sheet: &mut Sheet,
    plan: &Plan,
    tables: &Tables<'_, '_>,
    id: &str,
    difference: &Difference,
    number: i64,
    line: &Line<'_>,
) {
    let Some(Decision::Settled { class, delta }) = difference.settlement else { return };
    let Some(settlement) = &plan.settlement else { return };
    let records = &tables.reconciled.records;
    let (ours, theirs) = (difference.ledger[0], difference.statement[0]);
    let (ledger, statement) = (&records[ours as usize], &records[theirs as usize]);
    let currency = Some(line.currency);
    let side = |amount: Total| Some(amount).filter(|amount| !amount.is_zero());
    // What the books had, and what they have once the entry is booked.
    let after = match class {
        Class::Rounding => Total::from(statement.signed()),
        Class::Fee => statement.fee.unwrap_or(Minor::ZERO).into(),
        Class::Net => statement.net.unwrap_or(Minor::ZERO).into(),
    };
    sheet
        .text(Some(&journal_id(id, class, delta, settlement)))
        .integer(Some(number))
        .text(Some(id))
        .date(tables.day)
        .text(Some(difference.code.word()))
        .text(Some(class.word()))
        .text(Some(&tables.night.policy.source(statement.source).name))
        .text(Some(ledger.account))
        .text(Some(line.account))
        .text(Some(line.currency.code()))
        .integer(Some(i64::from(line.currency.exponent())))
        .money(side(line.debit), currency)
        .money(side(line.credit), currency)
        .money(Some(after - delta), currency)
        .money(Some(after), currency)
        .text(Some(&plan.policy_hash))
        .text(tables.rows(&[ours]).as_deref())
        .text(tables.rows(&[theirs]).as_deref())
        .end_row();
}

/// The same for the same entry: difference, amount and accounts. Running again never posts twice, and
/// neither does a job that changes its reports, tiers or caps, or a program that is newer.
fn journal_id(difference_id: &str, class: Class, delta: Total, settlement: &Settlement) -> String {
    let rule = settlement.rules.get(&class);
    let (gain, loss) = rule.map_or(("", ""), |rule| (rule.gain.as_str(), rule.loss.as_str()));
    let amount = delta.to_string();
    let text = [difference_id, class.word(), &amount, &settlement.clearing, gain, loss].join("\u{1f}");
    format!("J{}", &sha256(text.as_bytes())[..32])
}

/// Whether and why a difference was settled or not, for its table.
#[must_use]
pub fn in_words(difference: &Difference) -> (Option<&'static str>, Option<&'static str>) {
    match difference.settlement {
        None => (None, None),
        Some(Decision::Settled { class, .. }) => (Some("SETTLED"), Some(class.word())),
        Some(Decision::Refused(why)) => (Some("OPEN"), Some(why.word())),
    }
}
