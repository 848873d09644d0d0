//! The fast path: records that agree in everything, found without looking at them as rows.
//!
//! ```text
//!   scan ──▶ Fingerprint { key 128 bit, content 64 bit, place }   one per record with a number
//!   agree ─▶ key with one record on each side and equal content ─▶ match
//!            anything else ────────────────────────────────────▶ residue, to be fetched as rows
//! ```
//!
//! A fingerprint is a plain value: it can be partitioned by key, spilled and carried elsewhere. The
//! result depends on no order. Two different contents that hash alike would hide a difference, with
//! odds of one in 2⁶⁴ for each pair that differs; two keys that collide would only cost a fetch.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::calendar::Day;
use crate::currency::Currency;
use crate::money::Total;
use crate::party::Party;
use crate::record::{Book, Direction, Kind, Notes, Status};

/// What the fast path knows of one record: 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Fingerprint {
    /// Hash of account, kind class and event number.
    pub key: u128,
    /// Hash of everything that is compared.
    pub content: u64,
    /// Where the record is.
    pub place: u64,
}

/// Everything that is compared, in the form that both sides share.
///
/// What only a provider's row can have wrong (`fee_gap`, `net_gap`, `notes`) is nothing on the
/// ledger's side, so a clean row agrees and any oddity sends the pair to the full rules.
#[derive(Clone, Copy, Debug)]
pub struct Content {
    /// Its side. Only looked at while the record is not final, has a note or hides its other party: such
    /// a record never agrees.
    pub book: Book,
    /// Its state.
    pub status: Status,
    /// Its kind: a class may hold several, such as payments and reversals.
    pub kind: Kind,
    /// Its direction.
    pub direction: Direction,
    /// Its currency.
    pub currency: Currency,
    /// The compared amount, in minor units.
    pub principal: i64,
    /// The business day, where both sides have one.
    pub day: Option<Day>,
    /// The fee itself where the ledger's fee is compared, its gap to the schedule where one applies.
    pub fee: Option<Total>,
    /// Tax, where compared.
    pub tax: Option<i64>,
    /// Net as printed less net as computed.
    pub net_gap: Total,
    /// What the provider adds.
    pub notes: Notes,
    /// The other party, where it is compared.
    pub party: Party,
}

impl Content {
    /// The hash under which equal contents meet.
    ///
    /// What a record does not have takes no bytes; one byte says what it has, so that no two contents are the
    /// same bytes.
    #[inline]
    #[must_use]
    pub fn hash(&self, seed: u64) -> u64 {
        let plain = self.status.is_final() && self.notes.is_empty() && self.party != Party::Masked;
        let open_side = if plain { 0 } else { 1 + self.book as u8 };
        let [a, b, c] = self.currency.letters();
        let mut has = 0;
        let mut words = Words::default();
        words.put(self.principal.cast_unsigned());
        if let Some(day) = self.day {
            has |= HAS_DAY;
            words.put(u64::from(day.0.cast_unsigned()));
        }
        if let Some(fee) = self.fee {
            has |= HAS_FEE | words.put_total(fee, WIDE_FEE);
        }
        if let Some(tax) = self.tax {
            has |= HAS_TAX;
            words.put(tax.cast_unsigned());
        }
        if !self.net_gap.is_zero() {
            has |= HAS_NET_GAP | words.put_total(self.net_gap, WIDE_NET_GAP);
        }
        if let Party::Whole(party) = self.party {
            has |= HAS_PARTY;
            words.put(party);
        }
        let (status, kind, direction) = (self.status as u8, self.kind as u8, self.direction as u8);
        words.hash(
            [status, kind, direction, self.notes.bits(), self.currency.exponent(), open_side, has, 0],
            [a, b, c, 0, 0, 0, 0, 0],
            seed,
        )
    }
}

const HAS_DAY: u8 = 1;
const HAS_FEE: u8 = 2;
const WIDE_FEE: u8 = 4;
const HAS_TAX: u8 = 8;
const HAS_NET_GAP: u8 = 16;
const WIDE_NET_GAP: u8 = 32;
const HAS_PARTY: u8 = 64;

/// A content as whole words: bytes that are written one by one and read back as words make a processor wait.
struct Words {
    bytes: [u8; 80],
    length: usize,
}

impl Default for Words {
    /// Room for two words that come last, though they stand first.
    #[inline]
    fn default() -> Self {
        Self { bytes: [0; 80], length: 16 }
    }
}

impl Words {
    #[inline]
    fn put(&mut self, word: u64) {
        self.bytes[self.length..self.length + 8].copy_from_slice(&word.to_le_bytes());
        self.length += 8;
    }

    /// Sums of one record fit 64 bits unless something is very wrong with it; gives `wide` for those that do not.
    #[expect(clippy::inline_always, reason = "two calls for every record, which nearly always do one thing")]
    #[inline(always)]
    fn put_total(&mut self, total: Total, wide: u8) -> u8 {
        if let Ok(short) = i64::try_from(total.get()) {
            self.put(short.cast_unsigned());
            return 0;
        }
        let bytes = total.get().to_le_bytes();
        self.bytes[self.length..self.length + 16].copy_from_slice(&bytes);
        self.length += 16;
        wide
    }

    #[inline]
    fn hash(&mut self, first: [u8; 8], second: [u8; 8], seed: u64) -> u64 {
        self.bytes[..8].copy_from_slice(&u64::from_le_bytes(first).to_le_bytes());
        self.bytes[8..16].copy_from_slice(&u64::from_le_bytes(second).to_le_bytes());
        xxh3_64_with_seed(&self.bytes[..self.length], seed)
    }
}

/// The hash of the text of a further compared column; an absent text is not an empty one.
#[inline]
#[must_use]
pub fn column_hash(text: Option<&str>, seed: u64) -> u64 {
    match text {
        Some(text) => xxh3_64_with_seed(text.as_bytes(), seed),
        None => seed.rotate_left(17).wrapping_mul(0x9E37_79B9_7F4A_7C15),
    }
}

/// A content hash with the hash of one further compared column folded in.
#[inline]
#[must_use]
pub fn with_column(content: u64, column: u64) -> u64 {
    xxh3_64_with_seed(&column.to_le_bytes(), content)
}

/// What one partition came to: places of records.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Agreement {
    /// How many matches there are.
    pub matched: u64,
    /// Ledger place and statement place of each, in no particular order; empty unless asked for.
    pub matches: Vec<(u64, u64)>,
    /// Whether a side may have a key more than once: ledger, statement.
    pub repeated: [bool; 2],
    /// Ledger records that need the full rules.
    pub ledger: Vec<u64>,
    /// Statement records that need the full rules.
    pub statement: Vec<u64>,
    /// Statement records under the keys that were asked for.
    pub watched: Vec<(u128, u64)>,
    /// Keys that were asked for and that a side has.
    pub known: Vec<u128>,
}

/// What is asked of a partition beyond its residue.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Asked {
    /// Whether each match is wanted, and not only their number.
    pub pairs: bool,
    /// Keys, ascending, whose statement records somebody else needs to know about.
    pub watched: Vec<u128>,
    /// Keys of which earlier nights have something: nothing agrees under them at first sight.
    pub seen: Vec<u128>,
}

/// Splits one partition into matches and residue.
#[must_use]
pub fn agree(ledger: &[Fingerprint], statement: &[Fingerprint], asked: &Asked) -> Agreement {
    let mut table = Table::of(ledger);
    let group_of_statement: Vec<u32> =
        statement.iter().enumerate().map(|(at, print)| table.meet(ledger, print.key, at)).collect();
    asked.seen.iter().for_each(|&key| table.distrust(ledger, key));

    let watched = &asked.watched;
    let of_ledger = watched.iter().copied().filter(|&key| table.group_of(ledger, key).is_some());
    let mut agreement = Agreement { known: of_ledger.collect(), ..Agreement::default() };
    if asked.pairs {
        agreement.matches.reserve(ledger.len().min(statement.len()));
    }
    // Statement records that have agreed.
    let mut agreed = vec![false; statement.len()];
    for (print, &group) in ledger.iter().zip(&table.group_of_ledger) {
        let group = &table.groups[group as usize];
        let partner = group.statement as usize;
        agreement.repeated[0] |= group.ledger_count > 1;
        agreement.repeated[1] |= group.statement_count > 1;
        if group.ledger_count == 1 && group.statement_count == 1 && statement[partner].content == print.content {
            agreed[partner] = true;
            agreement.matched += 1;
            if asked.pairs {
                agreement.matches.push((print.place, statement[partner].place));
            }
        } else {
            agreement.ledger.push(print.place);
        }
    }
    // Keys that only the statement has are not counted one by one.
    agreement.repeated[1] |= group_of_statement.iter().filter(|&&group| group == NOBODY).nth(1).is_some();
    let left = statement.iter().zip(&agreed).filter(|(_, agreed)| !**agreed);
    agreement.statement.extend(left.map(|(print, _)| print.place));
    if !watched.is_empty() {
        for print in statement.iter().filter(|print| watched.binary_search(&print.key).is_ok()) {
            agreement.watched.push((print.key, print.place));
            agreement.known.push(print.key);
        }
    }
    agreement
}

const NOBODY: u32 = u32::MAX;

/// All records of one key that the ledger has.
#[derive(Clone, Copy)]
struct KeyGroup {
    ledger_count: u32,
    /// The last of its statement records.
    statement: u32,
    statement_count: u32,
}

/// Open addressing over the ledger's keys: built once, then only asked. A group goes by the first of its ledger records.
struct Table {
    slots: Vec<u32>,
    mask: usize,
    groups: Vec<KeyGroup>,
    group_of_ledger: Vec<u32>,
}

impl Table {
    fn of(ledger: &[Fingerprint]) -> Self {
        let capacity = (ledger.len() * 2).next_power_of_two().max(2);
        let nothing = KeyGroup { ledger_count: 0, statement: NOBODY, statement_count: 0 };
        let mut table = Self {
            slots: vec![NOBODY; capacity],
            mask: capacity - 1,
            groups: vec![nothing; ledger.len()],
            group_of_ledger: Vec::with_capacity(ledger.len()),
        };
        for (at, print) in (0..narrow(ledger.len())).zip(ledger) {
            let slot = table.slot(ledger, print.key);
            if table.slots[slot] == NOBODY {
                table.slots[slot] = at;
            }
            let group = table.slots[slot];
            table.groups[group as usize].ledger_count += 1;
            table.group_of_ledger.push(group);
        }
        table
    }

    /// The slot that holds `key`, or the empty one where it would go.
    fn slot(&self, ledger: &[Fingerprint], key: u128) -> usize {
        // The low bits choose the partition, so the table takes its own from the top.
        #[expect(clippy::cast_possible_truncation, reason = "the mask keeps the low bits of the top half")]
        let mut slot = (key >> 64) as usize & self.mask;
        while self.slots[slot] != NOBODY {
            if ledger[self.slots[slot] as usize].key == key {
                break;
            }
            slot = (slot + 1) & self.mask;
        }
        slot
    }

    fn group_of(&self, ledger: &[Fingerprint], key: u128) -> Option<u32> {
        let group = self.slots[self.slot(ledger, key)];
        (group != NOBODY).then_some(group)
    }

    /// Lets nothing agree under a key.
    fn distrust(&mut self, ledger: &[Fingerprint], key: u128) {
        if let Some(group) = self.group_of(ledger, key) {
            self.groups[group as usize].ledger_count = 0;
        }
    }

    fn meet(&mut self, ledger: &[Fingerprint], key: u128, statement_at: usize) -> u32 {
        let group = self.slots[self.slot(ledger, key)];
        if group != NOBODY {
            let met = &mut self.groups[group as usize];
            met.statement = narrow(statement_at);
            met.statement_count += 1;
        }
        group
    }
}

fn narrow(count: usize) -> u32 {
    u32::try_from(count).ok().filter(|&count| count != NOBODY).expect("a partition holds fewer than 2³² records")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(key: u128, content: u64, place: u64) -> Fingerprint {
        Fingerprint { key, content, place }
    }

    #[test]
    fn only_one_on_each_side_with_equal_content_is_a_match() {
        let ledger = [print(1, 10, 100), print(2, 20, 101), print(3, 30, 102), print(4, 40, 103), print(4, 40, 104)];
        let statement = [print(4, 40, 200), print(3, 31, 201), print(1, 10, 202), print(5, 50, 203)];
        let asked = Asked { pairs: true, watched: vec![2, 5, 6], seen: Vec::new() };
        let agreement = agree(&ledger, &statement, &asked);
        assert_eq!((agreement.matched, &agreement.matches[..]), (1, &[(100, 202)][..]));
        assert_eq!(agreement.repeated, [true, false]);
        assert_eq!(agreement.ledger, vec![101, 102, 103, 104]);
        assert_eq!(agreement.statement, vec![200, 201, 203]);
        assert_eq!(agreement.watched, vec![(5, 203)]);
        assert_eq!(agreement.known, vec![2, 5]);
    }

    #[test]
    fn nothing_agrees_under_a_key_of_an_earlier_night() {
        let asked = Asked { seen: vec![1, 7], ..Asked::default() };
        let agreement = agree(&[print(1, 10, 100)], &[print(1, 10, 200), print(7, 70, 201)], &asked);
        assert_eq!((agreement.matched, agreement.ledger, agreement.statement), (0, vec![100], vec![200, 201]));
    }

    #[test]
    fn two_equal_statement_records_are_no_match() {
        let agreement = agree(&[print(1, 10, 100)], &[print(1, 10, 200), print(1, 10, 201)], &Asked::default());
        assert_eq!((agreement.ledger.len(), agreement.statement.len()), (1, 2));
        assert_eq!(agreement.repeated, [false, true]);
        let alone = agree(&[], &[print(1, 10, 200), print(1, 10, 201)], &Asked::default());
        assert_eq!(alone.repeated, [false, true]);
    }

    #[test]
    fn an_empty_side_leaves_everything() {
        assert_eq!(agree(&[], &[print(1, 1, 7)], &Asked::default()).statement, vec![7]);
        assert_eq!(agree(&[print(1, 1, 7)], &[], &Asked::default()).ledger, vec![7]);
    }

    #[test]
    fn content_keeps_every_part_apart() {
        let base = Content {
            book: Book::Ledger,
            status: Status::Success,
            kind: Kind::Payment,
            direction: Direction::In,
            currency: Currency::iso("CNY").unwrap(),
            principal: 100,
            day: Some(Day(1)),
            fee: None,
            tax: None,
            net_gap: Total::ZERO,
            notes: Notes::NONE,
            party: Party::Nobody,
        };
        let variants = [
            Content { status: Status::Pending, ..base },
            Content { direction: Direction::Out, ..base },
            Content { kind: Kind::Reversal, ..base },
            Content { currency: Currency::iso("USD").unwrap(), ..base },
            Content { principal: 101, ..base },
            Content { day: Some(Day(2)), ..base },
            Content { day: None, ..base },
            Content { fee: Some(Total::ZERO), ..base },
            Content { tax: Some(0), ..base },
            Content { net_gap: Total::new(1), ..base },
            Content { net_gap: Total::new(1 << 64), ..base },
            Content { fee: Some(Total::new(1 << 64)), ..base },
            Content { fee: Some(Total::new(1)), ..base },
            Content { tax: Some(1), ..base },
            Content { notes: Notes::from_bits(1), ..base },
            Content { party: Party::of(Some("6222 0212"), 7), ..base },
            Content { party: Party::of(Some("6222 0213"), 7), ..base },
        ];
        let mut hashes: Vec<u64> = variants.iter().map(|content| content.hash(7)).collect();
        hashes.push(base.hash(7));
        hashes.push(base.hash(8));
        let with = |content: u64, text: Option<&str>| with_column(content, column_hash(text, 7));
        let text = |text: &str| with(base.hash(7), Some(text));
        let absent = with(base.hash(7), None);
        hashes.extend([text(""), text("ab"), absent, with(absent, None), with(text("ab"), Some("c"))]);
        hashes.extend([with(text("a"), Some("bc")), with(text("c"), Some("ab"))]);
        let count = hashes.len();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), count);
        assert_eq!(base.hash(7), Content { book: Book::Statement, ..base }.hash(7));
        let open = Content { status: Status::Pending, ..base };
        assert_ne!(open.hash(7), Content { book: Book::Statement, ..open }.hash(7), "not final: never equal");
        let masked = Content { party: Party::of(Some("6222****"), 7), ..base };
        assert_ne!(masked.hash(7), Content { book: Book::Statement, ..masked }.hash(7), "masked: never equal");
        assert_eq!(Party::of(Some("6222 0212"), 7), Party::of(Some("6222-0212"), 7));
    }
}
