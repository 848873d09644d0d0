//! A night on which more differs than fits into memory: what concerns nothing beyond its own number is decided apart
//! from the rest, some of it at a time.
//!
//! ```text
//!  residue ─ sort out, lot by lot ─┬─▶ whole: what the days before, other numbers or orders are about ─▶ as on any night
//!                                  └─▶ apart: places ─ read again, lot by lot ─▶ decide ─▶ rows of all tables, merged
//! ```
//!
//! Under a number stand all records of it, so pass K1 decides it wherever it is decided. What K1 leaves over is apart
//! only where no later pass could bring it together with anything: nobody else has its provider's number or its order,
//! and nobody on the other side its amount. What looks at everything that differs is gathered while records are sorted
//! out ([`Survey`]), and told to each lot when it is decided. The files are the same bytes as if all had been decided
//! together.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Mutex;

use indicatif::{HumanBytes, HumanCount};
use rayon::prelude::*;
use tieout_kernel::calendar::Day;
use tieout_kernel::key::{KeyHasher, KindClass, Pass, event_key, order_key};
use tieout_kernel::outcome::Outcome;
use tieout_kernel::pass;
use tieout_kernel::policy::Policy;
use tieout_kernel::proof::{Ends, Tally};
use tieout_kernel::record::{Book, Kind, Record};
use tieout_kernel::settle::Verdict;
use tieout_kernel::severity::Parties;

use crate::agree::{self, Agreed, Night, Residue, Scan, is_carried, part_of};
use crate::carry::history::{AllRest, Filter, Found, Names, Rest};
use crate::carry::pool::{self, Known, Pool};
use crate::carry::roll::Roll;
use crate::error::{Complaint, Error};
use crate::job::{Evidence, Plan};
use crate::outputs::{Apart, Frame, Slice, first_seen};
use crate::pipeline::at_once;
use crate::progress::Progress;
use crate::reconcile::{self, Reconciled};
use crate::report::evidence::{AllPairs, Pairs};
use crate::report::schema::{DIFFERENCES, DIFFERENCES_FOR_PEOPLE, OPEN_ITEMS, OPEN_ITEMS_FOR_PEOPLE};
use crate::report::sums::Sums;
use crate::report::tables::{self, id_number};
use crate::report::{PART, Runs, Table};
use crate::settle::{self, Entry};
use crate::survey::Survey;
use crate::turns::Turns;
use crate::weigh::{self, RateFile};
use crate::worklist;

/// Records under one number that are not decided apart: items and evidence of so many are made piece by piece.
const MANY: usize = 64;

/// The share of the memory that records may take which are decided together, with what earlier nights left and what
/// becomes of them, while others are decided apart.
const WHOLE: u64 = 2;
/// That of what is known of all others.
const SURVEY: u64 = 4;
/// That of what the journal needs of them.
const KEPT: u64 = 4;
/// That of the records that are read at once.
const TURN: u64 = 8;
/// Bytes that a settled difference takes until it is in the journal, its texts included.
const BYTES_OF_AN_ENTRY: usize = 1_000;

/// What records are decided by.
#[derive(Clone, Copy)]
pub struct Rules<'c> {
    /// The job.
    pub plan: &'c Plan,
    /// Its rules.
    pub policy: &'c Policy,
    /// Rates, for caps and tiers.
    pub rates: &'c RateFile,
    /// The files.
    pub night: &'c Night<'c>,
    /// Their scan.
    pub scan: &'c Scan,
    /// What the fast path came to.
    pub agreed: &'c Agreed,
    /// What the day before left.
    pub pool: &'c Pool<'c>,
    /// Whether the history reaches back far enough to say that nobody knows an order.
    pub judge_orphans: bool,
}

/// Which records are decided where.
#[derive(Debug, Default)]
pub struct Sorted {
    /// Places of those that are decided together, in order.
    pub whole: Vec<u64>,
    /// Places of those that are not; under no number some of both, and no number in two parts.
    pub apart: Vec<Vec<u64>>,
    /// What is known of the latter.
    pub survey: Survey,
    /// Numbers that the days before ask for, among the latter.
    pub names: Names,
}

impl Sorted {
    /// Everything together: what the day before left, and what differs.
    #[must_use]
    pub fn together(pool: &Pool<'_>, partitions: &[Vec<u64>]) -> Self {
        let mut whole: Vec<u64> = pool.places().chain(partitions.iter().flatten().copied()).collect();
        whole.par_sort_unstable();
        Self { whole, ..Self::default() }
    }

    fn take(&mut self, lot: SortedLot, limit: u64) -> Result<(), Error> {
        self.whole.extend(lot.whole);
        self.apart.push(lot.apart);
        self.survey.add(lot.survey);
        self.names.add(lot.names);
        self.survey.fits(limit / SURVEY)
    }
}

/// What has to do with more than one number: numbers, by the hash of account, class and number.
struct Bound(HashSet<u128>);

/// Which numbers, orders and amounts more than one record has that no pass decided yet; some of those said to be shared
/// are not.
struct Shared {
    numbers: [Filter; 2],
    orders: [Filter; 2],
    /// By side.
    amounts: [Filter; 2],
}

/// What a record could be brought together by.
#[derive(Clone, Copy, Debug)]
struct Asks {
    number: Option<u128>,
    order: Option<u128>,
    amount: Option<u128>,
    side: usize,
}

impl Asks {
    fn of(record: &Record<'_>, policy: &Policy, seed: u64) -> Self {
        let class = record.kind.class();
        let of_account = KeyHasher::new(seed, record.account);
        let asks = |pass: Pass| policy.passes.contains(&pass);
        let has_party = record.counterparty.is_some() || !policy.by_amount.party_required;
        let amount = || format!("{} {}", record.currency.code(), record.signed().get());
        Self {
            // Pass K2 looks beyond accounts as well.
            number: record
                .provider_txn_id
                .filter(|_| asks(Pass::K2))
                .map(|one| KeyHasher::new(seed, "").hash(class, one)),
            order: order_key(record).filter(|_| asks(Pass::K3)).map(|order| of_account.hash(class, order)),
            amount: (asks(Pass::K4) && has_party && record.occurred_at.is_some())
                .then(|| of_account.hash(class, &amount())),
            side: usize::from(record.book != Book::Ledger),
        }
    }
}

impl Shared {
    fn among(records: usize) -> Self {
        let filters = || [(); 2].map(|()| Filter::for_keys(records));
        Self { numbers: filters(), orders: filters(), amounts: filters() }
    }

    fn add(&self, asks: &Asks) {
        for ([once, again], key) in [(&self.numbers, asks.number), (&self.orders, asks.order)] {
            if let Some(key) = key {
                if once.may_have(key) { again.add(key) } else { once.add(key) }
            }
        }
        asks.amount.into_iter().for_each(|key| self.amounts[asks.side].add(key));
    }

    /// Whether no pass could bring a record that was added together with another one.
    fn is_alone(&self, asks: &Asks) -> bool {
        let again = |[_, again]: &[Filter; 2], key: Option<u128>| key.is_some_and(|key| again.may_have(key));
        let beyond = asks.amount.is_some_and(|key| self.amounts[1 - asks.side].may_have(key));
        !again(&self.numbers, asks.number) && !again(&self.orders, asks.order) && !beyond
    }
}

/// A lot, sorted out.
#[derive(Default)]
struct SortedLot {
    whole: Vec<u64>,
    apart: Vec<u64>,
    /// Of numbers that K1 leaves something over of, which a later pass may take or not.
    waiting: Vec<u64>,
    /// What everything but `apart` could be brought together by.
    asks: Vec<Asks>,
    survey: Survey,
    names: Names,
}

/// The records of one number.
#[derive(Clone, Copy, Default)]
struct Group {
    records: usize,
    differences: usize,
    whole: bool,
    waiting: bool,
}

impl Rules<'_> {
    /// Whether all that differs can be decided together.
    #[must_use]
    pub fn fit_together(&self, partitions: &[Vec<u64>]) -> bool {
        let (memory, tonight) = (&self.night.memory, partitions.iter().map(Vec::len).sum());
        self.pool.is_held()
            && agree::fits_whole(tonight, 0, memory.whole).is_ok()
            && agree::fits_whole(tonight, self.pool.len(), memory.limit).is_ok()
    }

    /// Says which records are decided where: those of tonight's `residue`, by partition, and those of earlier nights of
    /// which something is `known`.
    ///
    /// # Errors
    /// When a file cannot be read again, or more than fits has to be decided together.
    pub fn sort_out(
        &self,
        residue: Vec<Vec<u64>>,
        known: Vec<Known>,
        found: &Found,
        progress: &Progress,
    ) -> Result<Sorted, Error> {
        let limit = self.night.memory.limit;
        let tonight: usize = residue.iter().map(Vec::len).sum();
        let (whole, partitions) = with_earlier(residue, &known);
        drop(known);
        fit(&whole, limit).map_err(|error| refused(error, &whole))?;
        let shared = Shared::among(tonight + self.pool.len());
        let bound = self.bound(&whole, found, &shared, progress)?;
        let mut sorted = Sorted { whole, ..Sorted::default() };
        let mut waiting = Vec::new();
        let turns = self.turns();
        let names = Names::asked(&self.pool.unnamed, found);
        let make = |residue: &Residue| Ok(self.sorted_lot(residue, &bound, &names, None));
        turns.each_lot(&partitions, ("sort out", progress), make, |mut lot| {
            lot.asks.iter().for_each(|asks| shared.add(asks));
            waiting.push(std::mem::take(&mut lot.waiting));
            sorted.take(lot, limit)
        })?;
        drop(partitions);
        let all: Vec<u64> = sorted.whole.iter().chain(waiting.iter().flatten()).copied().collect();
        if fit(&all, limit / WHOLE).is_ok() && fit(&all, self.night.memory.whole).is_ok() {
            sorted.whole = all;
        } else {
            drop(all);
            let make = |residue: &Residue| Ok(self.sorted_lot(residue, &bound, &names, Some(&shared)));
            turns.each_lot(&waiting, ("sort out", progress), make, |lot| sorted.take(lot, limit))?;
        }
        sorted.whole.par_sort_unstable();
        if fit(&sorted.whole, limit / WHOLE).is_ok() {
            return Ok(sorted);
        }
        // Most of it concerns the rest: then all of it is decided together, if that fits.
        agree::fits_whole(tonight, self.pool.len(), limit).map_err(|error| refused(error, &sorted.whole))?;
        sorted.apart.push(sorted.whole);
        Ok(Sorted::together(&Pool::default(), &sorted.apart))
    }

    fn turns(&self) -> Turns<'_> {
        Turns {
            night: self.night,
            scan: self.scan,
            repeated: self.agreed.repeated,
            pool: Some(self.pool),
            room: agree::room_for(self.night.memory.limit / TURN),
        }
    }

    /// What records that are decided together in any case have to do with.
    fn bound(&self, whole: &[u64], found: &Found, shared: &Shared, progress: &Progress) -> Result<Bound, Error> {
        let (night, seed) = (self.night, self.night.seed);
        let mut keys: HashSet<u128> = found.rows.iter().map(|row| row.key).collect();
        let mut bind = |record: &Record<'_>| {
            keys.extend(name_of(record, seed));
            shared.add(&Asks::of(record, self.policy, seed));
        };
        let (carried, tonight) = whole.split_at(whole.partition_point(|&place| is_carried(place)));
        self.pool.fetch(carried)?.iter().for_each(|(place, one)| bind(&one.record(*place, &[])));
        let residue = agree::fetch(night, &self.scan.lines_before, tonight, self.agreed.repeated, progress)?;
        (0..residue.len()).for_each(|at| bind(&residue.record(night, at)));
        Ok(Bound(keys))
    }

    /// Sorts out one lot; once `shared` knows what is shared, nothing waits any more.
    fn sorted_lot(&self, residue: &Residue, bound: &Bound, names: &Names, shared: Option<&Shared>) -> SortedLot {
        let (night, policy) = (self.night, self.policy);
        let compared = residue.compared();
        let mut records = residue.records(night, &compared);
        reconcile::mark(&mut records, self.agreed, night.seed, self.judge_orphans);
        let names = names.among(night.seed, records.iter().copied());
        // Whoever has no number is not in any of these lots.
        let keys: Vec<u128> = records.iter().map(|record| name_of(record, night.seed).unwrap_or_default()).collect();
        let key_of = |at: u32| keys[at as usize];
        let mut groups: HashMap<u128, Group> = HashMap::with_capacity(records.len());
        let is_lent = |id: &str| self.pool.lent_ids.contains(&id_number(id));
        for (at, (record, key)) in records.iter().zip(&keys).enumerate() {
            let group = groups.entry(*key).or_default();
            group.records += 1;
            group.whole |= group.records > MANY || bound.0.contains(key) || self.is_suspect(record);
            group.whole |= residue.carried(at).and_then(|one| one.difference.as_deref()).is_some_and(is_lent);
        }
        let all: Vec<u32> = (0_u32..).zip(&records).map(|(at, _)| at).collect();
        let resolved = pass::run(Pass::K1, &records, &all, policy);
        for &at in &resolved.left {
            let asks = || Asks::of(&records[at as usize], policy, night.seed);
            let group = groups.entry(key_of(at)).or_default();
            group.waiting = true;
            group.whole |= shared.is_some_and(|shared| !shared.is_alone(&asks()));
        }
        let mut outcomes = match shared {
            None => resolved.outcomes,
            Some(_) => pass::reconcile(&records, policy),
        };
        for outcome in &outcomes {
            let Some((first, _)) = outcome.records().next() else { continue };
            let group = groups.entry(key_of(first)).or_default();
            group.differences += usize::from(matches!(outcome, Outcome::Difference(_)));
            // Ids of several under one number depend on what they say, and what they are called is not decided yet.
            group.whole |= group.differences > 1;
        }
        if shared.is_some() {
            groups.values_mut().for_each(|group| group.waiting = false);
        }
        let is_apart = |groups: &HashMap<u128, Group>, outcome: &Outcome| {
            let first = outcome.records().next().and_then(|(first, _)| groups.get(&key_of(first)));
            first.is_some_and(|group| !group.whole && !group.waiting)
        };
        outcomes.retain(|outcome| is_apart(&groups, outcome));
        let mut reconciled = Reconciled { records, outcomes };
        let mut ids = tables::identified(&self.plan.job, &reconciled, residue);
        // Where a difference under another number has the id, this one may have to have another.
        let taken: Vec<usize> = ids.iter().filter(|(id, _)| is_lent(id)).map(|(_, at)| *at).collect();
        if !taken.is_empty() {
            for (first, _) in taken.iter().filter_map(|&at| reconciled.outcomes[at].records().next()) {
                groups.entry(key_of(first)).or_default().whole = true;
            }
            reconciled.outcomes.retain(|outcome| is_apart(&groups, outcome));
            ids = tables::identified(&self.plan.job, &reconciled, residue);
        }
        let mut lot = SortedLot { names, ..SortedLot::default() };
        lot.survey.scales.count(&reconciled);
        lot.survey.count(self.plan, policy, self.rates, night, residue, &reconciled, &ids);
        for (record, key) in reconciled.records.iter().zip(&keys) {
            let group = groups.get(key).copied().unwrap_or_default();
            let places = if group.whole {
                &mut lot.whole
            } else if group.waiting {
                &mut lot.waiting
            } else {
                &mut lot.apart
            };
            places.push(record.place);
            if shared.is_none() && (group.whole || group.waiting) {
                lot.asks.push(Asks::of(record, policy, night.seed));
            }
        }
        lot
    }

    /// Whether a record is part of an order that is judged as a whole.
    fn is_suspect(&self, record: &Record<'_>) -> bool {
        let concerned = record.book != Book::Ledger
            && matches!(record.kind, Kind::Payment | Kind::Reversal | Kind::Refund | Kind::Chargeback);
        let order = record.order_no.filter(|_| concerned && !self.agreed.suspects.is_empty());
        order.is_some_and(|order| {
            let hash = KeyHasher::new(self.night.seed, record.account).hash(KindClass::Payment, order);
            self.agreed.suspects.binary_search(&hash).is_ok()
        })
    }
}

/// What was decided about everything that differs.
#[derive(Clone, Copy)]
pub struct Told<'t> {
    /// Statement sources in which units are confused.
    pub mistaken: &'t BTreeSet<u16>,
    /// What is settled.
    pub verdict: &'t Verdict<u128>,
    /// Open differences by other party.
    pub parties: &'t Parties,
}

type Order<'m, K> = Box<dyn Fn(&Table) -> Vec<K> + Send + Sync + 'm>;

/// What was decided apart, as far as it is published.
pub struct Decided<'m> {
    /// Figures of the first page.
    pub sums: Sums,
    /// Where the records ended.
    pub ends: Ends,
    /// What tonight's records come to, and those of earlier nights: ledger, statement.
    pub fetched: [[Tally; 2]; 2],
    /// What they open.
    pub roll: Roll,
    /// What earlier nights settled of it and is no longer so.
    pub opened: Vec<(Day, String)>,
    /// What goes into files with the rest, and bytes that there are for it.
    files: Apart,
    room: u64,
    /// What ended of it, what matched, and what was settled.
    ended: AllRest,
    pairs: AllPairs,
    entries: Vec<Entry>,
    differences: Runs<'m, Order<'m, tables::Rank>>,
    open: Runs<'m, Order<'m, pool::Rank>>,
}

/// A lot, decided.
struct DecidedLot {
    sums: Sums,
    ends: Ends,
    fetched: [[Tally; 2]; 2],
    roll: Roll,
    opened: Vec<(Day, String)>,
    ended: Rest,
    pairs: Pairs,
    entries: Vec<Entry>,
    awaited: BTreeSet<String>,
    differences: Vec<Table>,
    open: Vec<Table>,
    items: worklist::Lot,
}

impl<'m> Decided<'m> {
    fn new(plan: &'m Plan, night: &'m Night<'_>) -> Self {
        let memory = &night.memory;
        Self {
            sums: Sums::default(),
            ends: Ends::default(),
            fetched: <[[Tally; 2]; 2]>::default(),
            roll: Roll::default(),
            opened: Vec::new(),
            files: Apart::default(),
            room: memory.limit / KEPT,
            ended: AllRest::new(memory),
            pairs: AllPairs::new(memory),
            entries: Vec::new(),
            differences: Runs::new(DIFFERENCES, memory, Box::new(tables::order())),
            open: Runs::new(OPEN_ITEMS, memory, Box::new(pool::order(plan))),
        }
    }

    fn take(&mut self, lot: DecidedLot) -> Result<worklist::Lot, Error> {
        self.sums.add(lot.sums);
        self.ends.add(&lot.ends);
        add_tallies(&mut self.fetched, &lot.fetched);
        self.roll.add(&lot.roll);
        self.opened.extend(lot.opened);
        self.ended.put(lot.ended)?;
        self.pairs.put(lot.pairs)?;
        self.entries.extend(lot.entries);
        self.files.awaited.extend(lot.awaited);
        self.fits()?;
        self.differences.put(lot.differences)?;
        self.open.put(lot.open)?;
        Ok(lot.items)
    }

    /// Refuses to keep more for the journal than there is room for.
    fn fits(&self) -> Result<(), Error> {
        let entries = self.entries.len() + self.opened.len();
        let bytes = (entries * BYTES_OF_AN_ENTRY) as u64;
        if bytes <= self.room {
            return Ok(());
        }
        let what = format!(
            "of what differs {} are settled, or no longer, which takes {} of memory; there is room for {}",
            HumanCount(entries as u64),
            HumanBytes(bytes),
            HumanBytes(self.room)
        );
        let hint = "raise --memory-limit; or check the caps of settlement";
        Err(Error::Limit(Complaint::new(what).hint(hint)))
    }

    /// The tables of it, with those of what was decided together.
    pub fn finish(mut self, frame: &Frame<'_>, whole: Slice<'_, '_>) -> Result<Apart, Error> {
        let numbered = tables::numbered(whole.ids, whole.reconciled);
        let tables = frame.tables(whole);
        for some in numbered.chunks(PART * at_once()) {
            self.differences.put(tables.parts_of_differences(some)?)?;
        }
        frame.leaving(whole).each_part(|part| self.open.put(vec![part]))?;
        let differences = self.differences.merged(Some(frame.for_people(&DIFFERENCES_FOR_PEOPLE)), |_| Ok(()))?;
        let open = self.open.merged(Some(frame.for_people(&OPEN_ITEMS_FOR_PEOPLE)), |_| Ok(()))?;
        Ok(Apart {
            tables: Some([differences, open]),
            ended: Mutex::new(Some(self.ended)),
            pairs: Mutex::new(Some(self.pairs)),
            entries: Mutex::new(self.entries),
            ..self.files
        })
    }
}

impl<'c> Rules<'c> {
    /// Decides what is decided apart, and makes what is published of it.
    ///
    /// # Errors
    /// When a file cannot be read again, a proof fails, or there is no room for what is made.
    pub fn decide<O: Fn(&Table) -> Vec<worklist::Rank> + Send + Sync>(
        &self,
        apart: &[Vec<u64>],
        told: Told<'_>,
        frame: &Frame<'_>,
        (register, making): (&worklist::Register, &mut worklist::Making<'_, O>),
        progress: &Progress,
    ) -> Result<Decided<'c>, Error> {
        let mut decided = Decided::new(self.plan, self.night);
        let make = |residue: &Residue| self.decided_lot(residue, told, frame, register);
        self.turns().each_lot(apart, ("decide", progress), make, |lot| {
            let items = decided.take(lot)?;
            making.put(items)
        })?;
        Ok(decided)
    }

    fn decided_lot(
        &self,
        residue: &Residue,
        told: Told<'_>,
        frame: &Frame<'_>,
        register: &worklist::Register,
    ) -> Result<DecidedLot, Error> {
        let Self { plan, policy, rates, night, .. } = *self;
        let compared = residue.compared();
        let mut records = residue.records(night, &compared);
        reconcile::mark(&mut records, self.agreed, night.seed, self.judge_orphans);
        let mut reconciled = reconcile::reconcile(records, policy)?;
        reconciled.relabel_scale_errors(told.mistaken);
        let ids = tables::identified(&plan.job, &reconciled, residue);
        settle::give(plan, rates, told.verdict, &mut reconciled, &ids)?;
        weigh::apply(plan, policy, rates, night, residue, &mut reconciled, told.parties);
        let slice = Slice { residue, reconciled: &reconciled, ids: &ids };
        let first_seen = first_seen(residue.all_carried());
        let frame = &Frame { first_seen: &first_seen, ..*frame };
        let tables = frame.tables(slice);
        let mut lot = DecidedLot {
            sums: Sums::default(),
            ends: reconciled.ended()?,
            fetched: [true, false].map(|tonight| reconciled.tallies(tonight)),
            roll: Roll::default(),
            opened: settle::opened_again(residue, &reconciled),
            ended: Rest::default(),
            pairs: if plan.evidence == Evidence::References { tables.paired() } else { Pairs::default() },
            entries: settle::settled(plan, &tables, &ids)?,
            awaited: frame.awaited(&reconciled),
            differences: tables.parts_of_differences(&tables::numbered(&ids, &reconciled))?,
            open: Vec::new(),
            items: frame.wanted(slice).lot(0..ids.len(), register)?,
        };
        frame.leaving(slice).each_part(|part| {
            lot.open.push(part);
            Ok(())
        })?;
        lot.sums.count(&reconciled, policy);
        lot.roll.count(plan, &reconciled);
        if plan.carry.history_days > 0 {
            lot.ended.gather(night, residue, &reconciled);
        }
        Ok(lot)
    }
}

/// What is decided together in any case, and the partitions of the rest; `residue` is what differs of tonight.
fn with_earlier(residue: Vec<Vec<u64>>, known: &[Known]) -> (Vec<u64>, Vec<Vec<u64>>) {
    let mut residue = residue.into_iter();
    let mut whole = residue.next().unwrap_or_default();
    let mut partitions: Vec<Vec<u64>> = residue.collect();
    for (place, one) in (0..).zip(known) {
        match one.key().filter(|_| !one.is_tied) {
            Some(key) => {
                let part = part_of(key, partitions.len());
                partitions[part].push(place);
            }
            None => whole.push(place),
        }
    }
    whole.par_sort_unstable();
    (whole, partitions)
}

/// Adds what some records come to, tonight's and those of earlier nights, to what others do.
pub fn add_tallies(all: &mut [[Tally; 2]; 2], more: &[[Tally; 2]; 2]) {
    all.as_flattened_mut().iter_mut().zip(more.as_flattened()).for_each(|(all, more)| all.add(more));
}

/// Refuses records that take more memory than there is until all is published.
fn fit(places: &[u64], limit: u64) -> Result<(), Error> {
    let carried = places.iter().filter(|&&place| is_carried(place)).count();
    agree::fits_whole(places.len() - carried, carried, limit)
}

/// Says of a night that is refused what could not be decided apart.
fn refused(error: Error, whole: &[u64]) -> Error {
    let Error::Limit(complaint) = error else { return error };
    let what = format!(
        "{}; {} of them have to do with more than one number, or with what earlier nights matched",
        complaint.what,
        HumanCount(whole.len() as u64)
    );
    Error::Limit(Complaint { what, ..complaint })
}

/// The number by which a record is known, as a hash with its account and class: ids of differences are made of it.
fn name_of(record: &Record<'_>, seed: u64) -> Option<u128> {
    let number = event_key(record).or(record.provider_txn_id).or(record.order_no)?;
    Some(KeyHasher::new(seed, record.account).hash(record.kind.class(), number))
}
