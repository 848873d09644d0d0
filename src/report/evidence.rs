//! The evidence of what matched: one row a pair, as many as a night has records.

use std::collections::BTreeMap;

use rayon::prelude::*;
use tieout_kernel::code::Code;
use tieout_kernel::key::Pass;
use tieout_kernel::money::Minor;
use tieout_kernel::outcome::{Outcome, State};
use tieout_kernel::record::{Direction, Note};

use super::schema::MATCHES;
use super::sheet::{Sheet, Table};
use super::tables::Tables;
use super::written::{Written, in_parts};
use crate::agree::{Agreed, Night, Scan, row_of, split_of};
use crate::error::Error;
use crate::formats::Split;

/// Pairs of one part of the table.
const PART: usize = 1 << 14;

/// Some pairs in order of the statement's rows: those that agreed at first sight, and those that the full rules
/// matched with the statement's place.
struct Part<'p> {
    agreed: &'p [(u64, u64)],
    slow: &'p [(u64, &'p Outcome)],
}

impl Tables<'_, '_> {
    /// The evidence of what matched, in order of the statement's rows.
    pub fn matches(&self, agreed: &Agreed, lines: &Lines) -> Result<Written, Error> {
        let slow = self.slow_matches();
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
                self.slow_match(&mut sheet, before.1);
            }
            let Some(row) = rows.at(statement)? else { continue };
            let (tag, amount) = (row.tag, row.amount);
            let signed = if tag.direction == Direction::Out { -amount } else { amount };
            for place in [statement, ledger] {
                let file = self.night.file_of(place);
                sheet
                    .text(Some(self.source_name(file.source)))
                    .text(Some(&file.open.name))
                    .count(lines.line(self.night, place));
            }
            sheet
                .text(Some(Pass::K1.word()))
                .text(Some(&tag.account))
                .text(Some(tag.kind.word()))
                .text(Some(tag.status.word()))
                .text(Some(tag.currency.code()))
                .integer(Some(i64::from(tag.currency.exponent())))
                .money(Some(Minor::into(signed)), Some(tag.currency))
                .text(None)
                .text(Some(State::Matched.word()))
                .date(None)
                .date(None)
                .end_row();
        }
        for (_, rest) in slow {
            self.slow_match(&mut sheet, rest);
        }
        sheet.finish()
    }

    /// Pairs that the full rules matched.
    #[must_use]
    pub fn slow_match_count(&self) -> u64 {
        self.slow_matches().len() as u64
    }

    fn slow_matches(&self) -> Vec<(u64, &Outcome)> {
        let of_match = |outcome| match outcome {
            // What agreed on an earlier night is in the evidence of that night.
            &Outcome::Match { statement, state, .. } if state != State::MatchedBefore => {
                Some((self.record(statement).place, outcome))
            }
            Outcome::Match { .. } | Outcome::Rest { .. } | Outcome::Difference(_) => None,
        };
        let mut matches: Vec<(u64, &Outcome)> = self.reconciled.outcomes.iter().filter_map(of_match).collect();
        matches.sort_by_key(|(place, _)| *place);
        matches
    }

    fn slow_match(&self, sheet: &mut Sheet, outcome: &Outcome) {
        let Outcome::Match { pass, state, ledger, statement, flags, notes } = outcome else { return };
        let stored = |at: u32| self.residue.stored(self.night, at as usize);
        for &at in [statement, ledger] {
            let (source, stored) = (self.source_name(self.record(at).source), stored(at));
            sheet.text(Some(source)).text(Some(stored.file)).count(stored.line);
        }
        let record = self.record(*statement);
        let words: Vec<&str> = flags.iter().map(Code::word).chain(notes.iter().map(Note::word)).collect();
        sheet
            .text(Some(pass.word()))
            .text(Some(record.account))
            .text(Some(record.kind.word()))
            .text(Some(record.status.word()))
            .text(Some(record.currency.code()))
            .integer(Some(i64::from(record.currency.exponent())))
            .money(Some(Minor::into(record.signed())), Some(record.currency))
            .text((!words.is_empty()).then(|| words.join(" ")).as_deref())
            .text(Some(state.word()))
            .date(stored(*statement).night)
            .date(stored(*ledger).night)
            .end_row();
    }
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
