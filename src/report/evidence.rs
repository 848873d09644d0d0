//! The evidence of what matched: one row a pair, as many as a night has records.

use std::collections::BTreeMap;

use rayon::prelude::*;
use tieout_kernel::calendar::Day;
use tieout_kernel::code::{Code, Codes};
use tieout_kernel::key::Pass;
use tieout_kernel::money::Total;
use tieout_kernel::outcome::{Outcome, State};
use tieout_kernel::record::{Direction, Note, Notes, Record};

use super::schema::MATCHES;
use super::sheet::{Sheet, Table};
use super::tables::Tables;
use super::written::{Written, in_lots};
use crate::agree::{Agreed, Night, RowReader, Scan, Tag, is_carried, row_of, split_of};
use crate::distinct::Distinct;
use crate::error::Error;
use crate::formats::Split;
use crate::memory::Memory;
use crate::pipeline::at_once;
use crate::sorter::{Fixed, Sorter, next};

/// Pairs of one part of the table.
const PART: usize = 1 << 14;

/// Some pairs that the full rules matched, without their records.
#[derive(Debug, Default)]
pub struct Pairs {
    list: Vec<Paired>,
    shared: Shared,
}

/// All of them, in memory as long as there is room.
#[derive(Debug)]
pub struct AllPairs {
    list: Sorter<Paired, BYTES>,
    shared: Shared,
}

/// What many pairs have in common.
#[derive(Debug, Default)]
struct Shared {
    /// Files of earlier nights.
    files: Distinct<String>,
    /// What statement's records of earlier nights are.
    tags: Distinct<Tag>,
    /// How pairs were found, and what is to be said of them.
    said: Distinct<(Pass, Option<String>)>,
}

/// A pair.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Paired {
    /// The statement's record and the ledger's.
    sides: [Side; 2],
    /// What a statement's record of an earlier night comes to, without sign, and what it is; of tonight's the scan
    /// knows both.
    amount: i64,
    tag: u32,
    said: u32,
}

/// Where a record of a pair comes from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Side {
    place: u64,
    line: u64,
    /// Source, file and night of what is not tonight's.
    source: u16,
    file: u32,
    night: i32,
}

impl Side {
    const fn of_tonight(place: u64, line: u64) -> Self {
        Self { place, line, source: 0, file: 0, night: 0 }
    }

    fn night(self) -> Option<Day> {
        is_carried(self.place).then_some(Day(self.night))
    }
}

/// Bytes of a pair on disk.
const BYTES: usize = 2 * 26 + 16;

impl Fixed<BYTES> for Paired {
    fn to_bytes(self) -> [u8; BYTES] {
        let mut bytes = Vec::with_capacity(BYTES);
        for Side { place, line, source, file, night } in self.sides {
            bytes.extend(place.to_le_bytes());
            bytes.extend(line.to_le_bytes());
            bytes.extend(source.to_le_bytes());
            bytes.extend(file.to_le_bytes());
            bytes.extend(night.to_le_bytes());
        }
        bytes.extend(self.amount.to_le_bytes());
        bytes.extend(self.tag.to_le_bytes());
        bytes.extend(self.said.to_le_bytes());
        bytes.try_into().expect("all of its numbers")
    }

    fn of_bytes(bytes: &[u8; BYTES]) -> Self {
        let mut rest = bytes.as_slice();
        let sides = [(); 2].map(|()| Side {
            place: u64::from_le_bytes(next(&mut rest)),
            line: u64::from_le_bytes(next(&mut rest)),
            source: u16::from_le_bytes(next(&mut rest)),
            file: u32::from_le_bytes(next(&mut rest)),
            night: i32::from_le_bytes(next(&mut rest)),
        });
        let amount = i64::from_le_bytes(next(&mut rest));
        let [tag, said] = [(); 2].map(|()| u32::from_le_bytes(next(&mut rest)));
        Self { sides, amount, tag, said }
    }
}

impl AllPairs {
    /// None yet.
    #[must_use]
    pub fn new(memory: &Memory) -> Self {
        Self { list: Sorter::new(memory), shared: Shared::default() }
    }

    /// Takes some.
    pub fn put(&mut self, some: Pairs) -> Result<(), Error> {
        let Pairs { list, shared } = some;
        let files = self.shared.files.numbers_of(&shared.files);
        let tags = self.shared.tags.numbers_of(&shared.tags);
        let said = self.shared.said.numbers_of(&shared.said);
        self.list.put(list.into_iter().map(|mut pair| {
            for side in pair.sides.iter_mut().filter(|side| is_carried(side.place)) {
                side.file = files[side.file as usize];
            }
            if is_carried(pair.sides[0].place) {
                pair.tag = tags[pair.tag as usize];
            }
            pair.said = said[pair.said as usize];
            pair
        }))
    }
}

/// Some pairs in order of the statement's rows: those that agreed at first sight, and those that the full rules
/// matched.
struct Part<'p> {
    agreed: &'p [(u64, u64)],
    slow: Vec<Paired>,
}

impl Tables<'_, '_> {
    /// The evidence of what matched, in order of the statement's rows; `slow` is what the full rules matched.
    pub fn matches(&self, agreed: &Agreed, lines: &Lines, slow: AllPairs) -> Result<Written, Error> {
        let AllPairs { list, mut shared } = slow;
        let at_first_sight = shared.said.number((Pass::K1, None));
        let mut slow = list.sorted()?;
        let mut rest = agreed.matches.as_slice();
        let mut next = || -> Result<Option<Part<'_>>, Error> {
            let (mut agreed, _) = rest.split_at(rest.len().min(PART));
            let last = agreed.last().map_or(u64::MAX, |&(_, statement)| statement);
            let slow = slow.take(PART, |pair| pair.sides[0].place < last)?;
            if slow.len() == PART {
                let last = slow[PART - 1].sides[0].place;
                agreed = &agreed[..agreed.partition_point(|&(_, statement)| statement < last)];
            }
            rest = &rest[agreed.len()..];
            Ok((!agreed.is_empty() || !slow.is_empty()).then_some(Part { agreed, slow }))
        };
        in_lots(MATCHES, None, &self.night.memory, || {
            let parts: Vec<Part<'_>> = (0..at_once()).map_while(|_| next().transpose()).collect::<Result<_, _>>()?;
            let part = |part: &Part<'_>| self.part(part, lines, &shared, at_first_sight);
            let tables: Vec<Table> = parts.par_iter().with_max_len(1).map(part).collect::<Result<_, Error>>()?;
            Ok((!tables.is_empty()).then_some(tables))
        })
    }

    fn part(&self, part: &Part<'_>, lines: &Lines, shared: &Shared, said: u32) -> Result<Table, Error> {
        let mut sheet = Sheet::new(MATCHES);
        let mut slow = part.slow.iter().peekable();
        let mut rows = self.scan.rows.reader();
        for &(ledger, statement) in part.agreed {
            while let Some(before) = slow.next_if(|one| one.sides[0].place < statement) {
                self.pair(&mut sheet, before, &mut rows, shared)?;
            }
            let sides = [statement, ledger].map(|place| Side::of_tonight(place, lines.line(self.night, place)));
            self.pair(&mut sheet, &Paired { sides, amount: 0, tag: 0, said }, &mut rows, shared)?;
        }
        slow.try_for_each(|rest| self.pair(&mut sheet, rest, &mut rows, shared))?;
        sheet.finish()
    }

    fn pair(&self, sheet: &mut Sheet, pair: &Paired, rows: &mut RowReader<'_>, shared: &Shared) -> Result<(), Error> {
        let statement = pair.sides[0].place;
        let (tag, amount) = if is_carried(statement) {
            (&shared.tags.list[pair.tag as usize], Total::new(pair.amount.into()))
        } else {
            let Some(row) = rows.at(statement)? else { return Ok(()) };
            (row.tag, row.amount.into())
        };
        let signed = if tag.direction == Direction::Out { -amount } else { amount };
        for side in pair.sides {
            let (source, file) = if is_carried(side.place) {
                (side.source, &shared.files.list[side.file as usize])
            } else {
                let file = self.night.file_of(side.place);
                (file.source, &file.open.name)
            };
            sheet.text(Some(self.source_name(source))).text(Some(file)).count(side.line);
        }
        let nights = pair.sides.map(Side::night);
        let state = if nights == [None, None] { State::Matched } else { State::LateMatched };
        let (pass, words) = &shared.said.list[pair.said as usize];
        sheet
            .text(Some(pass.word()))
            .text(Some(&tag.account))
            .text(Some(tag.kind.word()))
            .text(Some(tag.status.word()))
            .text(Some(tag.currency.code()))
            .integer(Some(i64::from(tag.currency.exponent())))
            .money(Some(signed), Some(tag.currency))
            .text(words.as_deref())
            .text(Some(state.word()))
            .date(nights[0])
            .date(nights[1])
            .end_row();
        Ok(())
    }

    /// What the full rules matched, without the records.
    #[must_use]
    pub fn paired(&self) -> Pairs {
        let mut pairs = Pairs::default();
        for outcome in self.slow_matches() {
            let &Outcome::Match { pass, ledger, statement, flags, notes, .. } = outcome else { continue };
            let sides = [statement, ledger].map(|at| self.side(at, &mut pairs.shared.files));
            let (mut tag, mut amount) = (0, 0);
            if is_carried(sides[0].place) {
                let Record { account, kind, status, direction, currency, principal, .. } = *self.record(statement);
                let what = Tag { account: account.to_owned(), kind, status, direction, currency };
                (tag, amount) = (pairs.shared.tags.number(what), principal.get());
            }
            let said = pairs.shared.said.number((pass, words(flags, notes)));
            pairs.list.push(Paired { sides, amount, tag, said });
        }
        pairs
    }

    fn side(&self, at: u32, files: &mut Distinct<String>) -> Side {
        let record = self.record(at);
        match self.residue.carried(at as usize) {
            None => Side::of_tonight(record.place, self.residue.file_and_line(self.night, at as usize).1),
            Some(carried) => Side {
                place: record.place,
                line: carried.line,
                source: record.source,
                file: files.number(carried.file.clone()),
                night: carried.night.0,
            },
        }
    }

    /// Pairs that the full rules matched.
    #[must_use]
    pub fn slow_match_count(&self) -> u64 {
        self.slow_matches().count() as u64
    }

    fn slow_matches(&self) -> impl Iterator<Item = &Outcome> {
        // What agreed on an earlier night is in the evidence of that night.
        let is_of_tonight =
            |outcome: &&Outcome| matches!(outcome, Outcome::Match { state, .. } if *state != State::MatchedBefore);
        self.reconciled.outcomes.iter().filter(is_of_tonight)
    }
}

fn words(flags: Codes, notes: Notes) -> Option<String> {
    let words: Vec<&str> = flags.iter().map(Code::word).chain(notes.iter().map(Note::word)).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// Line numbers of the rows that matched in text files; typed files count their rows themselves.
#[derive(Debug, Default)]
pub struct Lines(BTreeMap<usize, (Vec<u32>, Vec<u64>)>);

impl Lines {
    /// The lines of all rows that the fast path matched.
    pub fn of(night: &Night<'_>, scan: &Scan, agreed: &Agreed) -> Result<Self, Error> {
        let mut by_split: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        for &(ledger, statement) in &agreed.matches {
            for place in [ledger, statement] {
                let split = split_of(place);
                if matches!(night.splits[split].1, Split::Bytes { .. }) {
                    by_split.entry(split).or_default().push(row_of(place));
                }
            }
        }
        let lines = by_split
            .into_par_iter()
            .map(|(split, mut rows)| {
                rows.sort_unstable();
                let (file, part) = &night.splits[split];
                let lines = night.files[*file].open.lines(part, &rows, scan.lines_before[split])?;
                Ok((split, (rows, lines)))
            })
            .collect::<Result<_, Error>>()?;
        Ok(Self(lines))
    }

    /// The line or row number of a place.
    #[must_use]
    pub fn line(&self, night: &Night<'_>, place: u64) -> u64 {
        let (split, row) = (split_of(place), row_of(place));
        match night.splits[split].1 {
            Split::RowGroup { before, .. } => before + u64::from(row) + 1,
            Split::Bytes { .. } => self
                .0
                .get(&split)
                .and_then(|(rows, lines)| rows.binary_search(&row).ok().map(|at| lines[at]))
                .unwrap_or(0),
        }
    }
}
