//! What policy writes off tonight, and the journal of it.

use std::collections::{BTreeMap, BTreeSet};

use tieout_kernel::calendar::Day;
use tieout_kernel::code::Code;
use tieout_kernel::currency::Currency;
use tieout_kernel::money::{Minor, Total};
use tieout_kernel::outcome::{Difference, Outcome, State};
use tieout_kernel::proof::Broken;
use tieout_kernel::record::{Book, Origin, Status};
use tieout_kernel::settle::{Ballot, Class, Decision, Drift, Line, Settlement, Verdict, journal};

use crate::agree::{Night, Residue, Scan};
use crate::error::Error;
use crate::finding::Finding;
use crate::job::{Plan, date_of};
use crate::normalise::decimal_text;
use crate::publish::{self, Link};
use crate::reconcile::Reconciled;
use crate::report::schema::SETTLEMENTS;
use crate::report::tables::{Tables, id_number};
use crate::report::{BATCH, Cells, ForPeople, Sheet, Written, in_rows};
use crate::store::{Store, sha256};
use crate::weigh::RateFile;

/// Hears what may be settled among some outcomes; `ids` names each difference's outcome.
pub fn hear(
    ballot: &mut Ballot<u128>,
    plan: &Plan,
    rates: &RateFile,
    reconciled: &Reconciled<'_>,
    ids: &[(String, usize)],
) {
    let (records, outcomes) = (&reconciled.records, &reconciled.outcomes);
    ballot.hear(records, outcomes, by_number(ids), plan.settlement.as_ref(), &rates.rates);
}

/// Decides what is settled, and says where variances lean one way.
#[must_use]
pub fn decide(
    plan: &Plan,
    rates: &RateFile,
    ballot: Ballot<u128>,
    volume: &Volume,
    findings: &[Finding],
) -> (Verdict<u128>, Vec<Finding>) {
    let settlement = plan.settlement.as_ref();
    let volume = settlement.map(|settlement| volume.in_base(settlement, rates)).unwrap_or_default();
    let verdict = ballot.decide(settlement, &volume, findings.iter().any(Finding::withholds));
    let found = verdict.leaning.iter().map(|drift| finding(plan, drift)).collect();
    (verdict, found)
}

/// Tells differences what was decided about them.
pub fn give(
    plan: &Plan,
    rates: &RateFile,
    verdict: &Verdict<u128>,
    reconciled: &mut Reconciled<'_>,
    ids: &[(String, usize)],
) -> Result<(), Broken> {
    let Some(settlement) = &plan.settlement else { return Ok(()) };
    verdict.give(&reconciled.records, &mut reconciled.outcomes, by_number(ids), settlement, &rates.rates)
}

fn by_number(ids: &[(String, usize)]) -> impl Iterator<Item = (u128, usize)> + '_ {
    ids.iter().map(|(id, at)| (id_number(id), *at))
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

/// What matched in each statement source, by currency: everything that succeeded, less what the full rules looked at,
/// and of that what they matched.
#[derive(Debug, Default)]
pub struct Volume(BTreeMap<u16, BTreeMap<Currency, Total>>);

impl Volume {
    /// Everything in tonight's files that succeeded.
    #[must_use]
    pub fn of_files(night: &Night<'_>, scan: &Scan) -> Self {
        let mut volume = Self::default();
        for (file, scanned) in night.files.iter().zip(&scan.files).filter(|(file, _)| file.book != Book::Ledger) {
            for (tag, total) in scanned.totals.0.iter().filter(|(tag, _)| tag.status == Status::Success) {
                volume.take(file.source, tag.currency, total.principal.magnitude());
            }
        }
        volume
    }

    /// Takes off what the full rules looked at and did not match.
    pub fn count(&mut self, reconciled: &Reconciled<'_>) {
        for outcome in &reconciled.outcomes {
            for (at, state) in outcome.records() {
                let record = &reconciled.records[at as usize];
                if record.book == Book::Ledger || record.status != Status::Success {
                    continue;
                }
                // What earlier nights left is in no file of tonight, so it is not taken off either.
                if record.origin == Origin::Tonight {
                    self.take(record.source, record.currency, -Total::from(record.principal));
                }
                if matches!(state, State::Matched | State::LateMatched) {
                    self.take(record.source, record.currency, record.principal.into());
                }
            }
        }
    }

    /// Adds that of other outcomes.
    pub fn add(&mut self, more: Self) {
        for (source, sums) in more.0 {
            sums.into_iter().for_each(|(currency, amount)| self.take(source, currency, amount));
        }
    }

    fn take(&mut self, source: u16, currency: Currency, amount: Total) {
        *self.0.entry(source).or_default().entry(currency).or_default() += amount;
    }

    /// All of it in the base currency. A currency without a rate adds nothing.
    fn in_base(&self, settlement: &Settlement, rates: &RateFile) -> BTreeMap<u16, Total> {
        let in_base =
            |(currency, amount): (&Currency, &Total)| rates.rates.in_base(*amount, *currency, settlement.base_currency);
        self.0.iter().map(|(source, sums)| (*source, sums.iter().filter_map(in_base).sum())).collect()
    }
}

/// An entry of the journal, as it is published: two lines that balance.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its id.
    pub id: String,
    /// The entry that it takes back.
    pub reverses: Option<String>,
    /// The difference.
    pub difference_id: String,
    /// The code of the difference.
    pub code: String,
    /// The class of variance.
    pub rule: String,
    /// The statement's source.
    pub source: String,
    /// The account.
    pub account: String,
    /// The currency.
    pub currency: Currency,
    /// Account of the books, debit and credit.
    pub lines: Vec<(String, Total, Total)>,
    /// What the books had.
    pub before: Total,
    /// What they have after it.
    pub after: Total,
    /// Of everything the job said.
    pub policy_sha256: String,
    /// The ledger's record.
    pub ledger_rows: Option<String>,
    /// The statement's record.
    pub statement_rows: Option<String>,
}

impl Entry {
    /// Whether another entry books the same for the same difference, whatever its id.
    fn books_the_same(&self, other: &Self) -> bool {
        self.difference_id == other.difference_id && self.rule == other.rule && self.lines == other.lines
    }

    /// The entry that takes this one back.
    fn reversal(&self, plan: &Plan) -> Self {
        let turned = |(account, debit, credit): &(String, Total, Total)| (account.clone(), *credit, *debit);
        Self {
            id: entry_id(&["reversal of", &self.id]),
            reverses: Some(self.id.clone()),
            lines: self.lines.iter().map(turned).collect(),
            before: self.after,
            after: self.before,
            policy_sha256: plan.policy_hash.clone(),
            ..self.clone()
        }
    }

    fn put(&self, sheet: &mut Sheet, day: Option<Day>) {
        let currency = Some(self.currency);
        let side = |amount: Total| Some(amount).filter(|amount| !amount.is_zero());
        for (number, (account, debit, credit)) in (1_i64..).zip(&self.lines) {
            sheet
                .text(Some(&self.id))
                .text(self.reverses.as_deref())
                .integer(Some(number))
                .text(Some(&self.difference_id))
                .date(day)
                .text(Some(&self.code))
                .text(Some(&self.rule))
                .text(Some(&self.source))
                .text(Some(&self.account))
                .text(Some(account))
                .text(Some(self.currency.code()))
                .integer(Some(i64::from(self.currency.exponent())))
                .money(side(*debit), currency)
                .money(side(*credit), currency)
                .money(Some(self.before), currency)
                .money(Some(self.after), currency)
                .text(Some(&self.policy_sha256))
                .text(self.ledger_rows.as_deref())
                .text(self.statement_rows.as_deref())
                .end_row();
        }
    }
}

fn entry_id(parts: &[&str]) -> String {
    format!("J{}", &sha256(parts.join("\u{1f}").as_bytes())[..32])
}

/// Adds a line of a published journal to its entries: those of an entry come one after the other.
fn add_line(entries: &mut Vec<Entry>, cells: &Cells<'_>) -> Result<(), String> {
    let text = |name: &str| cells.text(name).unwrap_or_default().to_owned();
    let money = |name: &str| Total::new(i128::from(cells.integer(name).unwrap_or(0)));
    let line = (text("ledger_account"), money("debit_minor"), money("credit_minor"));
    let id = text("journal_id");
    if let Some(entry) = entries.last_mut().filter(|entry| entry.id == id) {
        entry.lines.push(line);
        return Ok(());
    }
    let exponent = cells.integer("exponent").and_then(|exponent| u8::try_from(exponent).ok());
    let currency = exponent.and_then(|exponent| Currency::declared(cells.text("currency")?, exponent));
    entries.push(Entry {
        id,
        reverses: cells.text("reverses").map(str::to_owned),
        difference_id: text("difference_id"),
        code: text("code"),
        rule: text("rule"),
        source: text("source"),
        account: text("account"),
        currency: currency.ok_or("an entry has no currency")?,
        lines: vec![line],
        before: money("before_minor"),
        after: money("after_minor"),
        policy_sha256: text("policy_sha256"),
        ledger_rows: cells.text("ledger_rows").map(str::to_owned),
        statement_rows: cells.text("statement_rows").map(str::to_owned),
    });
    Ok(())
}

/// Entries of earlier commits that tonight may have to take back.
#[derive(Debug, Default)]
pub struct Booked {
    /// Those of the commit of the same date that this run replaces, reversals included.
    pub replaced: Vec<Entry>,
    /// Those of earlier nights whose group is no longer what it was.
    pub undone: Vec<Entry>,
}

impl Booked {
    /// Reads what earlier commits booked, as far as it concerns tonight: `opened` is what they settled and what is no
    /// longer so.
    pub fn read(store: &Store, plan: &Plan, replaces: Option<&Link>, opened: &[(Day, String)]) -> Result<Self, Error> {
        let read = |run: &Link, concerns: &(dyn Fn(&Cells<'_>) -> bool + Sync)| -> Result<Vec<Entry>, Error> {
            let mut entries = Vec::new();
            run.rows(store, plan, SETTLEMENTS, |cells| {
                let added = if concerns(cells) { add_line(&mut entries, cells) } else { Ok(()) };
                added.map_err(|cause| run.unreadable(plan, &SETTLEMENTS.parquet_name(), cause))
            })?;
            Ok(entries)
        };
        let replaced = replaces.map(|run| read(run, &|_| true)).transpose()?.unwrap_or_default();
        let mut undone = Vec::new();
        let mut by_night: BTreeMap<Day, BTreeSet<&str>> = BTreeMap::new();
        for (night, difference) in opened {
            by_night.entry(*night).or_default().insert(difference);
        }
        for (night, differences) in by_night {
            let settled_on = date_of(night);
            let Some((commit, _)) = publish::current(store, plan, settled_on)? else { continue };
            let concerns = |cells: &Cells<'_>| {
                let of_difference = cells.text("difference_id").is_some_and(|id| differences.contains(id));
                of_difference && cells.text("reverses").is_none()
            };
            undone.extend(read(&Link::of(settled_on, &commit), &concerns)?);
        }
        Ok(Self { replaced, undone })
    }
}

/// Differences that an earlier night settled and whose records no longer agree among themselves, with that night.
pub fn opened_again(residue: &Residue, reconciled: &Reconciled<'_>) -> Vec<(Day, String)> {
    let mut opened = Vec::new();
    for outcome in &reconciled.outcomes {
        for (at, state) in outcome.records() {
            let settled = residue.carried(at as usize).filter(|carried| carried.origin == Origin::Settled);
            if let Some(carried) = settled.filter(|_| state != State::MatchedBefore) {
                opened.extend(carried.difference.clone().map(|difference| (carried.first_seen, difference)));
            }
        }
    }
    opened
}

/// The journal: what is settled tonight, and what takes back entries of earlier commits. Proven to balance
/// and to come to what was settled. `more` are the entries of what was decided apart.
pub fn written(
    plan: &Plan,
    tables: &Tables<'_, '_>,
    ids: &[(String, usize)],
    booked: &Booked,
    more: Vec<Entry>,
    people: ForPeople<'_>,
) -> Result<Written, Error> {
    let mut entries = settled(plan, tables, ids)?;
    if !more.is_empty() {
        entries.extend(more);
        entries.sort_by(|a, b| a.difference_id.cmp(&b.difference_id));
    }
    let mut reversals: Vec<Entry> = booked.undone.iter().map(|entry| entry.reversal(plan)).collect();
    reversals.extend(booked.replaced.iter().filter(|entry| entry.reverses.is_some()).cloned());
    let taken_back: BTreeSet<String> = reversals.iter().filter_map(|entry| entry.reverses.clone()).collect();
    let in_force = |old: &&Entry| old.reverses.is_none() && !taken_back.contains(&old.id);
    let replaced = by_difference(booked.replaced.iter().filter(in_force));
    let taken_back_of = by_difference(reversals.iter());
    for entry in &mut entries {
        let kept = replaced.get(entry.difference_id.as_str()).into_iter().flatten();
        if let Some(kept) = kept.copied().find(|old| old.books_the_same(entry)) {
            entry.id.clone_from(&kept.id);
        } else if let Some(reversal) = taken_back_of.get(entry.difference_id.as_str()).and_then(|some| some.last()) {
            // It was booked before and taken back: this is another entry.
            entry.id = entry_id(&[&entry.id, "after", &reversal.id]);
        }
    }
    let still: BTreeSet<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
    let gone = booked.replaced.iter().filter(in_force).filter(|old| !still.contains(old.id.as_str()));
    reversals.extend(gone.map(|entry| entry.reversal(plan)));
    reversals.sort_by(|a, b| (&a.difference_id, &a.id).cmp(&(&b.difference_id, &b.id)));
    reversals.dedup_by(|a, b| a.id == b.id);
    entries.append(&mut reversals);
    // An entry is two rows.
    let some = (entries.as_slice(), BATCH / 2);
    in_rows(SETTLEMENTS, Some(people), some, &tables.night.memory, |sheet, entry| entry.put(sheet, tables.day))
}

/// Entries by their difference, in the order in which they come.
fn by_difference<'e>(entries: impl Iterator<Item = &'e Entry>) -> BTreeMap<&'e str, Vec<&'e Entry>> {
    let mut all: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    entries.for_each(|entry| all.entry(&entry.difference_id).or_default().push(entry));
    all
}

/// The entries of what is settled tonight among some outcomes, in the order of the differences.
pub fn settled(plan: &Plan, tables: &Tables<'_, '_>, ids: &[(String, usize)]) -> Result<Vec<Entry>, Error> {
    let Some(settlement) = &plan.settlement else { return Ok(Vec::new()) };
    let reconciled = tables.reconciled;
    let order: Vec<usize> = ids.iter().map(|(_, at)| *at).collect();
    let id_of: BTreeMap<usize, &str> = ids.iter().map(|(id, at)| (*at, id.as_str())).collect();
    let lines = journal(&reconciled.records, &reconciled.outcomes, &order, settlement)?;
    let entry = |lines: &[Line<'_>]| -> Option<Entry> {
        let at = lines[0].outcome;
        let Outcome::Difference(difference) = &reconciled.outcomes[at] else { return None };
        let Some(Decision::Settled { class, delta }) = difference.settlement else { return None };
        let (ours, theirs) = (difference.ledger[0], difference.statement[0]);
        let (ledger, statement) = (&reconciled.records[ours as usize], &reconciled.records[theirs as usize]);
        // What the books had, and what they have once the entry is booked.
        let after = match class {
            Class::Rounding => Total::from(statement.signed()),
            Class::Fee => statement.fee.unwrap_or(Minor::ZERO).into(),
            Class::Net => statement.net.unwrap_or(Minor::ZERO).into(),
        };
        let id = id_of.get(&at).copied().unwrap_or_default();
        Some(Entry {
            id: journal_id(id, class, delta, settlement),
            reverses: None,
            difference_id: id.to_owned(),
            code: difference.code.word().to_owned(),
            rule: class.word().to_owned(),
            source: tables.night.policy.source(statement.source).name.clone(),
            account: ledger.account.to_owned(),
            currency: lines[0].currency,
            lines: lines.iter().map(|line| (line.account.to_owned(), line.debit, line.credit)).collect(),
            before: after - delta,
            after,
            policy_sha256: plan.policy_hash.clone(),
            ledger_rows: tables.rows(&[ours]),
            statement_rows: tables.rows(&[theirs]),
        })
    };
    Ok(lines.chunks(2).filter_map(entry).collect())
}

/// The same for the same entry: difference, amount and accounts. Running again never posts twice, and
/// neither does a job that changes its reports, tiers or caps, or a program that is newer.
fn journal_id(difference_id: &str, class: Class, delta: Total, settlement: &Settlement) -> String {
    let rule = settlement.rules.get(&class);
    let (gain, loss) = rule.map_or(("", ""), |rule| (rule.gain.as_str(), rule.loss.as_str()));
    entry_id(&[difference_id, class.word(), &delta.to_string(), &settlement.clearing, gain, loss])
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
