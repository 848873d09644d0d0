//! What many records of a split have in common: their sort, their account, the tag under which they are counted.

use std::collections::HashMap;

use tieout_kernel::currency::Currency;
use tieout_kernel::key::KeyHasher;
use tieout_kernel::pass::outside_this_edge;
use tieout_kernel::record::{Direction, Kind, Status};
use xxhash_rust::xxh3::xxh3_64;

use super::aside::is_in_scope;
use super::totals::{Tag, Total};
use super::{Night, NightFile};
use crate::normalise::Columns;

/// What many records have in common: looked at once for all of them.
pub(super) struct Sort {
    /// All of it in one number.
    bits: u64,
    pub(super) kind: Kind,
    pub(super) status: Status,
    pub(super) direction: Direction,
    pub(super) currency: Currency,
    /// Whether records of it take part, as far as their kind decides.
    pub(super) takes_part: bool,
}

impl Sort {
    /// The tag of its records of an account.
    pub(super) fn tag_with(&self, account: &str) -> Tag {
        let Self { kind, status, direction, currency, .. } = *self;
        Tag { account: account.to_owned(), kind, status, direction, currency }
    }
}

/// The sorts of a split, few as a rule; the last one is remembered.
#[derive(Default)]
pub(super) struct Sorts {
    pub(super) list: Vec<Sort>,
    last: usize,
}

impl Sorts {
    /// The number of the sort of a row.
    #[inline]
    pub(super) fn number(&mut self, columns: &Columns<'_>, row: usize) -> usize {
        let (kind, status, direction) = (columns.kind[row], columns.status[row], columns.direction[row]);
        let currency = columns.currency[row];
        let [a, b, c] = currency.letters();
        let bits = u64::from_le_bytes([kind as u8, status as u8, direction as u8, a, b, c, currency.exponent(), 0]);
        if self.list.get(self.last).is_some_and(|sort| sort.bits == bits) {
            return self.last;
        }
        self.last = self.list.iter().position(|sort| sort.bits == bits).unwrap_or_else(|| {
            let takes_part = outside_this_edge(kind).is_none();
            self.list.push(Sort { bits, kind, status, direction, currency, takes_part });
            self.list.len() - 1
        });
        self.last
    }
}

/// An account of a split.
pub(super) struct Account {
    pub(super) name: String,
    pub(super) hasher: KeyHasher,
    /// Whether its statement's fees follow a schedule.
    pub(super) scheduled: bool,
    /// Whether its records take part.
    pub(super) in_scope: bool,
    /// The number of the tag of each sort; [`NO_TAG`] where it has none yet.
    tags: Vec<u32>,
}

const NO_TAG: u32 = u32::MAX;

/// The accounts of a split by number, found without copying a name.
#[derive(Default)]
pub(super) struct Accounts {
    pub(super) list: Vec<Account>,
    numbers: HashMap<String, usize>,
    /// The account that had a hash of few bits last.
    recent: Vec<usize>,
    last: usize,
}

/// How many accounts are found without a look into the map.
const RECENT: usize = 1_024;

impl Accounts {
    /// The number of an account.
    #[inline]
    pub(super) fn number(&mut self, night: &Night<'_>, file: &NightFile, name: &str) -> usize {
        if self.list.get(self.last).is_some_and(|account| same_text(&account.name, name)) {
            return self.last;
        }
        self.last = self.look_up(night, file, name);
        self.last
    }

    fn look_up(&mut self, night: &Night<'_>, file: &NightFile, name: &str) -> usize {
        if self.recent.is_empty() {
            self.recent = vec![0; RECENT];
        }
        let slot = usize::try_from(xxh3_64(name.as_bytes()) % RECENT as u64).unwrap_or(0);
        if self.list.get(self.recent[slot]).is_some_and(|account| account.name == name) {
            return self.recent[slot];
        }
        let number = self.numbers.get(name).copied().unwrap_or_else(|| {
            let hasher = KeyHasher::new(night.seed, name);
            let scheduled = night.policy.statement_of(name).is_some_and(|source| source.fees.is_some());
            let in_scope = is_in_scope(file, name);
            self.list.push(Account { name: name.to_owned(), hasher, scheduled, in_scope, tags: Vec::new() });
            self.numbers.insert(name.to_owned(), self.list.len() - 1);
            self.list.len() - 1
        });
        self.recent[slot] = number;
        number
    }
}

/// The number of the tag of an account and a sort.
#[inline]
pub(super) fn tag_of(tags: &mut Vec<(Tag, Total)>, account: &mut Account, sort: &Sort, sort_number: usize) -> u32 {
    match account.tags.get(sort_number) {
        Some(&tag) if tag != NO_TAG => tag,
        _ => {
            let next = u32::try_from(tags.len()).ok().filter(|&next| next != NO_TAG);
            let next = next.expect("a split has fewer than 2³² tags");
            tags.push((sort.tag_with(&account.name), Total::default()));
            account.tags.resize(account.tags.len().max(sort_number + 1), NO_TAG);
            account.tags[sort_number] = next;
            next
        }
    }
}

/// Equality of texts of which both are often empty. Two empty texts have no address worth reading, and
/// the comparison of the C library reads it all the same, at a hundred cycles a time.
fn same_text(one: &str, other: &str) -> bool {
    one.len() == other.len() && (one.is_empty() || one == other)
}
