//! What a run leaves to the next one: what is open when it ends, and what explains that.

use std::collections::BTreeMap;

use rayon::prelude::*;
use tieout_kernel::calendar::Day;
use tieout_kernel::code::Code;
use tieout_kernel::key::event_key;
use tieout_kernel::money::{Minor, Total};
use tieout_kernel::outcome::{Difference, Outcome, State};
use tieout_kernel::record::{Direction, Note, Origin, Record};

use super::pool::how_open;
use crate::agree::{Night, Residue};
use crate::error::Error;
use crate::reconcile::Reconciled;
use crate::report::schema::OPEN_ITEMS;
use crate::report::{ForPeople, PART, Sheet, Table, Written, in_rows};

/// A record that goes on, and why.
struct Kept<'k> {
    at: u32,
    state: State,
    difference: Option<(&'k str, &'k Difference)>,
}

/// What the next run needs: open records, what explains open differences, and what was settled.
pub struct Leaving<'l, 'r> {
    /// The files.
    pub night: &'l Night<'l>,
    /// What the records carry along.
    pub residue: &'l Residue,
    /// What became of them.
    pub reconciled: &'l Reconciled<'r>,
    /// The id of each difference and its outcome's position.
    pub ids: &'l [(String, usize)],
    /// When each difference that is not new was seen first.
    pub first_seen: &'l BTreeMap<String, Day>,
    /// The day of the run.
    pub day: Day,
}

impl Leaving<'_, '_> {
    fn record(&self, at: u32) -> &Record<'_> {
        &self.reconciled.records[at as usize]
    }

    fn kept(&self) -> Vec<Kept<'_>> {
        let id_of: BTreeMap<usize, &str> = self.ids.iter().map(|(id, at)| (*at, id.as_str())).collect();
        let mut kept = Vec::new();
        let mut ended: BTreeMap<u32, State> = BTreeMap::new();
        let mut beside: BTreeMap<u32, (&str, &Difference)> = BTreeMap::new();
        for (at, outcome) in self.reconciled.outcomes.iter().enumerate() {
            match outcome {
                Outcome::Rest { record, state: state @ (State::TimingPending | State::Held), .. } => {
                    kept.push(Kept { at: *record, state: *state, difference: None });
                }
                Outcome::Rest { record, state, .. } => drop(ended.insert(*record, *state)),
                Outcome::Match { ledger, statement, state, .. } => {
                    ended.insert(*ledger, *state);
                    ended.insert(*statement, *state);
                }
                Outcome::Difference(difference) => {
                    let id = id_of.get(&at).copied().unwrap_or_default();
                    for (record, state) in outcome.records() {
                        kept.push(Kept { at: record, state, difference: Some((id, difference)) });
                    }
                    if !difference.is_settled() {
                        beside.extend(difference.related.iter().map(|&one| (one, (id, &**difference))));
                    }
                }
            }
        }
        for (one, state) in ended {
            // What was settled on an earlier night may still be reversed.
            let was_settled = self.settled_before(one).filter(|_| state == State::MatchedBefore);
            if let Some(difference) = beside.get(&one) {
                kept.push(Kept { at: one, state, difference: Some(*difference) });
            } else if was_settled.is_some() {
                kept.push(Kept { at: one, state: State::Settled, difference: None });
            }
        }
        kept
    }

    /// The difference in which a record was settled on an earlier night.
    fn settled_before(&self, at: u32) -> Option<&str> {
        let carried = self.residue.carried(at as usize)?;
        carried.difference.as_deref().filter(|_| carried.origin == Origin::Settled)
    }

    /// What goes on, in the order of the table.
    fn in_order(&self) -> Vec<Kept<'_>> {
        let mut kept = self.kept();
        let rank = |one: &Kept<'_>| {
            let record = self.record(one.at);
            let night = self.residue.carried(one.at as usize).map_or(self.day, |carried| carried.night);
            let (file, line) = self.residue.file_and_line(self.night, one.at as usize);
            (how_open(one.state), record.book, record.source, record.account, event_key(record), night, file, line)
        };
        kept.par_sort_by(|a, b| rank(a).cmp(&rank(b)));
        kept
    }

    /// The table `open_items`.
    pub fn written(&self, people: ForPeople<'_>) -> Result<Written, Error> {
        let kept = self.in_order();
        in_rows(OPEN_ITEMS, Some(people), (&kept, PART), &self.night.memory, |sheet, one| self.put(sheet, one))
    }

    /// Shows the same part by part.
    pub fn each_part(&self, mut each: impl FnMut(Table) -> Result<(), Error>) -> Result<(), Error> {
        self.in_order().chunks(PART).try_for_each(|some| {
            let mut sheet = Sheet::new(OPEN_ITEMS);
            some.iter().for_each(|one| self.put(&mut sheet, one));
            each(sheet.finish()?)
        })
    }

    fn put(&self, sheet: &mut Sheet, one: &Kept<'_>) {
        let record = self.record(one.at);
        let carried = self.residue.carried(one.at as usize);
        let stored = self.residue.stored(self.night, one.at as usize);
        let source = self.night.policy.source(record.source);
        let currency = Some(record.currency);
        let signed = |money: Minor| if record.direction == Direction::Out { -money } else { money };
        let size = |money: Option<Minor>| money.map(|money| Total::from(signed(money)));
        let plain = |money: Option<Minor>| money.map(Total::from);
        let night = stored.night.unwrap_or(self.day);
        // What ended on an earlier night and is here to explain or to be reversed.
        let own = carried.filter(|carried| carried.origin.has_ended() && one.state != State::InDifference);
        let id = one.difference.map(|(id, _)| id).or_else(|| own.and_then(|own| own.difference.as_deref()));
        let seen_first = match (id, own) {
            (Some(id), _) if self.first_seen.contains_key(id) => self.first_seen[id],
            (_, Some(own)) => own.first_seen,
            (Some(_), None) => self.day,
            (None, None) => night,
        };
        let notes: Vec<&str> = record.notes.iter().map(Note::word).collect();
        let marks: Vec<&str> = record.across.codes.iter().map(Code::word).collect();
        let words = |words: &[&str]| (!words.is_empty()).then(|| words.join(" "));
        let age = record.business_date.map(|day| self.night.policy.calendar.business_days_between(day, self.day));
        let columns = self.night.policy.compared.columns.iter().map(|column| column.name.as_str());
        let compared: BTreeMap<&str, Option<&str>> = columns.zip(record.compared.iter().copied()).collect();
        let compared = (!compared.is_empty()).then(|| serde_json::to_string(&compared).unwrap_or_default());
        let extra: BTreeMap<&str, &str> = stored.extra.iter().copied().collect();
        let extra = (!extra.is_empty()).then(|| serde_json::to_string(&extra).unwrap_or_default());
        sheet
            .text(Some(one.state.word()))
            .text(Some(record.book.word()))
            .text(Some(&source.name))
            .text(Some(record.account))
            .text(Some(record.kind.word()))
            .text(Some(record.direction.word()))
            .text(Some(record.status.word()))
            .text(Some(record.currency.code()))
            .integer(Some(i64::from(record.currency.exponent())))
            .money(size(Some(record.principal)), currency)
            .money(size(Some(record.amount)), currency)
            .money(size(record.order_amount), currency)
            .money(plain(record.fee), currency)
            .money(plain(record.tax), currency)
            .money(plain(record.net), currency)
            .text(record.event_no)
            .text(record.order_no)
            .text(record.provider_txn_id)
            .text(record.original_txn_id)
            .text(stored.batch_id)
            .text(record.counterparty)
            .instant(record.occurred_at)
            .date(record.business_date)
            .instant(record.closed_at)
            .truth(record.fulfilled)
            .text(words(&notes).as_deref())
            .date(Some(night))
            .date(Some(seen_first))
            .integer(age.map(i64::from))
            .integer(Some(i64::from(source.horizon(record.kind).days())))
            .text(id)
            .text(one.difference.map(|(_, difference)| difference.code.word()))
            .text(Some(stored.file))
            .count(stored.line)
            .integer(Some(record.content.cast_signed()))
            .truth(Some(record.held))
            .truth(Some(record.across.orphan))
            .text(words(&marks).as_deref())
            .integer(i64::try_from(record.across.at_risk.get()).ok())
            .text(compared.as_deref())
            .text(extra.as_deref())
            .end_row();
    }
}
