//! The files that a run publishes, from what it came to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use jiff::civil;
use rayon::prelude::*;
use tieout_kernel::calendar::Day;
use tieout_kernel::code::Code;
use tieout_kernel::outcome::{Outcome, State};
use tieout_kernel::record::{Book, Origin};

use crate::agree::{self, Agreed, Night, Residue, Scan};
use crate::carry::Carried;
use crate::carry::days::{Chain, Incomplete, Withheld};
use crate::carry::history::{self, AllRest};
use crate::carry::leaving::Leaving;
use crate::error::Error;
use crate::finding::Finding;
use crate::intake::Intake;
use crate::job::{Evidence, Language, Plan};
use crate::publish::Output;
use crate::reconcile::Reconciled;
use crate::report::evidence::{AllPairs, Lines};
use crate::report::schema::{
    DIFFERENCES_FOR_PEOPLE, INPUTS, MATCHES, OPEN_ITEMS_FOR_PEOPLE, SETTLEMENTS_FOR_PEOPLE, SUMMARY_FOR_PEOPLE,
};
use crate::report::summary::Summary;
use crate::report::tables::{self, Numbered, Tables};
use crate::report::{ForPeople, Sheet, Table, Written};
use crate::settle::{self, Booked, Entry};
use crate::store::{self, Body};
use crate::weigh::RateFile;
use crate::worklist::{self, Worklist};

/// What all files of a run say the same of: the job, tonight's files, the days before.
#[derive(Clone, Copy)]
pub struct Frame<'f> {
    /// The job.
    pub plan: &'f Plan,
    /// The business date.
    pub date: civil::Date,
    /// The same as a day.
    pub day: Day,
    /// Rates, for approval levels.
    pub rates: &'f RateFile,
    /// The files.
    pub night: &'f Night<'f>,
    /// Their scan.
    pub scan: &'f Scan,
    /// What is wrong with files or the run.
    pub findings: &'f [Finding],
    /// Why nothing about records may be issued, if nothing may.
    pub withheld: Option<&'f str>,
    /// The days before.
    pub chain: &'f Chain,
    /// When differences that are not new were seen first.
    pub first_seen: &'f BTreeMap<String, Day>,
    /// The first day that the history knows; none where there is no history.
    pub history_since: Option<Day>,
}

/// Some of what differs: records, what became of them, their differences by id. No group is in two slices.
#[derive(Clone, Copy)]
pub struct Slice<'s, 'r> {
    /// What the records carry along.
    pub residue: &'s Residue,
    /// What became of them.
    pub reconciled: &'s Reconciled<'r>,
    /// The id of each difference and its outcome's position, in order of the ids.
    pub ids: &'s [(String, usize)],
}

impl<'f> Frame<'f> {
    /// Rows of a slice for the tables of differences and matches.
    #[must_use]
    pub fn tables<'t, 'r>(&self, slice: Slice<'t, 'r>) -> Tables<'t, 'r>
    where
        'f: 't,
    {
        Tables {
            night: self.night,
            scan: self.scan,
            residue: slice.residue,
            reconciled: slice.reconciled,
            day: Some(self.day),
            severity: Some(&self.plan.severity),
            first_seen: self.first_seen,
            history_since: self.history_since,
        }
    }

    /// What a slice leaves to the next night.
    #[must_use]
    pub fn leaving<'t, 'r>(&self, slice: Slice<'t, 'r>) -> Leaving<'t, 'r>
    where
        'f: 't,
    {
        Leaving {
            night: self.night,
            residue: slice.residue,
            reconciled: slice.reconciled,
            ids: slice.ids,
            first_seen: self.first_seen,
            day: self.day,
        }
    }

    /// What a slice asks to be done.
    #[must_use]
    pub fn wanted<'t, 'r>(&self, slice: Slice<'t, 'r>) -> worklist::Wanted<'t, 'r>
    where
        'f: 't,
    {
        worklist::Wanted {
            plan: self.plan,
            date: self.date,
            rates: self.rates,
            night: self.night,
            residue: slice.residue,
            reconciled: slice.reconciled,
            ids: slice.ids,
            first_seen: self.first_seen,
            findings: self.findings,
            withheld: self.withheld,
            chain: self.chain,
        }
    }

    /// Some columns of a table for people.
    #[must_use]
    pub fn for_people<'c>(&self, columns: &'c [&'c str]) -> ForPeople<'c> {
        ForPeople { columns, chinese: self.plan.language == Language::Chinese }
    }

    /// Statement sources without a file for which records of tonight's ledger wait, expected or not.
    #[must_use]
    pub fn awaited(&self, reconciled: &Reconciled<'_>) -> BTreeSet<String> {
        let held = reconciled.outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Rest { record, state: State::Held, .. } => Some(&reconciled.records[*record as usize]),
            Outcome::Rest { .. } | Outcome::Match { .. } | Outcome::Difference(_) => None,
        });
        let of_tonight = held.filter(|record| record.origin == Origin::Tonight && record.book == Book::Ledger);
        let sources = of_tonight.filter_map(|record| self.night.policy.accounts.get(record.account));
        sources.map(|&source| self.plan.sources[usize::from(source)].name.clone()).collect()
    }
}

/// When differences that are not new were seen first, by id.
pub fn first_seen<'c>(carried: impl Iterator<Item = &'c Carried>) -> BTreeMap<String, Day> {
    let mut first_seen = BTreeMap::new();
    for one in carried.filter(|one| one.origin.is_pool()) {
        if let Some(id) = &one.difference {
            let first = first_seen.entry(id.clone()).or_insert(one.first_seen);
            *first = (*first).min(one.first_seen);
        }
    }
    first_seen
}

/// What was decided apart from the rest, as far as it goes into files with it. What is made once is taken out then.
#[derive(Default)]
pub struct Apart {
    /// What ended of it, where there is a history.
    pub ended: Mutex<Option<AllRest>>,
    /// What of it matched, where evidence is kept.
    pub pairs: Mutex<Option<AllPairs>>,
    /// What of it was settled.
    pub entries: Mutex<Vec<Entry>>,
    /// Sources that its records wait for.
    pub awaited: BTreeSet<String>,
    /// The table of differences, and the pool; none where nothing was decided apart.
    pub tables: Option<[Written; 2]>,
}

/// Takes out what is there.
pub fn taken<T: Default>(from: &Mutex<T>) -> T {
    std::mem::take(&mut *from.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Everything that outputs are made of.
pub struct Made<'m, 'r> {
    /// What all files say the same of.
    pub frame: Frame<'m>,
    /// What was decided together.
    pub slice: Slice<'m, 'r>,
    /// What was not.
    pub apart: &'m Apart,
    /// The inputs.
    pub intake: &'m Intake,
    /// What agreed at first sight.
    pub agreed: &'m Agreed,
}

/// Files to be made, each by itself.
enum Task<'t> {
    /// A table for programs.
    Csv(&'t Table),
    /// The same, typed.
    Parquet(&'t Table),
    /// Some columns of a table for people.
    ForPeople(&'t Table, &'t [&'t str]),
    /// The table of differences.
    Differences(&'t Tables<'t, 't>, &'t [Numbered<'t>]),
    /// The pool.
    OpenItems,
    /// The journal.
    Settlements(&'t Tables<'t, 't>, &'t Booked),
    /// The evidence of what matched.
    Matches(&'t Tables<'t, 't>, &'t Lines),
    /// The same where none is wanted.
    NoMatches,
    /// The history.
    History(&'t Lines),
}

impl Made<'_, '_> {
    /// Evidence and history.
    pub fn of_matches(&self) -> Result<Vec<Output>, Error> {
        let remembers = self.frame.plan.carry.history_days > 0;
        let evidence = self.frame.plan.evidence == Evidence::References;
        let lines = if remembers || evidence {
            Lines::of(self.frame.night, self.frame.scan, self.agreed)?
        } else {
            Lines::default()
        };
        let tables = self.frame.tables(self.slice);
        let mut tasks = vec![if evidence { Task::Matches(&tables, &lines) } else { Task::NoMatches }];
        tasks.extend(remembers.then_some(Task::History(&lines)));
        self.all_done(&tasks)
    }

    /// Everything else.
    pub fn of_the_rest(&self, summary: &Summary, worklist: Worklist, booked: &Booked) -> Result<Vec<Output>, Error> {
        let tables = self.frame.tables(self.slice);
        let numbered = tables::numbered(self.slice.ids, self.slice.reconciled);
        let summary_table = summary.table()?;
        let (rejects, findings, inputs) = (
            tables::rejects(self.frame.night, self.frame.scan)?,
            tables::findings(self.frame.findings, &self.frame.plan.job, self.frame.date)?,
            self.inputs()?,
        );
        // The longest tasks first.
        let mut tasks = vec![Task::Settlements(&tables, booked)];
        if self.apart.tables.is_none() {
            tasks.splice(0..0, [Task::Differences(&tables, &numbered), Task::OpenItems]);
        }
        tasks.push(Task::ForPeople(&summary_table, &SUMMARY_FOR_PEOPLE));
        for table in [&rejects, &findings, &inputs, &summary_table] {
            tasks.extend([Task::Csv(table), Task::Parquet(table)]);
        }
        let mut outputs = files_of(worklist.table);
        let lines = worklist.lines.into_iter();
        outputs.extend(lines.map(|(name, body, rows)| Output { name, body, rows: Some(rows), for_people: false }));
        outputs.extend(self.apart.tables.iter().flatten().cloned().flat_map(files_of));
        outputs.extend(self.all_done(&tasks)?);
        let mut text = serde_json::to_vec_pretty(summary).expect("a summary is plain values");
        text.push(b'\n');
        outputs.push(Output { name: Summary::FILE.to_owned(), body: text.into(), rows: None, for_people: true });
        Ok(outputs)
    }

    /// Makes the files of some tasks, each by itself.
    fn all_done(&self, tasks: &[Task<'_>]) -> Result<Vec<Output>, Error> {
        let done = tasks.par_iter().with_max_len(1).map(|task| self.done(task));
        let done: Vec<Vec<Output>> = done.collect::<Result<_, Error>>()?;
        Ok(done.into_iter().flatten().collect())
    }

    /// Makes the files of a task.
    fn done(&self, task: &Task<'_>) -> Result<Vec<Output>, Error> {
        let form = |table: &Table, form: &str, bytes: Bytes| output(table.spec.name, form, bytes.into(), table.rows);
        Ok(match task {
            Task::Csv(table) => vec![form(table, "csv", table.csv())],
            Task::Parquet(table) => vec![form(table, "parquet", table.parquet())],
            Task::ForPeople(table, columns) => {
                let bytes = table.csv_for_people(self.frame.for_people(columns));
                vec![Output { for_people: true, ..form(table, "people.csv", bytes) }]
            }
            Task::Differences(tables, numbered) => {
                files_of(tables.differences(numbered, Some(self.frame.for_people(&DIFFERENCES_FOR_PEOPLE)))?)
            }
            Task::OpenItems => {
                files_of(self.frame.leaving(self.slice).written(self.frame.for_people(&OPEN_ITEMS_FOR_PEOPLE))?)
            }
            Task::Settlements(tables, booked) => {
                let people = self.frame.for_people(&SETTLEMENTS_FOR_PEOPLE);
                let entries = taken(&self.apart.entries);
                files_of(settle::written(self.frame.plan, tables, self.slice.ids, booked, entries, people)?)
            }
            Task::Matches(tables, lines) => {
                let memory = &self.frame.night.memory;
                let mut slow = taken(&self.apart.pairs).unwrap_or_else(|| AllPairs::new(memory));
                slow.put(tables.paired())?;
                files_of(tables.matches(self.agreed, lines, slow)?)
            }
            Task::NoMatches => {
                let none = Sheet::new(MATCHES).finish()?;
                vec![form(&none, "csv", none.csv()), form(&none, "parquet", none.parquet())]
            }
            Task::History(lines) => {
                let ended = history::Ended {
                    night: self.frame.night,
                    scan: self.frame.scan,
                    agreed: self.agreed,
                    residue: self.slice.residue,
                    reconciled: self.slice.reconciled,
                    lines,
                };
                let memory = &self.frame.night.memory;
                let rest = taken(&self.apart.ended).unwrap_or_else(|| AllRest::new(memory));
                let body = ended.written(rest, memory)?;
                vec![Output { name: history::FILE.to_owned(), body, rows: None, for_people: false }]
            }
        })
    }

    /// Every input with what it holds.
    fn inputs(&self) -> Result<Table, Error> {
        let mut sheet = Sheet::new(INPUTS);
        for (number, input) in self.intake.inputs.iter().enumerate() {
            let source = &self.frame.plan.sources[usize::from(input.source)];
            let members: Vec<usize> =
                (0..self.intake.files.len()).filter(|&at| self.intake.files[at].input == number).collect();
            let found = &input.pinned.found;
            let begin = |sheet: &mut Sheet, file: &str| {
                sheet
                    .text(Some(&source.name))
                    .text(Some(source.book.word()))
                    .text(Some(&source.place.written_on(self.frame.date)))
                    .text(Some(file))
                    .count(found.size)
                    .text(Some(&input.pinned.sha256))
                    .text(version(found));
            };
            if members.is_empty() {
                begin(&mut sheet, &found.name);
                sheet
                    .text(None)
                    .text(None)
                    .integer(None)
                    .integer(None)
                    .integer(None)
                    .integer(None)
                    .date(None)
                    .date(None);
                sheet.text(None).truth(None).truth(Some(input.repeated)).end_row();
            }
            for at in members {
                let (file, scanned) = (&self.frame.night.files[at], &self.frame.scan.files[at]);
                begin(&mut sheet, &file.open.name);
                let aside: u64 = scanned.aside.values().map(agree::Totals::rows).sum();
                let records = scanned.totals.rows();
                let controls = scanned.controls(&file.open.controls);
                let ties = (!controls.is_empty()).then(|| controls.iter().all(|(_, _, _, ties)| *ties));
                let listed: Vec<serde_json::Value> = controls
                    .iter()
                    .map(|(name, declared, computed, ties)| {
                        serde_json::json!({"name": name, "declared": declared.to_string(), "computed": computed.to_string(), "ties": ties})
                    })
                    .collect();
                let json = serde_json::Value::from(listed).to_string();
                sheet
                    .text(Some(file.open.format.word()))
                    .text(Some(file.open.encoding))
                    .count(records + aside + scanned.rejected)
                    .count(records)
                    .count(scanned.rejected)
                    .count(aside)
                    .date(scanned.days.map(|(first, _)| first))
                    .date(scanned.days.map(|(_, last)| last))
                    .text(Some(&json))
                    .truth(ties)
                    .truth(Some(input.repeated))
                    .end_row();
            }
        }
        sheet.finish()
    }

    /// What the manifest says of the run.
    #[must_use]
    pub fn manifest(
        &self,
        run_id: &str,
        summary: &Summary,
        blocked: &[String],
    ) -> serde_json::Map<String, serde_json::Value> {
        let mut incomplete = self.frame.chain.incomplete.clone();
        let lacks = self.intake.findings.iter().filter(|finding| finding.code == Code::StatementMissing);
        let mut sources: Vec<String> =
            blocked.iter().cloned().chain(lacks.map(|finding| finding.source.clone())).collect();
        sources.extend(self.frame.awaited(self.slice.reconciled));
        sources.extend(self.apart.awaited.iter().cloned());
        sources.sort();
        sources.dedup();
        if !sources.is_empty() {
            incomplete.push(Incomplete { date: self.frame.date, sources });
        }
        let mut withheld = self.frame.chain.withheld.clone();
        let failed = summary.findings.iter().filter(|finding| finding.withholds());
        let failed: BTreeSet<&str> = failed.map(|finding| finding.source.as_str()).collect();
        let named = if failed.contains("") { BTreeSet::new() } else { failed };
        let of_sources: Vec<String> = named.into_iter().map(str::to_owned).collect();
        withheld.extend(summary.withheld.clone().map(|why| Withheld {
            date: self.frame.date,
            why,
            sources: of_sources,
        }));
        let inputs: Vec<serde_json::Value> = self
            .intake
            .inputs
            .iter()
            .map(|input| {
                let found = &input.pinned.found;
                serde_json::json!({
                    "source": self.frame.plan.sources[usize::from(input.source)].name,
                    "place": self.frame.plan.sources[usize::from(input.source)].place.written_on(self.frame.date),
                    "file": found.name,
                    "size": found.size,
                    "version": version(found),
                    "sha256": input.pinned.sha256,
                })
            })
            .collect();
        let ends: Vec<serde_json::Value> = summary
            .states
            .iter()
            .map(|line| serde_json::json!({"book": line.book, "state": line.state, "records": line.records}))
            .collect();
        let value = serde_json::json!({
            "schema": "tieout.manifest/1",
            "job": self.frame.plan.job,
            "date": self.frame.date.to_string(),
            "run_id": run_id,
            "program": format!("tieout {}", env!("CARGO_PKG_VERSION")),
            "policy_sha256": self.frame.plan.policy_hash,
            "standing": summary.standing.word(),
            "chain": self.frame.chain.links,
            "incomplete": incomplete,
            "withheld": withheld,
            "inputs": inputs,
            "matched": summary.matched,
            "differences": summary.differences,
            "records": ends,
            "tie_outs": summary.tie_outs,
        });
        match value {
            serde_json::Value::Object(map) => map,
            _ => serde_json::Map::new(),
        }
    }
}

/// The version of a remote file; the time of a local one says nothing about its content.
fn version(found: &store::Found) -> Option<&str> {
    found.place.path().is_none().then_some(found.tag.as_str())
}

fn output(table: &str, form: &str, body: Body, rows: u64) -> Output {
    Output { name: format!("{table}.{form}"), body, rows: Some(rows), for_people: false }
}

/// The files of a table.
fn files_of(made: Written) -> Vec<Output> {
    let Written { spec, csv, parquet, for_people, rows } = made;
    let mut all = vec![output(spec.name, "csv", csv, rows), output(spec.name, "parquet", parquet, rows)];
    all.extend(for_people.map(|body| Output { for_people: true, ..output(spec.name, "people.csv", body, rows) }));
    all
}
