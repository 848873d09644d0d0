//! One job on one date: the stages, in order. This file is the whole program.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil;
use tieout_kernel::calendar::Day;
use tieout_kernel::code::{Code, Severity};
use tieout_kernel::outcome::{Outcome, State};
use tieout_kernel::policy::Policy;
use tieout_kernel::proof::Tally;
use tieout_kernel::record::{Book, KindSet};

use crate::agree::{self, Agreed, Held, Night, NightFile, Residue, Scan, Wanted};
use crate::controls;
use crate::error::Error;
use crate::finding::Finding;
use crate::intake::{self, Intake, Now};
use crate::job::{Evidence, Language, Plan, day_of};
use crate::normalise::decimal_text;
use crate::publish::{self, Output, Published};
use crate::reconcile::{self, Reconciled};
use crate::report::schema::{DIFFERENCES_FOR_PEOPLE, INPUTS, SETTLEMENTS_FOR_PEOPLE};
use crate::report::summary::{self, Parts, Summary};
use crate::report::tables::{self, Tables};
use crate::report::{Sheet, Table};
use crate::settle;
use crate::store::{Found, Store, sha256};
use crate::weigh::{self, RateFile};

/// How a run is made.
#[derive(Clone, Debug)]
pub struct Options {
    /// Compute everything and publish nothing.
    pub dry_run: bool,
    /// The moment of the run, for deadlines.
    pub now: Now,
}

/// What a run came to.
#[derive(Debug)]
pub struct Finished {
    /// The first page; as it was published when the same run was published before.
    pub summary: Summary,
    /// Where it is; none for a dry run.
    pub published: Option<Published>,
    /// What the scheduler is told.
    pub exit_code: u8,
}

/// Runs a job on a date.
pub fn run(store: &Store, plan: &Plan, date: civil::Date, options: &Options) -> Result<Finished, Error> {
    let day = day_of(date);
    let intake = intake::gather(store, plan, date, options.now)?;
    let rates = weigh::read_rates(store, plan, date)?;
    let run_id = run_id(plan, date, &intake, &rates);
    if let Some(finished) = published_before(store, plan, date, &run_id, options)? {
        return Ok(finished);
    }
    let policy = policy_of(plan, day, &intake);
    let (night, mut scan, mut findings, blocked) = scanned(store, plan, date, day, &policy, &intake)?;
    let agreed = agree::settle_agreement(&night, &mut scan)?;
    let residue = agree::fetch(&night, &scan.lines_before, &agreed.residue)?;
    let compared = residue.compared();
    let mut records = residue.records(&night, &compared);
    reconcile::mark(&mut records, &agreed, night.seed);
    let mut reconciled = reconcile::reconcile(records, &policy, &statement_rows(&night, &scan))?;
    findings.extend(of_the_run(plan, &night, &scan, &reconciled));
    let ids = tables::identified(&plan.job, &reconciled);
    findings.extend(settle::apply(plan, &rates, &scan, &night, &mut reconciled, &ids, &findings));
    // What was settled is nobody's difference any more, so it is weighed last.
    weigh::apply(plan, &policy, &rates, &night, &residue, &mut reconciled);
    reconciled.close()?;
    prove(&night, &scan, &mut reconciled)?;
    in_order(&mut findings);

    let parts = Parts {
        job: &plan.job,
        date: &date.to_string(),
        run_id: &run_id,
        night: &night,
        scan: &scan,
        reconciled: &reconciled,
        findings: &findings,
        blocked: &blocked,
        books: &plan.sources.iter().map(|source| source.book).collect::<Vec<_>>(),
    };
    let summary = parts.summary()?;
    let made = Made {
        plan,
        intake: &intake,
        night: &night,
        scan: &scan,
        agreed: &agreed,
        residue: &residue,
        reconciled: &reconciled,
        ids: &ids,
        day,
        date,
    };
    let outputs = made.outputs(&summary, &findings)?;
    for input in &intake.inputs {
        store.still_the_same(&input.pinned)?;
    }
    let exit_code = exit_code(plan, &summary, &blocked);
    if options.dry_run {
        return Ok(Finished { summary, published: None, exit_code });
    }
    let manifest = made.manifest(&run_id, &summary);
    let published = publish::publish(store, plan, date, &run_id, &outputs, manifest)?;
    Ok(Finished { summary, published: Some(published), exit_code })
}

/// The identity of a run: its inputs, its policy, the program.
fn run_id(plan: &Plan, date: civil::Date, intake: &Intake, rates: &RateFile) -> String {
    let mut text = format!("tieout {}\n{}\n{date}\n{}\n", env!("CARGO_PKG_VERSION"), plan.job, plan.policy_hash);
    for input in &intake.inputs {
        let source = &plan.sources[usize::from(input.source)].name;
        text += &format!("{source}\t{}\t{}\n", input.pinned.found.place.name(), input.pinned.sha256);
    }
    if !rates.sha256.is_empty() {
        text += &format!("rates\t{}\n", rates.sha256);
    }
    for source in &intake.empty_days {
        text += &format!("{}\tno bill\n", plan.sources[usize::from(*source)].name);
    }
    for finding in intake.findings.iter().filter(|finding| finding.file.is_empty()) {
        text += &format!("{}\t{}\n", finding.source, finding.code);
    }
    sha256(text.as_bytes())[..24].to_owned()
}

fn published_before(
    store: &Store,
    plan: &Plan,
    date: civil::Date,
    run_id: &str,
    options: &Options,
) -> Result<Option<Finished>, Error> {
    if options.dry_run {
        return Ok(None);
    }
    let Some((commit, _)) = publish::current(store, plan, date)?.filter(|(commit, _)| commit.run_id == run_id) else {
        return Ok(None);
    };
    let folder = publish::folder_of(plan, date).join(&format!("run={run_id}"));
    let page = publish::read_published(store, plan, date, &commit, SUMMARY)?;
    let summary = serde_json::from_slice(&page).map_err(|e| Error::Unavailable {
        action: "reading",
        uri: folder.join(SUMMARY).to_string(),
        cause: format!("not a summary: {e}"),
    })?;
    // What needed people has told them already.
    let published = Some(Published::Already { folder, number: commit.number });
    Ok(Some(Finished { summary, published, exit_code: 0 }))
}

/// The file of the first page.
const SUMMARY: &str = "summary.json";

/// The job's policy, narrowed to what tonight's files show.
fn policy_of(plan: &Plan, day: Day, intake: &Intake) -> Policy {
    let mut policy = plan.kernel_policy(day);
    for (number, source) in plan.of_book(Book::Statement) {
        let shown = intake.files.iter().filter(|file| file.source == number).map(|file| source.kinds_of(&file.open));
        if let Some(kinds) = shown.reduce(KindSet::union) {
            policy.sources[usize::from(number)].kinds = kinds;
        }
    }
    policy
}

type Scanned<'p> = (Night<'p>, Scan, Vec<Finding>, Vec<String>);

/// Scans, judges, and when a source turns out to be blocked scans once more with its records held.
fn scanned<'p>(
    store: &Store,
    plan: &Plan,
    date: civil::Date,
    day: Day,
    policy: &'p Policy,
    intake: &Intake,
) -> Result<Scanned<'p>, Error> {
    let mut findings = intake.findings.clone();
    let night = night_of(plan, policy, intake, &BTreeSet::new());
    let scan = agree::scan(&night)?;
    findings.extend(controls::judge(store, plan, date, day, &night, &scan)?);
    let blocked: BTreeSet<String> =
        findings.iter().filter(|finding| finding.blocks).map(|finding| finding.source.clone()).collect();
    if blocked.is_empty() {
        return Ok((night, scan, findings, Vec::new()));
    }
    let night = night_of(plan, policy, intake, &blocked);
    let scan = agree::scan(&night)?;
    Ok((night, scan, findings, blocked.into_iter().collect()))
}

/// The files of the night with their mappings, scopes, and what is held because of blocked sources.
fn night_of<'p>(plan: &Plan, policy: &'p Policy, intake: &Intake, blocked: &BTreeSet<String>) -> Night<'p> {
    let accounts: Vec<String> = plan.accounts().into_keys().collect();
    let held_accounts: Vec<String> = plan
        .of_book(Book::Statement)
        .filter(|(_, source)| blocked.contains(&source.name))
        .flat_map(|(_, source)| source.accounts.clone())
        .chain(intake.without_statement.iter().cloned())
        .collect();
    // Without a whole ledger there is nothing to hold any statement against.
    let ledger_blocked = plan.of_book(Book::Ledger).any(|(_, source)| blocked.contains(&source.name));
    let files = intake.files.iter().map(|file| {
        let source = &plan.sources[usize::from(file.source)];
        let mapping = source.mapping_of(&file.open);
        let rules = source.compared_rules(&plan.compared);
        let mut night_file = NightFile::new(
            file.source,
            source.book,
            file.open.clone(),
            &mapping,
            source.principal,
            &rules,
            source.filter.clone(),
        );
        let of_ledger = source.book == Book::Ledger;
        night_file.accounts = if of_ledger { accounts.clone() } else { source.accounts.clone() };
        night_file.held = if ledger_blocked || blocked.contains(&source.name) {
            Held::All
        } else if of_ledger && !held_accounts.is_empty() {
            Held::Accounts(held_accounts.clone())
        } else {
            Held::None
        };
        night_file
    });
    let wanted = Wanted {
        rows: true,
        across: true,
        look_alikes: plan.look_alikes.as_ref().map(|rule| rule.window_micros),
        dated: true,
    };
    let mut night = Night::new(policy, files.collect(), wanted, seed(plan));
    if let Some(rule) = &plan.look_alikes {
        night.allowed_parties.clone_from(&rule.allowed);
    }
    night
}

/// The seed of a run's hashes: nobody who writes order numbers knows it, and results do not depend on it.
fn seed(plan: &Plan) -> u64 {
    u64::from_str_radix(&plan.policy_hash[..16], 16).unwrap_or(0)
}

fn statement_rows(night: &Night<'_>, scan: &Scan) -> BTreeMap<u16, u64> {
    let mut rows = BTreeMap::new();
    for (file, scanned) in night.files.iter().zip(&scan.files).filter(|(file, _)| file.book != Book::Ledger) {
        *rows.entry(file.source).or_default() += scanned.totals.rows();
    }
    rows
}

/// Invariants 1 and 2: what was admitted ended, once, and the money of both books differs by what is listed.
pub fn prove(night: &Night<'_>, scan: &Scan, reconciled: &mut Reconciled<'_>) -> Result<(), Error> {
    let mut fetched = [Tally::default(), Tally::default()];
    for record in &reconciled.records {
        fetched[usize::from(record.book != Book::Ledger)].count(record);
    }
    let mut admitted = [Tally::default(), Tally::default()];
    let mut aside = [Tally::default(), Tally::default()];
    let mut ends = std::mem::take(&mut reconciled.ends);
    for (file, scanned) in night.files.iter().zip(&scan.files) {
        let side = usize::from(file.book != Book::Ledger);
        admitted[side].add(&scanned.totals.tally());
        for (state, totals) in &scanned.aside {
            let book = if file.book == Book::Ledger { Book::Ledger } else { Book::Statement };
            ends.rest(book, *state, &totals.tally());
            aside[side].add(&totals.tally());
        }
    }
    ends.agreed(admitted[0].less(&fetched[0])?, admitted[1].less(&fetched[1])?)?;
    for (admitted, aside) in admitted.iter_mut().zip(&aside) {
        admitted.add(aside);
    }
    ends.prove(&admitted[0], &admitted[1])?;
    reconciled.ends = ends;
    Ok(())
}

/// Findings that only the outcome shows.
fn of_the_run(plan: &Plan, night: &Night<'_>, scan: &Scan, reconciled: &Reconciled<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let rows = statement_rows(night, scan);
    for (number, source) in plan.of_book(Book::Statement) {
        let rate = rows.get(&number).and_then(|rows| summary::match_rate(reconciled, night.policy, number, *rows));
        let Some((matched, could)) = rate.filter(|(_, could)| *could >= plan.match_rate.records_min) else { continue };
        if matched * 100 < could * u64::from(plan.match_rate.floor_percent) {
            let share = decimal_text(i128::from(matched * 1_000 / could), 1);
            let message =
                format!("{matched} of {could} records match: {share} %, below {} %", plan.match_rate.floor_percent);
            let hint = "check zone, account, codes and columns of both sides before believing the differences";
            findings.push(Finding::new(Code::MatchRateCollapse, message).of_source(&source.name).hint(hint));
        }
    }
    let mut replicas: BTreeMap<(u16, &str), u64> = BTreeMap::new();
    for outcome in &reconciled.outcomes {
        if let Outcome::Rest { record, state: State::Replica, .. } = outcome {
            let record = &reconciled.records[*record as usize];
            *replicas.entry((record.source, &night.file_of(record.place).open.name)).or_default() += 1;
        }
    }
    for ((number, file), count) in replicas {
        let message = format!("rows that the source has already and that were left out: {count}");
        let finding = Finding::new(Code::ReplicaRow, message).of_file(file).rows(count);
        findings.push(finding.of_source(&plan.sources[usize::from(number)].name));
    }
    for (number, count) in &reconciled.scale_suspects {
        let message = format!("{count} amounts differ from the ledger's by exactly a power of ten");
        let finding = Finding::new(Code::AmountScale, message).of_source(&plan.sources[usize::from(*number)].name);
        findings.push(finding.rows(*count).hint("check `unit` and `scales` of both sides"));
    }
    findings
}

fn in_order(findings: &mut Vec<Finding>) {
    findings.sort_by(|a, b| {
        let key = |finding: &Finding| {
            (
                !finding.blocks,
                finding.severity,
                finding.source.clone(),
                finding.file.clone(),
                finding.code,
                finding.line,
                finding.message.clone(),
            )
        };
        key(a).cmp(&key(b))
    });
    findings.dedup();
}

/// `operations` §1. What blocks a source comes before what needs people.
fn exit_code(plan: &Plan, summary: &Summary, blocked: &[String]) -> u8 {
    let lacks_statement = summary.findings.iter().any(|finding| finding.code == Code::StatementMissing);
    if !blocked.is_empty() || lacks_statement {
        return 21;
    }
    let worst = summary.worst.as_deref().and_then(Severity::from_word);
    let alarming = worst.zip(plan.alert_tier).is_some_and(|(worst, tier)| worst <= tier);
    if alarming { 10 } else { 0 }
}

/// Everything that outputs are made of.
struct Made<'m, 'r> {
    plan: &'m Plan,
    intake: &'m Intake,
    night: &'m Night<'m>,
    scan: &'m Scan,
    agreed: &'m Agreed,
    residue: &'m Residue,
    reconciled: &'m Reconciled<'r>,
    /// The id of each difference and its outcome's position, in order of the ids.
    ids: &'m [(String, usize)],
    day: Day,
    date: civil::Date,
}

impl Made<'_, '_> {
    fn outputs(&self, summary: &Summary, findings: &[Finding]) -> Result<Vec<Output>, Error> {
        let tables = Tables {
            night: self.night,
            scan: self.scan,
            residue: self.residue,
            reconciled: self.reconciled,
            day: Some(self.day),
            severity: Some(&self.plan.severity),
        };
        let numbered = tables::numbered(self.ids, self.reconciled);
        let differences = tables.differences(&numbered)?;
        let summary_table = summary.table()?;
        let chinese = self.plan.language == Language::Chinese;
        let mut outputs = Vec::new();
        let summary_columns = [
            "section", "source", "account", "currency", "label_en", "label_zh", "severity", "count", "amount",
            "at_risk",
        ];
        outputs.push(for_people("differences", &differences, &DIFFERENCES_FOR_PEOPLE, chinese));
        outputs.push(for_people("summary", &summary_table, &summary_columns, chinese));
        let settlements = settle::table(self.plan, &tables, self.ids)?;
        outputs.push(for_people("settlements", &settlements, &SETTLEMENTS_FOR_PEOPLE, chinese));
        let matches = match self.plan.evidence {
            Evidence::References => tables.matches(self.agreed)?,
            Evidence::None => Sheet::new(crate::report::schema::MATCHES).finish()?,
        };
        for table in [
            &differences,
            &matches,
            &settlements,
            &tables.rejects()?,
            &tables::findings(findings)?,
            &self.inputs()?,
            &summary_table,
        ] {
            outputs.extend(both_forms(table));
        }
        let mut text = serde_json::to_vec_pretty(summary).expect("a summary is plain values");
        text.push(b'\n');
        outputs.push(Output { name: SUMMARY.to_owned(), bytes: text.into(), rows: None, for_people: true });
        outputs.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(outputs)
    }

    /// Every input with what it holds.
    fn inputs(&self) -> Result<Table, Error> {
        let mut sheet = Sheet::new(INPUTS);
        for (number, input) in self.intake.inputs.iter().enumerate() {
            let source = &self.plan.sources[usize::from(input.source)];
            let members: Vec<usize> =
                (0..self.intake.files.len()).filter(|&at| self.intake.files[at].input == number).collect();
            let found = &input.pinned.found;
            let begin = |sheet: &mut Sheet, file: &str| {
                sheet
                    .text(Some(&source.name))
                    .text(Some(source.book.word()))
                    .text(Some(&source.place.written_on(self.date)))
                    .text(Some(file))
                    .count(found.size)
                    .text(Some(&input.pinned.sha256))
                    .text(version(found));
            };
            if members.is_empty() {
                begin(&mut sheet, &found.place.name());
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
                let (file, scanned) = (&self.night.files[at], &self.scan.files[at]);
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

    fn manifest(&self, run_id: &str, summary: &Summary) -> serde_json::Map<String, serde_json::Value> {
        let inputs: Vec<serde_json::Value> = self
            .intake
            .inputs
            .iter()
            .map(|input| {
                let found = &input.pinned.found;
                serde_json::json!({
                    "source": self.plan.sources[usize::from(input.source)].name,
                    "place": self.plan.sources[usize::from(input.source)].place.written_on(self.date),
                    "file": found.place.name(),
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
            "job": self.plan.job,
            "date": self.date.to_string(),
            "run_id": run_id,
            "program": format!("tieout {}", env!("CARGO_PKG_VERSION")),
            "policy_sha256": self.plan.policy_hash,
            "standing": summary.standing.word(),
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
fn version(found: &Found) -> Option<&str> {
    found.place.path().is_none().then_some(found.tag.as_str())
}

fn for_people(name: &str, table: &Table, columns: &[&str], chinese: bool) -> Output {
    let bytes = table.csv_for_people(columns, chinese);
    Output { name: format!("{name}.people.csv"), bytes, rows: Some(table.rows), for_people: true }
}

fn both_forms(table: &Table) -> [Output; 2] {
    let name = table.spec.name;
    let output =
        |form: &str, bytes| Output { name: format!("{name}.{form}"), bytes, rows: Some(table.rows), for_people: false };
    [output("parquet", table.parquet()), output("csv", table.csv())]
}
