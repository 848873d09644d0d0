//! What programs and people are to do: one item per action, issued once, cancelled when it resolves itself.
//!
//! ```text
//!  differences, findings ─▶ steps of the code (kernel) ─▶ wanted items ─┐
//!  worklist of the day before, and of the commit this run replaces ─▶ register ─┴▶ ISSUED, OPEN, CANCELLED, WITHHELD
//! ```
//!
//! An item's key is a hash of difference, verb, target and amount, and of no run and no date: the same
//! need on the next day, or in the same run again, has the same key and is not issued again. When the
//! run's own controls failed nothing about records is issued or cancelled, and every such item says why.
//! What is to be done about files is issued all the same (`finding`).

mod finding;
mod item;
mod lines;
mod register;
mod target;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use arrow_array::RecordBatch;
use jiff::civil;
use rayon::prelude::*;
use tieout_kernel::action::{Place, Step, Verb, steps};
use tieout_kernel::calendar::Day;
use tieout_kernel::code::{Code, Severity};
use tieout_kernel::key::event_key;
use tieout_kernel::money::Total;
use tieout_kernel::outcome::{Difference, Outcome};
use tieout_kernel::record::{Book, Kind, Record};

pub use item::{About, Item, State};
use lines::Lines;
pub use register::Register;
pub use target::{Call, Ids};

use crate::agree::{Night, Residue};
use crate::carry::days::Chain;
use crate::carry::history::is_unnamed;
use crate::error::Error;
use crate::finding::Finding;
use crate::job::{Plan, day_of};
use crate::memory::Memory;
use crate::normalise::decimal_text;
use crate::pipeline::{at_once, side_by_side};
use crate::reconcile::Reconciled;
use crate::report::schema::WORKLIST;
use crate::report::tables::{ROWS_NAMED, id_number};
use crate::report::{ForPeople, Runs, Sheet, Table, Written, id_in_order};
use crate::store::{Body, sha256};
use crate::weigh::RateFile;

/// What a worklist is made of.
pub struct Wanted<'w, 'r> {
    /// The job.
    pub plan: &'w Plan,
    /// The date.
    pub date: civil::Date,
    /// Rates, for approval levels.
    pub rates: &'w RateFile,
    /// The files.
    pub night: &'w Night<'w>,
    /// What the records carry along.
    pub residue: &'w Residue,
    /// What became of them.
    pub reconciled: &'w Reconciled<'r>,
    /// The id of each difference and its outcome's position.
    pub ids: &'w [(String, usize)],
    /// When differences that are not new were seen first.
    pub first_seen: &'w BTreeMap<String, Day>,
    /// What is wrong with files or the run.
    pub findings: &'w [Finding],
    /// Why nothing about records may be issued, if nothing may.
    pub withheld: Option<&'w str>,
    /// The days before: what those with failed controls left, or what an unread bill of theirs may explain, is not
    /// acted on until they are run again.
    pub chain: &'w Chain,
}

/// The worklist as files.
#[derive(Debug)]
pub struct Worklist {
    /// The table.
    pub table: Written,
    /// New and cancelled items for repair tools, all of them and each verb by itself: name, bytes, lines.
    pub lines: Vec<(String, Body, u64)>,
    /// How many items there are of each kind.
    pub counts: BTreeMap<(State, Verb), u64>,
}

/// Records whose items are made together.
const LOT: usize = 1 << 12;

/// Items in the order of the worklist.
#[derive(Debug)]
pub struct Lot {
    rows: Table,
    counts: BTreeMap<(State, Verb), u64>,
    /// Differences that have items tonight, as numbers; one may be there twice.
    asking: Vec<u128>,
}

impl Lot {
    fn of(mut items: Vec<Item>) -> Result<Self, Error> {
        items.sort_by(|a, b| {
            let key = |item: &Item| (item.state, item.severity);
            key(a).cmp(&key(b)).then_with(|| (&a.about, a.step, &a.id).cmp(&(&b.about, b.step, &b.id)))
        });
        let (mut sheet, mut counts) = (Sheet::new(WORKLIST), BTreeMap::new());
        for item in &items {
            item.put(&mut sheet);
            *counts.entry((item.state, item.verb)).or_default() += 1;
        }
        Ok(Self { rows: sheet.finish()?, counts, asking: Vec::new() })
    }

    /// The same of items that tonight's differences ask for.
    fn of_tonight(items: Vec<Item>) -> Result<Self, Error> {
        let mut asking: Vec<u128> = items.iter().filter_map(|item| item.about.difference().map(id_number)).collect();
        asking.dedup();
        Ok(Self { asking, ..Self::of(items)? })
    }
}

/// The worklist in the making, from the items of some differences at a time.
pub struct Making<'m, O> {
    runs: Runs<'m, O>,
    counts: BTreeMap<(State, Verb), u64>,
    asking: Vec<u128>,
}

/// A worklist without items yet.
#[must_use]
pub fn making(memory: &Memory) -> Making<'_, impl Fn(&Table) -> Vec<Rank> + Sync> {
    Making { runs: Runs::new(WORKLIST, memory, order()), counts: BTreeMap::new(), asking: Vec::new() }
}

impl<O: Fn(&Table) -> Vec<Rank> + Sync> Making<'_, O> {
    /// Takes items.
    pub fn put(&mut self, lot: Lot) -> Result<(), Error> {
        lot.counts.into_iter().for_each(|(what, count)| *self.counts.entry(what).or_default() += count);
        self.asking.extend(lot.asking);
        self.runs.put(vec![lot.rows])
    }
}

/// Where an item belongs.
pub type Rank = (Option<State>, Option<Severity>, (bool, [u128; 2]), Option<i64>, [u128; 2]);

/// The order of the table: by state and tier, then what items are about, their steps and their ids.
fn order() -> impl Fn(&Table) -> Vec<Rank> {
    let [state, severity, difference, finding, step, item] =
        ["state", "severity", "difference_id", "finding_id", "step", "item_id"].map(|name| WORKLIST.place(name));
    move |table| {
        let rows = table.batches.first().map_or(0, RecordBatch::num_rows);
        let text = |column: usize, row: usize| table.text(column, row);
        let id = |column: usize, row: usize| text(column, row).map(id_in_order);
        let rank = |row: usize| {
            let about = id(difference, row).map(|id| (false, id)).or_else(|| Some((true, id(finding, row)?)));
            (
                text(state, row).and_then(State::from_word),
                text(severity, row).and_then(Severity::from_word),
                about.unwrap_or_default(),
                table.integer(step, row),
                id(item, row).unwrap_or_default(),
            )
        };
        (0..rows).map(rank).collect()
    }
}

/// Items of which each key is there once, the first of them.
fn once_each(mut items: Vec<Item>) -> Vec<Item> {
    let mut seen = BTreeSet::new();
    items.retain(|item| seen.insert(item.key_bytes()));
    items
}

/// Records of a difference that one item is about.
struct Target {
    members: Vec<u32>,
    limit: Option<Total>,
}

impl Wanted<'_, '_> {
    /// Tonight's items: what is wanted, against what was issued before. They are made some differences at a time, and
    /// sorted in memory as long as there is room, else on the local disk.
    pub fn written<O: Fn(&Table) -> Vec<Rank> + Sync + Send>(
        &self,
        mut register: Register,
        mut making: Making<'_, O>,
        people: ForPeople<'_>,
    ) -> Result<Worklist, Error> {
        let is_large = |at: usize| self.records_of(self.ids[at].1) > LOT;
        let lots = self.lots();
        let mut some = lots.chunks(at_once());
        let next = || -> Result<Option<Vec<Lot>>, Error> {
            let lot_of = |some: Range<usize>| self.lot(some.filter(|&at| !is_large(at)), &register);
            some.next().map(|some| some.par_iter().cloned().map(lot_of).collect()).transpose()
        };
        side_by_side(next, |lots| lots.into_iter().try_for_each(|lot| making.put(lot)))?;
        // A difference of very many records is not held as items either.
        for at in (0..self.ids.len()).filter(|&at| is_large(at)) {
            let mut items = Vec::new();
            self.each_item(at, &mut |item| {
                items.push(self.against(item, &register));
                if items.len() < LOT { Ok(()) } else { making.put(Lot::of_tonight(std::mem::take(&mut items))?) }
            })?;
            making.put(Lot::of_tonight(items)?)?;
        }
        let of_findings = once_each(self.of_findings());
        making.put(Lot::of(of_findings.into_iter().map(|item| self.against(item, &register)).collect())?)?;
        let mut asking = std::mem::take(&mut making.asking);
        asking.par_sort_unstable();
        register.each_rest(self.plan, |some| {
            let gone = some.into_par_iter().map(|issued| self.gone(issued, &asking)).collect();
            making.put(Lot::of(gone)?)
        })?;
        let of_earlier_dates = register.take_of_earlier_dates();
        making.put(Lot::of(of_earlier_dates.map(|issued| self.still_open(issued)).collect())?)?;

        let mut lines = Lines::new(&self.night.memory);
        let table = making.runs.merged(Some(people), |lot| lines.add(lot))?;
        Ok(Worklist { table, lines: lines.finish()?, counts: making.counts })
    }

    /// The items of some differences, by the order of the ids.
    pub fn lot(&self, some: impl IntoIterator<Item = usize>, register: &Register) -> Result<Lot, Error> {
        let mut items = Vec::new();
        for at in some {
            self.each_item(at, &mut |item| {
                items.push(self.against(item, register));
                Ok(())
            })?;
        }
        Lot::of_tonight(items)
    }

    /// Differences whose items are made together, by the order of the ids: of about as many records in all.
    fn lots(&self) -> Vec<Range<usize>> {
        let mut lots = Vec::new();
        let (mut from, mut records) = (0, 0);
        for (at, (_, outcome)) in self.ids.iter().enumerate() {
            records += self.records_of(*outcome);
            if records >= LOT {
                lots.push(from..at + 1);
                (from, records) = (at + 1, 0);
            }
        }
        lots.push(from..self.ids.len());
        lots
    }

    /// How many records a difference has.
    fn records_of(&self, outcome: usize) -> usize {
        match &self.reconciled.outcomes[outcome] {
            Outcome::Difference(difference) => difference.ledger.len() + difference.statement.len(),
            Outcome::Match { .. } | Outcome::Rest { .. } => 0,
        }
    }

    /// Shows the items of an open difference, each key once; `at` is its position in the order of the ids.
    fn each_item(&self, at: usize, each: &mut dyn FnMut(Item) -> Result<(), Error>) -> Result<(), Error> {
        let (id, outcome) = &self.ids[at];
        let Outcome::Difference(difference) = &self.reconciled.outcomes[*outcome] else { return Ok(()) };
        if difference.is_settled() {
            return Ok(());
        }
        let (doubt, distrust) = (self.doubt(difference), self.distrust(difference));
        // The key has the difference's id in it: no other difference has the same.
        let mut seen = BTreeSet::new();
        self.of_difference(id, difference, &mut |mut item| {
            if !seen.insert(item.key_bytes()) {
                return Ok(());
            }
            let why = distrust.as_ref().or_else(|| doubt.as_ref().filter(|_| item.verb.moves_money()));
            if let Some(why) = why {
                (item.state, item.reason) = (State::Withheld, Some(why.clone()));
            }
            each(item)
        })
    }

    /// An item that tonight wants, against what was issued before.
    fn against(&self, mut item: Item, register: &Register) -> Item {
        let withheld = self.withheld.filter(|_| item.about.difference().is_some());
        match (register.asked_again(&item), withheld) {
            (Some(issued), _) => {
                item.state = State::Open;
                item.reason = None;
                (item.first_issued, item.due_at) = (issued.first_issued, issued.due_at());
                item.expires_on = issued.expires_on;
            }
            (None, Some(why)) => {
                item.state = State::Withheld;
                item.reason = Some(why.to_owned());
            }
            (None, None) => {}
        }
        item
    }

    /// Why no money may be moved for a difference by a program, if none may: payments under one number of the provider
    /// may be two, or one that the provider listed wrongly at first. Refunds share the number of their payment.
    fn doubt(&self, difference: &Difference) -> Option<String> {
        let rows = || difference.statement.iter().chain(&difference.related).map(|&at| self.record(at));
        let is_payment = |record: &&Record<'_>| record.book != Book::Ledger && record.kind == Kind::Payment;
        let numbers = || rows().filter(is_payment).filter_map(|record| record.provider_txn_id);
        let mut seen = BTreeSet::new();
        let twice = numbers().find(|number| !seen.insert(*number))?;
        let of = if is_unnamed(twice) { "one number".to_owned() } else { format!("the number {twice}") };
        Some(format!("the provider lists {of} twice, which may be a correction of one payment: ask, then decide"))
    }

    /// Why nothing may be done about a difference because of an earlier day, if nothing may.
    fn distrust(&self, difference: &Difference) -> Option<String> {
        let members = || difference.ledger.iter().chain(&difference.statement).copied();
        let mut nights = members().filter_map(|at| self.residue.carried(at as usize).map(|carried| carried.night));
        let failed = |night: Day| self.chain.withheld.iter().find(|day| day_of(day.date) == night);
        if let Some(day) = nights.find_map(failed) {
            return Some(format!("{} of {}; run that day again", day.why, day.date));
        }
        let may_explain = |date: civil::Date, sources: &[String]| {
            members()
                .map(|at| self.record(at))
                .any(|record| self.is_near(record, date) && self.concerns(record, sources))
        };
        if let Some(day) = self.chain.incomplete.iter().find(|day| may_explain(day.date, &day.sources)) {
            let sources = day.sources.join(", ");
            return Some(format!("what {} lacks ({sources}) may explain it; run that day again", day.date));
        }
        let day = self.chain.withheld.iter().find(|day| may_explain(day.date, &day.sources))?;
        let (why, date) = (&day.why, day.date);
        Some(format!("{why} of {date}, whose files may explain it; run that day again"))
    }

    /// Whether a record's partner, its reversal or its first copy may stand in the files of a date: from its horizon
    /// before the record's day to the night on which it is judged, the first after its horizon.
    fn is_near(&self, record: &Record<'_>, date: civil::Date) -> bool {
        let day = record.business_date.unwrap_or_else(|| day_of(self.date));
        let date = day_of(date);
        let away = self.plan.calendar.business_days_between(day.min(date), day.max(date));
        let horizon = self.night.policy.source(record.source).horizon(record.kind).days();
        let waits = if matches!(record.kind, Kind::Refund | Kind::Payout) { self.plan.stuck_after } else { 0 };
        away <= horizon.max(waits) + 1
    }

    /// Whether one of some sources has the bill of the record's account, or is a ledger; none at all means any.
    fn concerns(&self, record: &Record<'_>, sources: &[String]) -> bool {
        let bill = self.bill_of(record).map(usize::from);
        let mut all = self.plan.sources.iter().enumerate();
        sources.is_empty()
            || all.any(|(number, source)| {
                (source.book == Book::Ledger || bill == Some(number)) && sources.contains(&source.name)
            })
    }

    /// The source whose bill shows the record: its own, or that of its account.
    fn bill_of(&self, record: &Record<'_>) -> Option<u16> {
        match record.book {
            Book::Ledger => self.night.policy.accounts.get(record.account).copied(),
            Book::Statement | Book::Bank => Some(record.source),
        }
    }

    /// An item that was issued and is no longer wanted; `asking` are the differences that have items, in order.
    fn gone(&self, issued: Item, asking: &[u128]) -> Item {
        let asks_about = |id: &str| asking.binary_search(&id_number(id)).is_ok();
        let reason = match (&issued.about, self.withheld) {
            (About::Finding(_), _) => finding::GONE,
            // Whether it resolved itself is not known tonight.
            (About::Difference(_), Some(why)) => {
                return Item { state: State::Open, reason: Some(why.to_owned()), ..issued };
            }
            (About::Difference(id), None) if asks_about(id) => {
                "the difference is another one now: its other items say what to do"
            }
            (About::Difference(_), None) => "the difference is closed: nothing is to be done any more",
        };
        self.cancelled(issued, reason)
    }

    fn cancelled(&self, issued: Item, reason: &str) -> Item {
        Item { state: State::Cancelled, date: self.date, reason: Some(reason.to_owned()), ..issued }
    }

    fn record(&self, at: u32) -> &Record<'_> {
        &self.reconciled.records[at as usize]
    }

    fn of_difference(
        &self,
        id: &str,
        difference: &Difference,
        each: &mut dyn FnMut(Item) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let first = difference.statement.first().or(difference.ledger.first());
        let Some(kind) = first.map(|&at| self.record(at).kind) else { return Ok(()) };
        let steps = steps(difference.code, kind, difference.cash_effect());
        // The first item of each step, for the steps that depend on it.
        let mut of_step: Vec<String> = Vec::new();
        for (number, step) in (1_u32..).zip(steps) {
            let depends_on = step.after.and_then(|after| of_step.get(usize::from(after)).cloned());
            let mut first = None;
            for target in self.targets(difference, step) {
                let item = self.item(id, difference, step, number, depends_on.clone(), &target);
                first.get_or_insert_with(|| item.id.clone());
                each(item)?;
            }
            of_step.push(first.unwrap_or_default());
        }
        Ok(())
    }

    /// What a step is done to: the difference as a whole, or each surplus record by itself where money moves.
    fn targets(&self, difference: &Difference, step: &Step) -> Vec<Target> {
        let all = || difference.statement.iter().chain(&difference.ledger).copied().collect();
        let surplus = match difference.code {
            Code::DuplicatePayment | Code::DuplicateRefund | Code::DuplicatePayout => {
                let meant = usize::from(difference.related.is_empty());
                let beside = difference.pass.is_some() && difference.related.is_empty();
                // Where the good pair is part of the difference, nobody can say which record is the surplus.
                if beside { &[][..] } else { difference.statement.get(meant..).unwrap_or(&[]) }
            }
            _ => &[],
        };
        if step.verb.moves_money() && !surplus.is_empty() {
            return surplus
                .iter()
                .map(|&at| Target { members: vec![at], limit: Some(self.record(at).principal.into()) })
                .collect();
        }
        let limit = limit(difference, step);
        // Several movements at the provider are asked about one by one.
        if step.at == Place::Provider && step.verb == Verb::Query && difference.statement.len() > 1 {
            return difference.statement.iter().map(|&at| Target { members: vec![at], limit }).collect();
        }
        vec![Target { members: all(), limit }]
    }

    fn item(
        &self,
        id: &str,
        difference: &Difference,
        step: &Step,
        number: u32,
        depends_on: Option<String>,
        target: &Target,
    ) -> Item {
        let members: Vec<&Record<'_>> = target.members.iter().map(|&at| self.record(at)).collect();
        let first = members[0];
        let of_statement = members.iter().find(|record| record.book != Book::Ledger);
        let named = |field: for<'x> fn(&Record<'x>) -> Option<&'x str>| members.iter().find_map(|record| field(record));
        let ids = Ids {
            account: first.account,
            order_no: named(|record| record.order_no),
            event_no: named(event_key),
            provider_txn_id: the_one(&members),
            original_txn_id: named(|record| record.original_txn_id),
            batch_id: None,
        };
        let source =
            of_statement.map(|record| record.source).or_else(|| self.night.policy.accounts.get(first.account).copied());
        let format = source.map(|source| self.plan.sources[usize::from(source)].format.word());
        let call = format.filter(|_| step.at == Place::Provider);
        let is_one = members.iter().filter(|record| record.book != Book::Ledger).count() <= 1;
        let call =
            call.filter(|_| is_one).and_then(|format| target::call(format, step.verb.word(), first.kind.word(), &ids));
        let limit = target.limit;
        let key = key(id, step, &ids, limit, first);
        let item_id = format!("W{}", &key[..32]);
        // A first refund gets the item's own number: on every attempt it is the same refund.
        let call = call.map(|mut call| {
            let first_refund = step.verb == Verb::Refund && first.kind == Kind::Payment;
            call.parameters.extend(call.refund_number().filter(|_| first_refund).map(|name| (name, item_id.clone())));
            call
        });
        let at_risk = difference.at_risk.map_or_else(
            || "unknown".to_owned(),
            |total| format!("{} {}", decimal_text(total.get(), first.currency.exponent()), first.currency.code()),
        );
        let count = difference.ledger.len() + difference.statement.len();
        let records = if count == 1 { "record" } else { "records" };
        let severity = difference.severity;
        let seen_first = self.first_seen.get(id).copied();
        Item {
            state: State::Issued,
            id: item_id,
            key,
            about: About::Difference(id.to_owned()),
            job: self.plan.job.clone(),
            date: self.date,
            first_issued: self.date,
            verb: step.verb,
            at: step.at,
            step: number,
            depends_on,
            code: difference.code,
            flags: difference.flags.iter().collect(),
            severity,
            cash_effect: difference.cash_effect(),
            source: source.map(|source| self.plan.sources[usize::from(source)].name.clone()),
            account: Some(first.account.to_owned()),
            kind: Some(first.kind),
            order_no: ids.order_no.map(str::to_owned),
            event_no: ids.event_no.map(str::to_owned),
            provider_txn_id: ids.provider_txn_id.map(str::to_owned),
            call: call.map(|call| {
                let parameters = call.parameters.into_iter().map(|(name, value)| (name.to_owned(), value));
                (call.api.to_owned(), parameters.collect())
            }),
            currency: Some(first.currency),
            amount_limit: limit,
            precondition: [step.precondition_en.to_owned(), step.precondition_zh.to_owned()],
            steps: [step.text_en.to_owned(), step.text_zh.to_owned()],
            queue: self.queue(difference.code, step.at),
            approval_level: self.approval(step, limit, first),
            due_at: self.due_at(severity),
            expires_on: self.expires_on(seen_first),
            evidence: self.evidence(difference, target),
            alert: [
                difference.code.label_en().to_owned(),
                format!("{count} {records}, {at_risk} at risk"),
                format!("{}T00:00:00Z", days_after(self.date, 1)),
                steps_first(difference, first),
            ],
            reason: None,
        }
    }

    /// Where each record of a difference stands, those that explain it included. Of many the first, and before them
    /// those that the item is about.
    fn evidence(&self, difference: &Difference, target: &Target) -> Vec<item::Evidence> {
        let Difference { ledger, statement, related, .. } = difference;
        let all = || statement.iter().chain(ledger).chain(related).copied();
        let named: Vec<u32> = if ledger.len() + statement.len() + related.len() <= ROWS_NAMED {
            all().collect()
        } else {
            let own: Vec<u32> = target.members.iter().copied().take(ROWS_NAMED).collect();
            let others = all().filter(|one| !own.contains(one)).take(ROWS_NAMED - own.len());
            own.iter().copied().chain(others).collect()
        };
        let evidence = named.into_iter().map(|at| {
            let record = self.record(at);
            let stored = self.residue.stored(self.night, at as usize);
            item::Evidence {
                book: record.book.word().to_owned(),
                source: self.night.policy.source(record.source).name.clone(),
                file: stored.file.to_owned(),
                line: Some(stored.line.max(1)),
                date: record.business_date.map(|day| day.to_string()),
            }
        });
        evidence.collect()
    }

    /// Whose an item is: by its code, else by the place where it is done.
    fn queue(&self, code: Code, at: Place) -> String {
        let plan = &self.plan.worklist;
        plan.queues_of_code.get(&code).or_else(|| plan.queues.get(&at)).cloned().unwrap_or_default()
    }

    /// How many people must agree: none for what only looks, more for what is larger.
    fn approval(&self, step: &Step, limit: Option<Total>, record: &Record<'_>) -> u8 {
        let plan = &self.plan.worklist;
        let from = match step.verb {
            Verb::Refund | Verb::Recall | Verb::Repay | Verb::Dispute | Verb::Represent | Verb::Fulfil => {
                &plan.money_from
            }
            Verb::Book | Verb::Reverse | Verb::Adjust | Verb::WriteOff | Verb::Accept | Verb::Reject => {
                &plan.books_from
            }
            Verb::Wait | Verb::Query | Verb::Freeze | Verb::Review | Verb::Reload | Verb::Config => return 0,
        };
        let base = self.plan.base_currency;
        let amount = limit.and_then(|limit| self.rates.rates.in_base(limit, record.currency, base));
        // What cannot be weighed needs everybody.
        let Some(amount) = amount else { return 3 };
        u8::try_from(from.iter().filter(|least| amount >= **least).count()).unwrap_or(3)
    }

    /// Hours of the tier, from the end of the business date.
    fn due_at(&self, severity: Severity) -> jiff::Timestamp {
        let hours = self.plan.worklist.sla_hours.get(&severity).copied().unwrap_or(168);
        let end = days_after(self.date, 1).to_zoned(jiff::tz::TimeZone::UTC).map(|zoned| zoned.timestamp());
        let due = end.map(|end| end.saturating_add(jiff::SignedDuration::from_hours(i64::from(hours))));
        due.ok().and_then(Result::ok).unwrap_or(jiff::Timestamp::MAX).min(last_second())
    }

    /// The day on which the difference leaves the list.
    fn expires_on(&self, first_seen: Option<Day>) -> civil::Date {
        let today = day_of(self.date);
        let open_for = first_seen.map_or(0, |first| i64::from(today.0) - i64::from(first.0));
        days_after(self.date, i64::from(self.plan.carry.keep_open) - open_for)
    }
}

/// The last moment there is, in whole seconds: a column has microseconds, and reads back no more than it has.
fn last_second() -> jiff::Timestamp {
    jiff::Timestamp::from_second(jiff::Timestamp::MAX.as_second()).expect("the second of a moment is one")
}

/// The provider's number that records name; none where the provider has several.
fn the_one<'r>(members: &[&Record<'r>]) -> Option<&'r str> {
    let of_statement = members.iter().filter(|record| record.book != Book::Ledger);
    let numbers: BTreeSet<&str> = of_statement.filter_map(|record| record.provider_txn_id).collect();
    if numbers.len() > 1 {
        return None;
    }
    let known = |number: &&str| !is_unnamed(number);
    let of_any = members.iter().filter_map(|record| record.provider_txn_id).find(known);
    numbers.first().copied().filter(known).or(of_any)
}

/// The first thing to do about a difference, in words.
fn steps_first(difference: &Difference, record: &Record<'_>) -> String {
    let steps = steps(difference.code, record.kind, difference.cash_effect());
    steps.first().map_or_else(String::new, |step| step.text_en.to_owned())
}

fn days_after(date: civil::Date, days: i64) -> civil::Date {
    date.saturating_add(jiff::Span::new().days(days.clamp(0, 10_000)))
}

/// The most that a step may move: of fees what they are off by, of duplicates and wrong receivers what
/// is at risk, of anything else what the two books are apart.
fn limit(difference: &Difference, step: &Step) -> Option<Total> {
    let looks =
        matches!(step.verb, Verb::Wait | Verb::Query | Verb::Review | Verb::Reload | Verb::Config | Verb::Freeze);
    if looks {
        return None;
    }
    let across = [Code::OverRefund, Code::DoubleDip, Code::BeneficiaryMismatch, Code::DirectionMismatch];
    let by_risk = difference.code.family() == 'F' || across.contains(&difference.code);
    let of_fee = difference.fee_delta.or(difference.net_gap).filter(|_| difference.code.family() == 'E');
    let exposure = difference.exposure.filter(|exposure| !by_risk && !exposure.is_zero());
    of_fee.or(exposure).or(difference.at_risk).map(Total::magnitude)
}

/// The idempotency key: a hash of difference, verb, target, amount and currency.
fn key(id: &str, step: &Step, ids: &Ids<'_>, limit: Option<Total>, record: &Record<'_>) -> String {
    let limit = limit.map_or(String::new(), |limit| limit.to_string());
    let or = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let parts = [
        id.to_owned(),
        step.verb.word().to_owned(),
        step.at.word().to_owned(),
        ids.account.to_owned(),
        record.kind.word().to_owned(),
        or(ids.order_no),
        or(ids.event_no),
        or(ids.provider_txn_id),
        limit,
        record.currency.code().to_owned(),
    ];
    sha256(parts.join("\u{1f}").as_bytes())
}
