//! What the job decides, resolved: nothing here is optional unless the absence means something.

use std::collections::BTreeMap;

use crate::calendar::{Calendar, Day};
use crate::fee::FeeSchedule;
use crate::key::Pass;
use crate::money::Minor;
use crate::record::{Kind, KindSet, Record};

/// How long a record may wait for its partner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Horizon {
    /// Not at all: a single record is a difference in the run that sees it.
    AtOnce,
    /// So many business days after its own business date.
    BusinessDays(u32),
}

impl Horizon {
    /// In business days; none at all when nothing waits.
    #[must_use]
    pub const fn days(self) -> u32 {
        match self {
            Self::AtOnce => 0,
            Self::BusinessDays(days) => days,
        }
    }
}

/// What of a pair is compared beyond status, direction, currency and principal.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "four columns that are each compared or not")]
pub struct Compared {
    /// The ledger's own fee, where no schedule covers the record.
    pub fee: bool,
    /// Tax, when both sides have it.
    pub tax: bool,
    /// The accounts of both sides; only where the account is not part of the key.
    pub account: bool,
    /// The other party of payouts and refunds, masked digits aside.
    pub counterparty: bool,
    /// Further columns: the code each one raises. The order is that of `Record::compared`.
    pub columns: Vec<ComparedColumn>,
}

/// A further compared column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ComparedColumn {
    /// Its name in the job.
    pub name: String,
    /// What a difference in it is called.
    pub code: crate::code::Code,
}

/// What is allowed to differ before a code turns into the milder one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tolerances {
    /// Principal: up to this it is `ROUNDING_VARIANCE`, beyond it `AMOUNT_OVER` or `AMOUNT_UNDER`.
    pub principal: Minor,
    /// Fee: a fee that was not charged at all and is larger than this is `FEE_MISSING`.
    pub fee: Minor,
    /// Net arithmetic: up to this it is `NET_ROUNDING`.
    pub net: Minor,
}

impl Default for Tolerances {
    /// One minor unit each (`taxonomy` §10.8).
    fn default() -> Self {
        let one = Minor::new(1).expect("one minor unit is an amount");
        Self { principal: one, fee: one, net: one }
    }
}

/// What is known of one source.
#[derive(Clone, Debug)]
pub struct SourcePolicy {
    /// Its name in the job.
    pub name: String,
    /// Whose statement it is: numbers of one provider name one thing in all of its statements.
    pub provider: String,
    /// Whether a regulator looks at it: its differences are critical.
    pub regulated: bool,
    /// Kinds it lists at all: a ledger's declaration of what it books, a statement's of what it shows.
    pub kinds: KindSet,
    /// By kind, how long its records wait; indexed by `Kind as usize`.
    pub horizons: Vec<Horizon>,
    /// The fee schedule of a statement source, if the job has one.
    pub fees: Option<FeeSchedule>,
    /// Whether the source lists successful records only.
    pub success_only: bool,
}

impl SourcePolicy {
    /// A source that shows every kind, waits `horizon` and has no schedule.
    #[must_use]
    pub fn plain(name: &str, horizon: Horizon) -> Self {
        Self {
            name: name.to_owned(),
            provider: String::new(),
            regulated: false,
            kinds: KindSet::ALL,
            horizons: vec![horizon; Kind::ALL.len()],
            fees: None,
            success_only: false,
        }
    }

    /// How long records of `kind` wait.
    #[must_use]
    pub fn horizon(&self, kind: Kind) -> Horizon {
        self.horizons.get(kind as usize).copied().unwrap_or(Horizon::BusinessDays(1))
    }
}

/// Pass K4: amount, party and time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ByAmount {
    /// How far apart in time two records may be, in microseconds.
    pub window_micros: i64,
    /// Whether both must name the other party.
    pub party_required: bool,
}

/// Everything that the kernel's rules ask of the job.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The business date of the run; `None` where records have no dates and nothing waits.
    pub run_day: Option<Day>,
    /// Which days count.
    pub calendar: Calendar,
    /// By `Record::source`.
    pub sources: Vec<SourcePolicy>,
    /// Which statement source each account belongs to, as its number in `sources`.
    pub accounts: BTreeMap<String, u16>,
    /// Kinds that the ledger books; others are not expected of it.
    pub ledger_kinds: KindSet,
    /// Pending refunds and payouts older than so many business days are stuck.
    pub stuck_after: u32,
    /// The passes that run after K1, in order.
    pub passes: Vec<Pass>,
    /// How K4 looks.
    pub by_amount: ByAmount,
    /// What is compared.
    pub compared: Compared,
    /// What may differ.
    pub tolerances: Tolerances,
}

impl Policy {
    /// Sources of which nothing more is known: no dates, no accounts, no pass but K1, nothing compared that need not
    /// be.
    #[must_use]
    pub fn plain(sources: Vec<SourcePolicy>) -> Self {
        Self {
            run_day: None,
            calendar: Calendar::default(),
            sources,
            accounts: BTreeMap::new(),
            ledger_kinds: KindSet::ALL,
            stuck_after: 0,
            passes: Vec::new(),
            by_amount: ByAmount { window_micros: 0, party_required: true },
            compared: Compared::default(),
            tolerances: Tolerances::default(),
        }
    }

    /// The policy of the source a record came from.
    #[must_use]
    pub fn source(&self, number: u16) -> &SourcePolicy {
        &self.sources[usize::from(number)]
    }

    /// The statement source of an account, if the job knows the account.
    #[must_use]
    pub fn statement_of(&self, account: &str) -> Option<&SourcePolicy> {
        self.accounts.get(account).map(|&number| self.source(number))
    }

    /// Whether a ledger lists successes only, so that "not there" may mean "not finished".
    #[must_use]
    pub fn ledger_lists_successes_only(&self) -> bool {
        self.sources.iter().any(|source| source.success_only)
    }

    /// Whether an unfinished refund or payout has been unfinished for too long.
    #[must_use]
    pub fn is_stuck(&self, record: &Record<'_>) -> bool {
        match (self.run_day, record.business_date) {
            (Some(run_day), Some(booked)) => self.calendar.business_days_between(booked, run_day) > self.stuck_after,
            _ => false,
        }
    }
}
