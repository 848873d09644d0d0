//! The evidence of what matched: one row a pair, as many as a night has records.

use std::collections::BTreeMap;

use rayon::prelude::*;
use tieout_kernel::code::{Code, Codes};
use tieout_kernel::key::Pass;
use tieout_kernel::money::Minor;
use tieout_kernel::outcome::{Outcome, State};
use tieout_kernel::record::{Direction, Note, Notes};

use super::schema::MATCHES;
use super::sheet::{Sheet, Table};
use super::tables::Tables;
use super::written::{Written, in_parts};
use crate::agree::{Agreed, Night, RowReader, Scan, row_of, split_of};
use crate::error::Error;
use crate::formats::Split;

/// Pairs of one part of the table.
const PART: usize = 1 << 14;

/// A pair of tonight's records that the full rules matched apart from the rest.
#[derive(Clone, Copy, Debug)]
pub struct Paired {
    /// Places and lines of the statement's record and of the ledger's.
    sides: [(u64, u64); 2],
    pass: Pass,
    flags: Codes,
    notes: Notes,
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
    pub fn matches(&self, agreed: &Agreed, lines: &Lines, apart: &[Paired]) -> Result<Written, Error> {
        let here = self.slow_matches().map(|(place, outcome)| (place, Slow::Here(outcome)));
        let apart = apart.iter().map(|pair| (pair.sides[0].0, Slow::Apart(pair)));
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
        in_parts(MATCHES, None, &parts, &self.night.memory, |part| self.part(part, lines))
    }

    fn part(&self, part: &Part<'_>, lines: &Lines) -> Result<Table, Error> {
        let mut sheet = Sheet::new(MATCHES);
        let mut slow = part.slow.iter().peekable();
        let mut rows = self.scan.rows.reader();
        for &(ledger, statement) in part.agreed {
            while let Some(before) = slow.next_if(|one| one.0 < statement) {
                self.slow_match(&mut sheet, before.1, &mut rows)?;
            }
            let sides = [statement, ledger].map(|place| (place, lines.line(self.night, place)));
            let pair = Paired { sides, pass: Pass::K1, flags: Codes::NONE, notes: Notes::NONE };
            self.pair(&mut sheet, &pair, &mut rows)?;
        }
        for (_, rest) in slow {
            self.slow_match(&mut sheet, *rest, &mut rows)?;
        }
        sheet.finish()
    }

    /// A pair of tonight's records, which say the same.
    fn pair(&self, sheet: &mut Sheet, pair: &Paired, rows: &mut RowReader<'_>) -> Result<(), Error> {
        let Some(row) = rows.at(pair.sides[0].0)? else { return Ok(()) };
        let (tag, amount) = (row.tag, row.amount);
        let signed = if tag.direction == Direction::Out { -amount } else { amount };
        for (place, line) in pair.sides {
            let file = self.night.file_of(place);
            sheet.text(Some(self.source_name(file.source))).text(Some(&file.open.name)).count(line);
        }
        sheet
            .text(Some(pair.pass.word()))
            .text(Some(&tag.account))
            .text(Some(tag.kind.word()))
            .text(Some(tag.status.word()))
            .text(Some(tag.currency.code()))
            .integer(Some(i64::from(tag.currency.exponent())))
            .money(Some(Minor::into(signed)), Some(tag.currency))
            .text(words(pair.flags, pair.notes).as_deref())
            .text(Some(State::Matched.word()))
            .date(None)
            .date(None)
            .end_row();
        Ok(())
    }

    /// The pairs of tonight's records among what the full rules matched.
    #[must_use]
    pub fn paired(&self) -> Vec<Paired> {
        let paired = |outcome: &Outcome| {
            let &Outcome::Match { pass, state: State::Matched, ledger, statement, flags, notes } = outcome else {
                return None;
            };
            let side = |at: u32| (self.record(at).place, self.residue.file_and_line(self.night, at as usize).1);
            Some(Paired { sides: [side(statement), side(ledger)], pass, flags, notes })
        };
        self.slow_matches().filter_map(|(_, outcome)| paired(outcome)).collect()
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

    fn slow_match(&self, sheet: &mut Sheet, slow: Slow<'_>, rows: &mut RowReader<'_>) -> Result<(), Error> {
        let outcome = match slow {
            Slow::Here(outcome) => outcome,
            Slow::Apart(pair) => return self.pair(sheet, pair, rows),
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
