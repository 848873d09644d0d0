//! The evidence of what matched: one row a pair, as many as a night has records.

use std::collections::BTreeMap;

use rayon::prelude::*;
use tieout_kernel::calendar::Day;
use tieout_kernel::code::{Code, Codes};
use tieout_kernel::key::Pass;
use tieout_kernel::money::Minor;
use tieout_kernel::outcome::{Outcome, State};
use tieout_kernel::record::{Direction, Note, Notes, Record};

use super::schema::MATCHES;
use super::sheet::{Sheet, Table};
use super::tables::Tables;
use super::written::{Written, in_parts};
use crate::agree::{Agreed, Night, RowReader, Scan, Tag, row_of, split_of};
use crate::distinct::Distinct;
use crate::error::Error;
use crate::formats::Split;

/// Pairs of one part of the table.
const PART: usize = 1 << 14;

/// Pairs that the full rules matched apart from the rest.
#[derive(Debug, Default)]
pub struct Pairs {
    lots: Vec<Vec<Paired>>,
    /// Files of earlier nights.
    files: Distinct<String>,
    /// What records of earlier nights are.
    tags: Distinct<Tag>,
}

/// A pair.
#[derive(Clone, Copy, Debug)]
struct Paired {
    /// The statement's record and the ledger's.
    sides: [Side; 2],
    /// What a statement's record of an earlier night is, and how much; of tonight's the scan knows it.
    earlier: (u32, Minor),
    pass: Pass,
    flags: Codes,
    notes: Notes,
}

/// Where a record of a pair comes from.
#[derive(Clone, Copy, Debug)]
enum Side {
    /// A row of one of tonight's files.
    Tonight { place: u64, line: u64 },
    /// A row of an earlier night's.
    Earlier { place: u32, source: u16, night: Day, file: u32, line: u64 },
}

impl Side {
    fn place(self) -> u64 {
        match self {
            Self::Tonight { place, .. } => place,
            Self::Earlier { place, .. } => place.into(),
        }
    }
}

impl Pairs {
    /// Bytes that they take until they are in the evidence.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.len() * (size_of::<Paired>() + size_of::<(u64, Slow<'_>)>())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lots.iter().map(Vec::len).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes more.
    pub fn add(&mut self, more: Self) {
        let (files, tags) = (self.files.numbers_of(&more.files), self.tags.numbers_of(&more.tags));
        for mut lot in more.lots.into_iter().filter(|lot| !lot.is_empty()) {
            for pair in &mut lot {
                for side in &mut pair.sides {
                    if let Side::Earlier { file, .. } = side {
                        *file = files[*file as usize];
                    }
                }
                if let Side::Earlier { .. } = pair.sides[0] {
                    pair.earlier.0 = tags[pair.earlier.0 as usize];
                }
            }
            lot.shrink_to_fit();
            self.lots.push(lot);
        }
    }
}

/// A pair that the full rules matched.
#[derive(Clone, Copy)]
enum Slow<'p> {
    Here(&'p Outcome),
    Apart(&'p Paired),
}

/// Some pairs in order of the statement's rows: those that agreed at first sight, and those that the full rules
/// matched with the statement's place.
struct Part<'p> {
    agreed: &'p [(u64, u64)],
    slow: &'p [(u64, Slow<'p>)],
}

impl Tables<'_, '_> {
    /// The evidence of what matched, in order of the statement's rows; `apart` is what was matched apart from the rest.
    pub fn matches(&self, agreed: &Agreed, lines: &Lines, pairs: &Pairs) -> Result<Written, Error> {
        let here = self.slow_matches().map(|(place, outcome)| (place, Slow::Here(outcome)));
        let apart = pairs.lots.iter().flatten().map(|pair| (pair.sides[0].place(), Slow::Apart(pair)));
        let mut slow: Vec<(u64, Slow<'_>)> = here.chain(apart).collect();
        slow.par_sort_by_key(|(place, _)| *place);
        let mut rest = slow.as_slice();
        let mut parts = Vec::new();
        for agreed in agreed.matches.chunks(PART) {
            let last = agreed.last().map_or(0, |&(_, statement)| statement);
            let (before, after) = rest.split_at(rest.partition_point(|one| one.0 < last));
            parts.push(Part { agreed, slow: before });
            rest = after;
        }
        parts.push(Part { agreed: &[], slow: rest });
        in_parts(MATCHES, None, &parts, &self.night.memory, |part| self.part(part, lines, pairs))
    }

    fn part(&self, part: &Part<'_>, lines: &Lines, pairs: &Pairs) -> Result<Table, Error> {
        let mut sheet = Sheet::new(MATCHES);
        let mut slow = part.slow.iter().peekable();
        let mut rows = self.scan.rows.reader();
        for &(ledger, statement) in part.agreed {
            while let Some(before) = slow.next_if(|one| one.0 < statement) {
                self.slow_match(&mut sheet, before.1, &mut rows, pairs)?;
            }
            let sides = [statement, ledger].map(|place| Side::Tonight { place, line: lines.line(self.night, place) });
            let (flags, notes) = (Codes::NONE, Notes::NONE);
            let pair = Paired { sides, earlier: (0, Minor::ZERO), pass: Pass::K1, flags, notes };
            self.pair(&mut sheet, &pair, &mut rows, pairs)?;
        }
        for (_, rest) in slow {
            self.slow_match(&mut sheet, *rest, &mut rows, pairs)?;
        }
        sheet.finish()
    }

    /// A pair of which the records themselves are no longer there.
    fn pair(&self, sheet: &mut Sheet, pair: &Paired, rows: &mut RowReader<'_>, pairs: &Pairs) -> Result<(), Error> {
        let (tag, amount) = match pair.sides[0] {
            Side::Tonight { place, .. } => match rows.at(place)? {
                Some(row) => (row.tag, row.amount),
                None => return Ok(()),
            },
            Side::Earlier { .. } => (&pairs.tags.list[pair.earlier.0 as usize], pair.earlier.1),
        };
        let signed = if tag.direction == Direction::Out { -amount } else { amount };
        for side in pair.sides {
            let (source, file, line) = match side {
                Side::Tonight { place, line } => {
                    let file = self.night.file_of(place);
                    (file.source, &file.open.name, line)
                }
                Side::Earlier { source, file, line, .. } => (source, &pairs.files.list[file as usize], line),
            };
            sheet.text(Some(self.source_name(source))).text(Some(file)).count(line);
        }
        let nights = pair.sides.map(|side| match side {
            Side::Tonight { .. } => None,
            Side::Earlier { night, .. } => Some(night),
        });
        let state = if nights == [None, None] { State::Matched } else { State::LateMatched };
        sheet
            .text(Some(pair.pass.word()))
            .text(Some(&tag.account))
            .text(Some(tag.kind.word()))
            .text(Some(tag.status.word()))
            .text(Some(tag.currency.code()))
            .integer(Some(i64::from(tag.currency.exponent())))
            .money(Some(Minor::into(signed)), Some(tag.currency))
            .text(words(pair.flags, pair.notes).as_deref())
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
        let mut lot = Vec::new();
        for (_, outcome) in self.slow_matches() {
            let &Outcome::Match { pass, ledger, statement, flags, notes, .. } = outcome else { continue };
            let sides = [statement, ledger].map(|at| self.side(at, &mut pairs.files));
            let mut earlier = (0, Minor::ZERO);
            if let Side::Earlier { .. } = sides[0] {
                let Record { account, kind, status, direction, currency, principal, .. } = *self.record(statement);
                let tag = Tag { account: account.to_owned(), kind, status, direction, currency };
                earlier = (pairs.tags.number(tag), principal);
            }
            lot.push(Paired { sides, earlier, pass, flags, notes });
        }
        pairs.lots.push(lot);
        pairs
    }

    fn side(&self, at: u32, files: &mut Distinct<String>) -> Side {
        let record = self.record(at);
        let Some(carried) = self.residue.carried(at as usize) else {
            let line = self.residue.file_and_line(self.night, at as usize).1;
            return Side::Tonight { place: record.place, line };
        };
        Side::Earlier {
            place: u32::try_from(record.place).expect("a pool has fewer than 2³² records"),
            source: record.source,
            night: carried.night,
            file: files.number(carried.file.clone()),
            line: carried.line,
        }
    }

    /// Pairs that the full rules matched.
    #[must_use]
    pub fn slow_match_count(&self) -> u64 {
        self.slow_matches().count() as u64
    }

    fn slow_matches(&self) -> impl Iterator<Item = (u64, &Outcome)> {
        self.reconciled.outcomes.iter().filter_map(|outcome| match outcome {
            // What agreed on an earlier night is in the evidence of that night.
            &Outcome::Match { statement, state, .. } if state != State::MatchedBefore => {
                Some((self.record(statement).place, outcome))
            }
            Outcome::Match { .. } | Outcome::Rest { .. } | Outcome::Difference(_) => None,
        })
    }

    fn slow_match(
        &self,
        sheet: &mut Sheet,
        slow: Slow<'_>,
        rows: &mut RowReader<'_>,
        pairs: &Pairs,
    ) -> Result<(), Error> {
        let outcome = match slow {
            Slow::Here(outcome) => outcome,
            Slow::Apart(pair) => return self.pair(sheet, pair, rows, pairs),
        };
        let Outcome::Match { pass, state, ledger, statement, flags, notes } = outcome else { return Ok(()) };
        let stored = |at: u32| self.residue.stored(self.night, at as usize);
        for &at in [statement, ledger] {
            let (source, stored) = (self.source_name(self.record(at).source), stored(at));
            sheet.text(Some(source)).text(Some(stored.file)).count(stored.line);
        }
        let record = self.record(*statement);
        sheet
            .text(Some(pass.word()))
            .text(Some(record.account))
            .text(Some(record.kind.word()))
            .text(Some(record.status.word()))
            .text(Some(record.currency.code()))
            .integer(Some(i64::from(record.currency.exponent())))
            .money(Some(Minor::into(record.signed())), Some(record.currency))
            .text(words(*flags, *notes).as_deref())
            .text(Some(state.word()))
            .date(stored(*statement).night)
            .date(stored(*ledger).night)
            .end_row();
        Ok(())
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
