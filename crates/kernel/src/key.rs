//! Keys: what two records must share to be compared.

use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

use crate::record::{Kind, Record, words};

words! {
    /// Kinds that may face each other under one number.
    ///
    /// A number alone is never a key: Alipay prints a payment and its refunds under the same order
    /// and trade number, and merchants reuse an order number as refund number.
    KindClass {
        /// Payments, and the reversals that undo them under the same order.
        Payment => "PAYMENT",
        /// Refunds.
        Refund => "REFUND",
        /// Payouts.
        Payout => "PAYOUT",
        /// Payouts that came back.
        PayoutReturn => "PAYOUT_RETURN",
        /// Chargebacks.
        Chargeback => "CHARGEBACK",
        /// Chargebacks won.
        ChargebackReversal => "CHARGEBACK_REVERSAL",
        /// Fees and returned fees.
        Fee => "FEE",
        /// Taxes.
        Tax => "TAX",
        /// Everything else, by its kind.
        Settlement => "SETTLEMENT",
        /// Holds and releases.
        Reserve => "RESERVE",
        /// Conversion halves.
        FxLeg => "FX_LEG",
        /// Corrections.
        Adjustment => "ADJUSTMENT",
        /// Own transfers.
        Transfer => "TRANSFER",
        /// Authorisations.
        Auth => "AUTH",
    }
}

impl Kind {
    /// Whether it goes back to the payment of an order.
    #[inline]
    #[must_use]
    pub const fn goes_back(self) -> bool {
        matches!(self, Self::Refund | Self::Chargeback | Self::ChargebackReversal)
    }

    /// The class under which records of this kind are grouped.
    #[inline]
    #[must_use]
    pub const fn class(self) -> KindClass {
        match self {
            Self::Payment | Self::Reversal => KindClass::Payment,
            Self::Refund => KindClass::Refund,
            Self::Payout => KindClass::Payout,
            Self::PayoutReturn => KindClass::PayoutReturn,
            Self::Chargeback => KindClass::Chargeback,
            Self::ChargebackReversal => KindClass::ChargebackReversal,
            Self::Fee | Self::FeeRefund => KindClass::Fee,
            Self::Tax => KindClass::Tax,
            Self::Settlement => KindClass::Settlement,
            Self::ReserveHold | Self::ReserveRelease => KindClass::Reserve,
            Self::FxLeg => KindClass::FxLeg,
            Self::Adjustment => KindClass::Adjustment,
            Self::Transfer => KindClass::Transfer,
            Self::Auth => KindClass::Auth,
        }
    }
}

impl KindClass {
    /// Whether a second record under one number is a duplicate rather than another event.
    #[must_use]
    pub const fn is_single(self) -> bool {
        matches!(self, Self::Payment | Self::Refund | Self::Payout)
    }
}

words! {
    /// The passes that look for partners, in the order in which they consume records.
    Pass {
        /// The merchant's event number.
        K1 => "K1",
        /// The provider's number of the row.
        K2 => "K2",
        /// The order number.
        K3 => "K3",
        /// Amount, party and time, accepted only when unique.
        K4 => "K4",
    }
}

/// The number by which pass K1 knows a record: for payments and their reversals the order.
#[must_use]
pub fn event_key<'a>(record: &Record<'a>) -> Option<&'a str> {
    event_number(record.kind, record.event_no, record.order_no)
}

/// [`event_key`] from the parts, for callers that have no record yet.
#[must_use]
pub fn event_number<'a>(kind: Kind, event_no: Option<&'a str>, order_no: Option<&'a str>) -> Option<&'a str> {
    match kind.class() {
        // Attempts to pay one order, and the reversals that undo them, must meet under the order.
        KindClass::Payment => order_no.or(event_no),
        KindClass::Refund
        | KindClass::Payout
        | KindClass::PayoutReturn
        | KindClass::Chargeback
        | KindClass::ChargebackReversal
        | KindClass::Fee
        | KindClass::Tax
        | KindClass::Settlement
        | KindClass::Reserve
        | KindClass::FxLeg
        | KindClass::Adjustment
        | KindClass::Transfer
        | KindClass::Auth => event_no,
    }
}

/// The number by which pass K3 knows a record: payments by whatever K1 did not look at, refunds by their order.
#[must_use]
pub fn order_key<'a>(record: &Record<'a>) -> Option<&'a str> {
    order_number(record.kind, record.event_no, record.order_no)
}

/// [`order_key`] from the parts, for callers that have no record.
#[must_use]
pub fn order_number<'a>(kind: Kind, event_no: Option<&'a str>, order_no: Option<&'a str>) -> Option<&'a str> {
    let class = kind.class();
    if class == KindClass::Payment { event_no.or(order_no) } else { order_no.filter(|_| class == KindClass::Refund) }
}

/// Hashes keys of one account without copying them.
#[derive(Clone, Copy, Debug)]
pub struct KeyHasher {
    seed: u64,
}

impl KeyHasher {
    /// `seed` is the run's; `account` scopes every key, because order numbers of two merchants collide.
    #[must_use]
    pub fn new(seed: u64, account: &str) -> Self {
        Self { seed: xxh3_64_with_seed(account.as_bytes(), seed) }
    }

    /// The 128-bit hash of `(account, class, number)`.
    #[inline]
    #[must_use]
    pub fn hash(self, class: KindClass, number: &str) -> u128 {
        // Odd multiples of one constant keep the classes' seeds apart.
        let seed = self.seed.wrapping_add((class as u64 * 2 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        xxh3_128_with_seed(number.as_bytes(), seed)
    }
}
