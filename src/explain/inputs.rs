//! The input files of the nights, as far as they are still what was published.
//!
//! A file is only read when its SHA-256 is the one that the table `inputs` of its night has. What is
//! read from it then is what the run read.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil;
use rayon::prelude::*;
use tieout_kernel::code::Code;
use tieout_kernel::policy::Policy;

use super::days::Days;
use super::record::{Fields, Known, Raw, Whereabouts};
use super::row::Row;
use crate::agree::{Night, NightFile, aside};
use crate::error::Error;
use crate::formats::{OpenFile, Split, open_all};
use crate::intake::{Intake, IntakeFile};
use crate::job::day_of;
use crate::memory::Memory;
use crate::normalise::Columns;
use crate::report::schema::{FINDINGS, INPUTS};
use crate::run::night_of;
use crate::store::Found;

/// Rows that one search gives; beyond that they are counted.
const FOUND_MAX: usize = 200;

/// Input files by night, opened when they are asked for.
pub struct Inputs<'i> {
    days: &'i Days<'i>,
    listed: BTreeMap<civil::Date, Vec<Row>>,
    opened: BTreeMap<Which, Result<OpenFile, Raw>>,
}

/// Night, source and file.
type Which = (civil::Date, String, String);

/// What a search found.
#[derive(Default)]
pub struct Search {
    pub records: Vec<Known>,
    /// Rows beyond those.
    pub left_out: u64,
    /// Files that could not be searched, each with why.
    pub unread: Vec<(String, Raw)>,
}

impl<'i> Inputs<'i> {
    pub fn new(days: &'i Days<'i>) -> Self {
        Self { days, listed: BTreeMap::new(), opened: BTreeMap::new() }
    }

    /// The seed of the job's hashes.
    pub fn seed(&self) -> u64 {
        let policy = self.policy(self.days.today.date);
        night_of(self.days.plan, &policy, &Intake::default(), &BTreeSet::new(), &Memory::of_machine()).seed
    }

    /// The rows of the date's files that have one of some numbers.
    pub fn search(&mut self, numbers: &BTreeSet<String>) -> Result<Search, Error> {
        let today = self.days.today.date;
        let mut search = Search::default();
        let mut intake = Intake::default();
        let read = |row: &Row| Some((row.owned("source")?, row.owned("file")?)).filter(|_| row.text("rows").is_some());
        let files: Vec<(String, String)> = self.listed(today)?.iter().filter_map(read).collect();
        for (source, file) in files {
            let number = self.number(&source);
            match (self.open(today, &source, &file)?, number) {
                (Ok(open), Some(number)) => {
                    intake.files.push(IntakeFile { source: number, input: 0, open: open.clone() });
                }
                (Ok(_), None) => {}
                (Err(why), _) => search.unread.push((file, why.clone())),
            }
        }
        let policy = self.policy(today);
        let night = night_of(self.days.plan, &policy, &intake, &self.blocked()?, &Memory::of_machine());
        let parts = (0..night.splits.len())
            .into_par_iter()
            .map(|split| Part::search(&night, split, numbers))
            .collect::<Result<Vec<Part>, Error>>()?;
        let mut lines = vec![0; night.files.len()];
        for (part, (file, split)) in parts.into_iter().zip(&night.splits) {
            let open = &night.files[*file].open;
            let rows: Vec<u32> = part.found.iter().map(|(row, _)| *row).collect();
            let numbers = open.lines(split, &rows, lines[*file])?;
            lines[*file] += part.line_ends;
            for ((_, mut known), line) in part.found.into_iter().zip(numbers) {
                known.at = Whereabouts { night: today, line, ..known.at };
                if search.records.len() < FOUND_MAX { search.records.push(known) } else { search.left_out += 1 }
            }
            search.left_out += part.left_out;
        }
        Ok(search)
    }

    /// The row at a place as its file has it.
    pub fn raw(&mut self, at: &Whereabouts) -> Result<Raw, Error> {
        match self.row(at)? {
            Ok((open, split, row)) => Ok(Raw::of(open.written(&split, row)?)),
            Err(why) => Ok(why),
        }
    }

    /// What the row at a place says; none when it cannot be read.
    pub fn fields(&mut self, at: &Whereabouts) -> Result<Option<Fields>, Error> {
        let (Some(number), Ok((open, split, row))) = (self.number(&at.source), self.row(at)?) else { return Ok(None) };
        let policy = self.policy(at.night);
        let mut intake = Intake::default();
        intake.files.push(IntakeFile { source: number, input: 0, open });
        let night = night_of(self.days.plan, &policy, &intake, &BTreeSet::new(), &Memory::of_machine());
        let file = &night.files[0];
        let batches = file.open.fetch(&split, &[row], file.full.wanted(), false)?;
        Ok(batches.iter().find(|batch| !batch.rows.is_empty()).and_then(|batch| {
            let columns = file.full.columns(batch);
            (!columns.rejected[0]).then(|| Fields::of_columns(file, &columns, 0))
        }))
    }

    /// The file of a place, and where in it the row is.
    fn row(&mut self, at: &Whereabouts) -> Result<Result<(OpenFile, Split, u32), Raw>, Error> {
        if at.line == 0 {
            return Ok(Err(Raw::Unknown("its line is not known")));
        }
        let open = match self.open(at.night, &at.source, &at.file)? {
            Ok(open) => open.clone(),
            Err(why) => return Ok(Err(why.clone())),
        };
        let row = open.row_of_line(at.line)?;
        Ok(row.map(|(split, row)| (open, split, row)).ok_or(Raw::Unknown("as the job is now, no row begins there")))
    }

    fn policy(&self, date: civil::Date) -> Policy {
        self.days.plan.kernel_policy(day_of(date))
    }

    fn number(&self, source: &str) -> Option<u16> {
        let at = self.days.plan.sources.iter().position(|known| known.name == source)?;
        u16::try_from(at).ok()
    }

    /// Sources that the date did not reconcile.
    fn blocked(&self) -> Result<BTreeSet<String>, Error> {
        let blocks = self.days.rows(&self.days.today, FINDINGS, |cells| cells.truth("blocks") == Some(true))?;
        Ok(blocks.iter().filter_map(|row| row.owned("source")).collect())
    }

    /// The inputs that a night's commit lists; none when what it published was removed.
    fn listed(&mut self, night: civil::Date) -> Result<&[Row], Error> {
        if !self.listed.contains_key(&night) {
            let link = self.days.of_night(night)?;
            let rows = link.map(|link| self.days.rows(&link, INPUTS, |_| true)).transpose()?;
            self.listed.insert(night, rows.unwrap_or_default());
        }
        Ok(&self.listed[&night])
    }

    fn open(&mut self, night: civil::Date, source: &str, file: &str) -> Result<&Result<OpenFile, Raw>, Error> {
        let which = (night, source.to_owned(), file.to_owned());
        if !self.opened.contains_key(&which) {
            let opened = self.opened(night, source, file)?;
            self.opened.insert(which.clone(), opened);
        }
        Ok(&self.opened[&which])
    }

    /// Finds a file where the job says that it is, and opens it if it is still the published one.
    fn opened(&mut self, night: civil::Date, source: &str, file: &str) -> Result<Result<OpenFile, Raw>, Error> {
        let listed = self.listed(night)?.iter();
        let mut listed = listed.filter(|row| row.text("source") == Some(source) && row.text("file") == Some(file));
        let Some(sha256) = listed.find_map(|row| row.owned("sha256")) else {
            return Ok(Err(Raw::Unknown("what its night published is gone, and with it the checksum")));
        };
        let Some(source) = self.days.plan.source(source) else {
            return Ok(Err(Raw::Unknown("the job no longer has its source")));
        };
        let place = source.place.on(night);
        let holds = |found: &Found| {
            let name = &found.name;
            file == name || file.strip_prefix(name).is_some_and(|rest| rest.starts_with('!'))
        };
        let candidates: Vec<Found> = self.days.store.find(&place)?.into_iter().filter(holds).collect();
        if candidates.is_empty() {
            return Ok(Err(Raw::Gone(source.place.written_on(night))));
        }
        for found in candidates {
            let pinned = self.days.store.pin(&found)?;
            if pinned.sha256 != sha256 {
                continue;
            }
            let members = open_all(self.days.store, &found.name, &pinned.body, &source.opening)?;
            let member = members.into_iter().find(|member| member.name == file).and_then(|member| member.file);
            return Ok(member.ok_or(Raw::Unknown("as the job is now, the file cannot be read")));
        }
        Ok(Err(Raw::Changed(source.place.written_on(night))))
    }
}

/// What was found in one split.
struct Part {
    found: Vec<(u32, Known)>,
    left_out: u64,
    line_ends: u64,
}

impl Part {
    fn search(night: &Night<'_>, split: usize, numbers: &BTreeSet<String>) -> Result<Self, Error> {
        let (file, part) = &night.splits[split];
        let file = &night.files[*file];
        let source = &night.policy.source(file.source).name;
        let mut search = Self { found: Vec::new(), left_out: 0, line_ends: 0 };
        file.open.read(part, file.full.wanted(), false, &mut |batch| {
            search.line_ends += batch.line_ends;
            let columns = file.full.columns(&batch);
            for row in 0..columns.len() {
                if !names(&columns, row, numbers) {
                    continue;
                }
                if search.found.len() >= FOUND_MAX {
                    search.left_out += 1;
                    continue;
                }
                search.found.push((batch.rows[row], found(file, source, &columns, row, batch.rows[row])));
            }
            Ok(())
        })?;
        Ok(search)
    }
}

/// Whether one of a row's numbers is among some.
fn names(columns: &Columns<'_>, row: usize, numbers: &BTreeSet<String>) -> bool {
    let own =
        [columns.event_no(row), columns.order_no(row), columns.provider_txn_id(row), columns.original_txn_id(row)];
    own.into_iter().flatten().any(|number| numbers.contains(number.as_ref()))
}

fn found(file: &NightFile, source: &str, columns: &Columns<'_>, row: usize, place: u32) -> Known {
    let at =
        Whereabouts { night: civil::Date::default(), source: source.to_owned(), file: file.open.name.clone(), line: 0 };
    let known = Known::at(file.book.word(), at);
    if columns.rejected[row] {
        let reject = columns.rejects.iter().find(|reject| reject.row == place);
        let why = reject.map(|reject| format!("{}: `{}` in `{}`", reject.reason.says(), reject.text, reject.column));
        let state = Some(Code::RowRejected.word().to_owned());
        return Known { fields: Fields::numbers_of(columns, row), state, reject: why, ..known };
    }
    let state = aside(file, columns, row, &columns.account(row)).map(|state| state.word().to_owned());
    Known { fields: Fields::of_columns(file, columns, row), state, ..known }
}
