//! Control totals of what was admitted: count and money by account, kind, status and currency.

use std::collections::BTreeMap;

use tieout_kernel::currency::Currency;
use tieout_kernel::money::{Minor, Total as Sum};
use tieout_kernel::proof::Tally;
use tieout_kernel::record::{Direction, Kind, Status};

/// What records have in common that are counted together.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Tag {
    /// The account.
    pub account: String,
    /// The kind.
    pub kind: Kind,
    /// The status.
    pub status: Status,
    /// The direction.
    pub direction: Direction,
    /// The currency.
    pub currency: Currency,
}

/// What they come to. Amounts are signed from the owner's balance.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Total {
    /// How many.
    pub rows: u64,
    /// What is compared.
    pub principal: Sum,
    /// What moved before fees.
    pub amount: Sum,
    /// Fees.
    pub fee: Sum,
    /// What is left.
    pub net: Sum,
}

/// Totals by tag.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Totals(pub BTreeMap<Tag, Total>);

impl Totals {
    /// Adds other totals.
    pub fn add(&mut self, other: &Self) {
        for (tag, more) in &other.0 {
            self.0.entry(tag.clone()).or_default().add(more);
        }
    }

    /// Records and their effect on cash.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for (tag, total) in &self.0 {
            tally.rows += total.rows;
            if tag.status == Status::Success {
                tally.move_money(&tag.account, tag.currency, total.principal);
            }
        }
        tally
    }

    /// All rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.0.values().map(|total| total.rows).sum()
    }
}

impl Total {
    /// Adds one record's figures, without sign, in its direction.
    #[inline]
    pub fn count(
        &mut self,
        direction: Direction,
        principal: Minor,
        amount: Minor,
        fee: Option<Minor>,
        net: Option<Minor>,
    ) {
        let signed = |money: Minor| if direction == Direction::Out { -money } else { money };
        self.rows += 1;
        self.principal += signed(principal);
        self.amount += signed(amount);
        self.fee += fee.unwrap_or(Minor::ZERO);
        self.net += net.unwrap_or(Minor::ZERO);
    }

    /// Adds other figures.
    pub fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.principal += other.principal;
        self.amount += other.amount;
        self.fee += other.fee;
        self.net += other.net;
    }
}
