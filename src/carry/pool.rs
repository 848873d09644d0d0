//! The pool: what is open when a run ends, as the table `open_items`, and back.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::RecordBatch;
use jiff::civil;
use rayon::prelude::*;
use tieout_kernel::calendar::Day;
use tieout_kernel::code::{Code, Codes};
use tieout_kernel::currency::Currency;
use tieout_kernel::key::{event_key, event_number};
use tieout_kernel::money::{Minor, Total};
use tieout_kernel::outcome::{Difference, Outcome, State};
use tieout_kernel::record::{Book, Direction, Kind, Note, Notes, Origin, Record, Status};

use super::Carried;
use super::days::Chain;
use crate::agree::{Night, Residue};
use crate::error::Error;
use crate::job::{Plan, day_of};
use crate::reconcile::Reconciled;
use crate::report::schema::OPEN_ITEMS;
use crate::report::{Cells, ForPeople, PART, Sheet, Table, Written, in_rows};
use crate::store::Store;

/// What the day before left.
#[derive(Debug, Default)]
pub struct Pool {
    /// What takes part tonight.
    pub carried: Vec<Carried>,
    /// What was open for too long, and takes part no more.
    pub lapsed: Vec<Carried>,
}

/// Reads the pool of the day before.
///
/// # Errors
/// When it cannot be read, or has records of a source that the job no longer has.
pub fn read(store: &Store, plan: &Plan, date: civil::Date, chain: &Chain) -> Result<Pool, Error> {
    let Some(before) = chain.before() else { return Ok(Pool::default()) };
    let mut pool = Pool::default();
    let today = day_of(date);
    before.rows(store, plan, OPEN_ITEMS, |cells| {
        let source = cells.text("source").unwrap_or_default();
        let Some(number) = plan.sources.iter().position(|known| known.name == source) else {
            let what =
                format!("the pool of {} has records of source `{source}`, which the job no longer has", before.date);
            let hint = "give the source its name back, or begin again with --start-fresh";
            return Err(Error::usage(what, hint));
        };
        let number = u16::try_from(number).unwrap_or(u16::MAX);
        let one = from_cells(plan, number, cells).ok_or_else(|| {
            before.unreadable(plan, &OPEN_ITEMS.parquet_name(), "a row lacks what every row has".to_owned())
        })?;
        let open_for = i64::from(today.0) - i64::from(one.first_seen.0);
        let target = if open_for > i64::from(plan.carry.keep_open) { &mut pool.lapsed } else { &mut pool.carried };
        target.push(one);
        Ok(())
    })?;
    Ok(pool)
}

fn from_cells(plan: &Plan, source: u16, cells: &Cells<'_>) -> Option<Carried> {
    let owned = |name: &str| cells.text(name).map(str::to_owned);
    let money = |name: &str| cells.integer(name).and_then(Minor::new);
    let size = |name: &str| cells.integer(name).and_then(|minor| Minor::new(minor.abs()));
    let exponent = u8::try_from(cells.integer("exponent")?).ok()?;
    let code = cells.text("currency")?;
    let known = plan.currency(code).filter(|currency| currency.exponent() == exponent);
    let notes = cells.text("notes").unwrap_or_default().split_whitespace();
    let marks = cells.text("marks").unwrap_or_default().split_whitespace();
    let compared: BTreeMap<String, Option<String>> =
        serde_json::from_str(cells.text("compared").unwrap_or("{}")).ok()?;
    // Where the job compares a column that it did not compare then, nothing can be said of any.
    let columns = plan.compared.columns.iter().map(|column| compared.get(&column.name).cloned());
    let compared: Vec<Option<String>> = columns.collect::<Option<_>>().unwrap_or_default();
    let extra: BTreeMap<String, String> = serde_json::from_str(cells.text("extra").unwrap_or("{}")).ok()?;
    let state = State::from_word(cells.text("state")?)?;
    Some(Carried {
        book: Book::from_word(cells.text("book")?)?,
        source,
        origin: match state {
            State::TimingPending | State::Held => Origin::Transit,
            State::InDifference => Origin::Difference,
            State::Settled => Origin::Settled,
            _ => Origin::History,
        },
        held: cells.truth("held").unwrap_or(false),
        content: cells.integer("content")?.cast_unsigned(),
        account: owned("account")?,
        kind: Kind::from_word(cells.text("kind")?)?,
        direction: Direction::from_word(cells.text("direction")?)?,
        status: Status::from_word(cells.text("status")?)?,
        currency: known.or_else(|| Currency::declared(code, exponent))?,
        principal: size("amount_minor")?,
        amount: size("moved_minor")?,
        order_amount: size("order_amount_minor"),
        fee: money("fee_minor"),
        tax: money("tax_minor"),
        net: money("net_minor"),
        event_no: owned("event_no"),
        order_no: owned("order_no"),
        provider_txn_id: owned("provider_txn_id"),
        original_txn_id: owned("original_txn_id"),
        batch_id: owned("batch_id"),
        counterparty: owned("counterparty"),
        occurred_at: cells.instant("occurred_at"),
        business_date: cells.date("business_date"),
        closed_at: cells.instant("closed_at"),
        fulfilled: cells.truth("fulfilled"),
        notes: notes.filter_map(Note::from_word).fold(Notes::NONE, Notes::with),
        compared,
        extra: extra.into_iter().collect(),
        marks: marks.filter_map(Code::from_word).fold(Codes::NONE, Codes::with),
        marked: Total::new(i128::from(cells.integer("marked_minor").unwrap_or(0))),
        orphan: cells.truth("orphan").unwrap_or(false),
        file: owned("file")?,
        line: u64::try_from(cells.integer("line")?).ok()?,
        night: cells.date("night")?,
        difference: owned("difference_id"),
        first_seen: cells.date("first_seen")?,
    })
}

/// A record that goes on, and why.
struct Kept<'k> {
    at: u32,
    state: State,
    difference: Option<(&'k str, &'k Difference)>,
}

/// What differs comes before what waits, and that before what only explains.
const fn how_open(state: State) -> u8 {
    match state {
        State::InDifference => 0,
        State::TimingPending | State::Held => 1,
        _ => 2,
    }
}

/// Where a record belongs in the table.
pub type Rank = (u8, Option<Book>, usize, String, Option<String>, Option<Day>, String, Option<i64>);

/// The order of the table: by state, book, source, account, event number, night and row.
pub fn order(plan: &Plan) -> impl Fn(&Table) -> Vec<Rank> {
    let [state, book, source, account, kind, event_no, order_no, night, file, line] =
        ["state", "book", "source", "account", "kind", "event_no", "order_no", "night", "file", "line"]
            .map(|name| OPEN_ITEMS.place(name));
    move |table| {
        let rows = table.batches.first().map_or(0, RecordBatch::num_rows);
        let rank = |row: usize| {
            let text = |column: usize| table.text(column, row);
            let owned = |column: usize| text(column).unwrap_or_default().to_owned();
            let kind = text(kind).and_then(Kind::from_word);
            let number = kind.and_then(|kind| event_number(kind, text(event_no), text(order_no)));
            (
                text(state).and_then(State::from_word).map_or(u8::MAX, how_open),
                text(book).and_then(Book::from_word),
                plan.sources.iter().position(|known| Some(known.name.as_str()) == text(source)).unwrap_or(usize::MAX),
                owned(account),
                number.map(str::to_owned),
                table.date(night, row),
                owned(file),
                table.integer(line, row),
            )
        };
        (0..rows).map(rank).collect()
    }
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

/// What to say of differences that left the list because nobody closed them.
#[must_use]
pub fn lapsed_words(lapsed: &[Carried]) -> Option<(u64, String)> {
    let ids: BTreeSet<&str> = lapsed.iter().filter_map(|one| one.difference.as_deref()).collect();
    let open = lapsed.iter().filter(|one| one.origin.is_pool()).count() as u64;
    let first = lapsed.iter().map(|one| one.first_seen).min()?;
    (open > 0).then(|| {
        (open, format!("{} differences, open since {first} and later, leave the list: {open} records", ids.len()))
    })
}
