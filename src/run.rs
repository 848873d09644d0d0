//! One job on one date: the stages, in order. This file is the whole program.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil;
use tieout_kernel::calendar::Day;
use tieout_kernel::code::{Code, Severity};
use tieout_kernel::key::{KeyHasher, event_key};
use tieout_kernel::policy::Policy;
use tieout_kernel::proof::{Ends, Tally};
use tieout_kernel::record::{Book, KindSet};

use crate::agree::{self, Earlier, Held, Looked, Night, NightFile, Residue, Scan, Wanted};
use crate::apart::{Rules, Sorted, Told, add_tallies};
use crate::carry::Carried;
use crate::carry::days::{self, Chain};
use crate::carry::history::{self, Found, Names};
use crate::carry::pool::{self, Known, Lapsed, Left, Pool};
use crate::carry::roll::{self, Roll, RollForward};
use crate::controls;
use crate::error::Error;
use crate::finding::Finding;
use crate::intake::{self, Intake, Now};
use crate::job::{Plan, day_of};
use crate::memory::Memory;
use crate::normalise::decimal_text;
use crate::outputs::{Apart, Frame, Made, Slice, first_seen};
use crate::progress::Progress;
use crate::publish::{self, Commit, Link, Published};
use crate::reconcile;
use crate::report::schema::WORKLIST_FOR_PEOPLE;
use crate::report::summary::{self, Parts, Summary};
use crate::report::sums::Sums;
use crate::report::tables;
use crate::settle::{self, Booked, Volume};
use crate::store::{Store, sha256};
use crate::survey::Survey;
use crate::verify;
use crate::weigh::{self, RateFile};
use crate::worklist::{self, Register};

/// How a run is made.
#[derive(Clone, Debug)]
pub struct Options {
    /// Compute everything and publish nothing.
    pub dry_run: bool,
    /// The moment of the run, for deadlines.
    pub now: Now,
    /// Begin here, whatever was published for the day before.
    pub start_fresh: bool,
    /// How much memory there is.
    pub memory: Memory,
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
#[expect(clippy::too_many_lines, reason = "the stages, one after the other, and what each is called")]
pub fn run(
    store: &Store,
    plan: &Plan,
    date: civil::Date,
    options: &Options,
    progress: &Progress,
) -> Result<Finished, Error> {
    progress.stage("inputs", None);
    let day = day_of(date);
    let chain = days::chain(store, plan, date, options.start_fresh)?;
    let intake = intake::gather(store, plan, date, options.now)?;
    let rates = weigh::read_rates(store, plan, date)?;
    let replaces = publish::current(store, plan, date)?;
    let identity = identity(plan, date, &intake, &rates, &chain);
    if let Some((commit, _)) = replaces.as_ref().filter(|(commit, _)| commit.identity == identity && !options.dry_run) {
        return published_before(store, plan, date, commit);
    }
    // The same inputs again after others had replaced them are another run: it cancels what those asked for.
    let run_id = match &replaces {
        None => identity.clone(),
        Some((_, replaced)) => sha256(format!("{identity}\n{replaced}").as_bytes())[..ID_LENGTH].to_owned(),
    };
    let memory = match publish::folder_of(plan, date).path().filter(|_| !options.dry_run) {
        Some(folder) => options.memory.clone().near(folder),
        None => options.memory.clone(),
    };
    progress.stage("pool", None);
    let parts = |earlier: u64| agree::partitions(intake.files.iter().flat_map(|file| &file.open.splits), earlier);
    let reading = pool::Reading { plan, date, seed: seed(plan), memory: &memory };
    let Left { pool, known, parts } = reading.read(store, &chain, parts)?;
    let policy = policy_of(plan, day, &intake);
    let (night, mut scan, mut findings, blocked) =
        scanned(store, plan, date, &policy, &intake, (&memory, parts), progress)?;
    progress.stage("history", None);
    let found = remembered(store, plan, date, &chain, &scan, &known)?;
    progress.stage("agree", None);
    let mut agreed = agree::settle_agreement(&night, &mut scan, Earlier { carried: &known, found: &found })?;
    let reaches = plan.carry.history_days > 0 && found.reach >= plan.carry.orphan_after;
    let residue = std::mem::take(&mut agreed.residue);
    let rules = Rules {
        plan,
        policy: &policy,
        rates: &rates,
        night: &night,
        scan: &scan,
        agreed: &agreed,
        pool: &pool,
        judge_orphans: reaches,
    };
    let sorted = if rules.fit_together(&residue) {
        Sorted::together(&pool, &residue)
    } else {
        rules.sort_out(residue, known, &found, progress)?
    };
    let Sorted { whole, apart, mut survey, names } = sorted;
    let (earlier, tonight) = whole.split_at(whole.partition_point(|&place| agree::is_carried(place)));
    let mut residue = agree::fetch(&night, &scan.lines_before, tonight, agreed.repeated, progress)?;
    progress.stage("reconcile", None);
    residue.bring(pool.fetch(earlier)?);
    bring_earlier(&night, &mut residue, &pool, &found, names);
    let compared = residue.compared();
    let mut records = residue.records(&night, &compared);
    reconcile::mark(&mut records, &agreed, night.seed, reaches);
    let mut reconciled = reconcile::reconcile(records, &policy)?;
    survey.volume.add(Volume::of_files(&night, &scan));
    survey.scales.count(&reconciled);
    let mistaken = survey.scales.sources(&statement_rows(&night, &scan));
    reconciled.relabel_scale_errors(&mistaken);
    let ids = tables::identified(&plan.job, &reconciled, &residue);
    survey.count(plan, &policy, &rates, &night, &residue, &reconciled, &ids);
    findings.extend(of_the_run(plan, &night, &scan, &survey, &mistaken));
    findings.extend(of_the_days(store, plan, date, &intake, replaces.as_ref(), &chain, &pool.lapsed)?);
    let (verdict, leaning) = settle::decide(plan, &rates, survey.ballot, &survey.volume, &findings);
    findings.extend(leaning);
    settle::give(plan, &rates, &verdict, &mut reconciled, &ids)?;
    // What was settled is nobody's difference any more, so it is weighed last.
    verdict.settled_parties().iter().for_each(|&party| survey.parties.take(party));
    weigh::apply(plan, &policy, &rates, &night, &residue, &mut reconciled, &survey.parties);
    in_order(&mut findings);
    let withheld = summary::withheld(&findings);
    let first_seen = first_seen(residue.all_carried());
    let history_since = history_since(plan, day, &found);
    let frame = Frame {
        plan,
        date,
        day,
        rates: &rates,
        night: &night,
        scan: &scan,
        findings: &findings,
        withheld: withheld.as_deref(),
        chain: &chain,
        first_seen: &first_seen,
        history_since,
    };
    let slice = Slice { residue: &residue, reconciled: &reconciled, ids: &ids };
    let mut sums = Sums::default();
    sums.count(&reconciled, &policy);
    let mut ends = reconciled.ended()?;
    let mut fetched = [true, false].map(|tonight| reconciled.tallies(tonight));
    let mut opened = settle::opened_again(&residue, &reconciled);
    let mut roll = Roll::default();
    roll.add(&pool.opening);
    roll.count(plan, &reconciled);
    let replaced = replaces.as_ref().map(|(commit, _)| Link::of(date, commit));
    let begin = || {
        let register = Register::read(store, plan, &chain, replaced.as_ref())?;
        Ok::<_, Error>((register, worklist::making(&night.memory)))
    };
    let mut made_apart = Apart::default();
    let mut begun = None;
    if apart.iter().any(|part| !part.is_empty()) {
        let told = Told { mistaken: &mistaken, verdict: &verdict, parties: &survey.parties };
        let (register, mut making) = begin()?;
        let mut decided = rules.decide(&apart, told, &frame, (&register, &mut making), progress)?;
        begun = Some((register, making));
        sums.add(std::mem::take(&mut decided.sums));
        ends.add(&decided.ends);
        add_tallies(&mut fetched, &decided.fetched);
        opened.append(&mut decided.opened);
        roll.add(&decided.roll);
        progress.stage("merge", None);
        made_apart = decided.finish(&frame, slice)?;
    }
    let [fetched, earlier] = &fetched;
    prove(&night, &scan, &mut ends, fetched, earlier)?;
    let roll_forward = roll.lines()?;
    prove_opening(store, plan, &chain, &roll_forward)?;

    progress.stage("tables", None);
    let parts = Parts {
        job: &plan.job,
        date: &date.to_string(),
        run_id: &run_id,
        night: &night,
        scan: &scan,
        ends: &ends,
        findings: &findings,
        blocked: &blocked,
        books: &plan.sources.iter().map(|source| source.book).collect::<Vec<_>>(),
        roll_forward: &roll_forward,
        history_since,
    };
    let mut summary = parts.summary(sums)?;
    let made = Made { frame, slice, apart: &made_apart, intake: &intake, agreed: &agreed };
    let of_the_rest = || {
        let (register, making) = begun.map_or_else(begin, Ok)?;
        let worklist = frame.wanted(slice).written(register, making, frame.for_people(&WORKLIST_FOR_PEOPLE))?;
        summary.worklist = summary::worklist_lines(&worklist.counts);
        let booked = Booked::read(store, plan, replaced.as_ref(), &opened)?;
        made.of_the_rest(&summary, worklist, &booked)
    };
    // What matched is most of what is written, and asks for nothing of what is made of the rest.
    let (of_matches, of_the_rest) = rayon::join(|| made.of_matches(), of_the_rest);
    let mut outputs = of_matches?;
    outputs.extend(of_the_rest?);
    outputs.sort_by(|a, b| a.name.cmp(&b.name));
    progress.stage("verify", None);
    for input in &intake.inputs {
        store.still_the_same(&input.pinned)?;
    }
    // What is written is read back and must be these bytes.
    verify::check(&outputs.iter().map(|output| (output.name.clone(), output.body.clone())).collect())?;
    let exit_code = exit_code(plan, &summary, &blocked);
    if options.dry_run {
        return Ok(Finished { summary, published: None, exit_code });
    }
    progress.stage("publish", None);
    let manifest = made.manifest(&run_id, &summary, &blocked);
    // What is written no longer needs what it was made of, and writing needs memory as well.
    drop(reconciled);
    drop(compared);
    drop((residue, agreed, scan));
    let run = publish::Run { id: &run_id, identity: &identity, replaces: replaces.as_ref() };
    let published = publish::publish(store, plan, date, &run, &outputs, manifest)?;
    Ok(Finished { summary, published: Some(published), exit_code })
}

/// Characters of a run's id.
const ID_LENGTH: usize = 24;

/// What a run is made of: its inputs, its policy, the program, the day before. Equal for equal results.
fn identity(plan: &Plan, date: civil::Date, intake: &Intake, rates: &RateFile, chain: &Chain) -> String {
    let mut text = format!("tieout {}\n{}\n{date}\n{}\n", env!("CARGO_PKG_VERSION"), plan.job, plan.policy_hash);
    match chain.before() {
        Some(before) => text += &format!("after {}\n", before.manifest_sha256),
        None => text += "fresh\n",
    }
    for input in &intake.inputs {
        let source = &plan.sources[usize::from(input.source)].name;
        text += &format!("{source}\t{}\t{}\n", input.pinned.found.name, input.pinned.sha256);
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
    sha256(text.as_bytes())[..ID_LENGTH].to_owned()
}

/// What the current commit says, which is of the same run.
fn published_before(store: &Store, plan: &Plan, date: civil::Date, commit: &Commit) -> Result<Finished, Error> {
    let run = Link::of(date, commit);
    let summary = Summary::read(store, plan, &run)?;
    // What needed people has told them already.
    let published = Some(Published::Already { folder: run.folder(plan), number: commit.number });
    Ok(Finished { summary, published, exit_code: 0 })
}

/// What the history has under tonight's keys and orders.
fn remembered(
    store: &Store,
    plan: &Plan,
    date: civil::Date,
    chain: &Chain,
    scan: &Scan,
    known: &[Known],
) -> Result<Found, Error> {
    if plan.carry.history_days == 0 || chain.links.is_empty() {
        return Ok(Found::default());
    }
    let filter = agree::asks_for(scan, known)?;
    let mut found = history::look_up(store, plan, date, chain, &filter)?;
    found.keep_last_ends(known);
    Ok(found)
}

/// Names what earlier nights left, and puts what they matched beside it. `names` are those of what is decided apart.
fn bring_earlier(night: &Night<'_>, residue: &mut Residue, pool: &Pool<'_>, found: &Found, mut names: Names) {
    let records = (0..residue.len()).map(|at| residue.record(night, at));
    names.add(Names::asked(&pool.unnamed, found).among(night.seed, records));
    residue.name(&names);
    let revived = revived(night, residue, found, &names);
    residue.bring((pool.places().end..).zip(revived.into_iter().map(Arc::new)));
}

/// Records of the history that stand under a key of tonight or of the pool.
fn revived(night: &Night<'_>, residue: &Residue, found: &Found, names: &Names) -> Vec<Carried> {
    if found.rows.is_empty() {
        return Vec::new();
    }
    let mut keys: BTreeMap<u128, &str> = BTreeMap::new();
    for at in 0..residue.len() {
        let record = residue.record(night, at);
        if let Some(number) = event_key(&record) {
            let key = KeyHasher::new(night.seed, record.account).hash(record.kind.class(), number);
            if !found.of_key(key).is_empty() {
                keys.insert(key, number);
            }
        }
    }
    history::revived(found, &keys, names)
}

/// The first day that the history knows; none where nothing is remembered.
fn history_since(plan: &Plan, day: Day, found: &Found) -> Option<Day> {
    (plan.carry.history_days > 0).then(|| Day(day.0 - i32::try_from(found.reach).unwrap_or(0)))
}

/// The day begins with what the day before ended with.
fn prove_opening(store: &Store, plan: &Plan, chain: &Chain, lines: &[RollForward]) -> Result<(), Error> {
    let before = chain.before().map(|before| Summary::read(store, plan, before)).transpose()?;
    let before = before.map(|summary| summary.roll_forward).unwrap_or_default();
    Ok(roll::prove_opening(lines, &before)?)
}

/// Findings that only the days before show.
fn of_the_days(
    store: &Store,
    plan: &Plan,
    date: civil::Date,
    intake: &Intake,
    replaces: Option<&(Commit, String)>,
    chain: &Chain,
    lapsed: &Lapsed,
) -> Result<Vec<Finding>, Error> {
    let mut findings = Vec::new();
    if let Some((commit, _)) = replaces {
        let replaced = Link::of(date, commit);
        let manifest: serde_json::Value = replaced.manifest(store, plan)?;
        let found_before = Summary::read(store, plan, &replaced)?.findings;
        for (number, source) in plan.of_book(Book::Statement) {
            let of_source = |input: &&serde_json::Value| input["source"].as_str() == Some(&source.name);
            let inputs = manifest["inputs"].as_array().into_iter().flatten().filter(of_source);
            let before: BTreeSet<&str> = inputs.filter_map(|input| input["sha256"].as_str()).collect();
            let now = intake.inputs.iter().filter(|input| input.source == number);
            let now: BTreeSet<&str> = now.map(|input| input.pinned.sha256.as_str()).collect();
            if !before.is_empty() && !now.is_empty() && before != now {
                let message = format!("the statement of {date} has other content than in commit {}", commit.number);
                let hint = "compare the two runs; what only the earlier one asked for is cancelled";
                findings.push(Finding::new(Code::StatementRestated, message).of_source(&source.name).hint(hint));
            } else {
                // Once restated it stays so, for whatever other reason the date is run again.
                let restated = |one: &&Finding| one.code == Code::StatementRestated && one.source == source.name;
                findings.extend(found_before.iter().find(restated).cloned());
            }
        }
    }
    for incomplete in &chain.incomplete {
        for source in &incomplete.sources {
            let message = format!("{} was published without a usable file of this source", incomplete.date);
            let hint = "run that day again when the file is there, and then the days after it";
            let finding = Finding::new(Code::HeldNoStatement, message).severity(Severity::P2);
            findings.push(finding.of_source(source).hint(hint));
        }
    }
    if let Some((records, message)) = lapsed.in_words() {
        let hint = "see `keep_open` under [carry]; nobody closed them, and tieout no longer lists them";
        let finding = Finding::new(Code::TimingPending, message).severity(Severity::P1).rows(records);
        findings.push(finding.hint(hint));
    }
    Ok(findings)
}

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
    policy: &'p Policy,
    intake: &Intake,
    (memory, parts): (&Memory, usize),
    progress: &Progress,
) -> Result<Scanned<'p>, Error> {
    let mut findings = intake.findings.clone();
    let night = night_of(plan, policy, intake, &BTreeSet::new(), memory);
    let scan = agree::scan(&night, parts, progress)?;
    findings.extend(controls::judge(store, plan, date, day_of(date), &night, &scan)?);
    let blocked: BTreeSet<String> =
        findings.iter().filter(|finding| finding.blocks).map(|finding| finding.source.clone()).collect();
    if blocked.is_empty() {
        return Ok((night, scan, findings, Vec::new()));
    }
    let night = night_of(plan, policy, intake, &blocked, memory);
    let scan = agree::scan(&night, parts, progress)?;
    Ok((night, scan, findings, blocked.into_iter().collect()))
}

/// The files of the night with their mappings, scopes, and what is held because of blocked sources.
pub(crate) fn night_of<'p>(
    plan: &Plan,
    policy: &'p Policy,
    intake: &Intake,
    blocked: &BTreeSet<String>,
    memory: &Memory,
) -> Night<'p> {
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
            &Looked {
                principal: source.principal,
                columns: &rules,
                numbers: plan.carry.history_days > 0 || plan.look_alikes.is_some(),
            },
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
        pairs: true,
        rows: true,
        across: true,
        look_alikes: plan.look_alikes.as_ref().map(|rule| rule.window_micros),
        dated: true,
        history: plan.carry.history_days > 0,
    };
    let mut night = Night::new(policy, files.collect(), wanted, seed(plan), memory.clone());
    if let Some(rule) = &plan.look_alikes {
        night.allowed_parties.clone_from(&rule.allowed);
    }
    night
}

/// The seed of a job's hashes: the same on every night, because the history has them, and no result depends
/// on it.
fn seed(plan: &Plan) -> u64 {
    u64::from_str_radix(&sha256(format!("tieout keys of {}", plan.job).as_bytes())[..16], 16).unwrap_or(0)
}

fn statement_rows(night: &Night<'_>, scan: &Scan) -> BTreeMap<u16, u64> {
    let mut rows = BTreeMap::new();
    for (file, scanned) in night.files.iter().zip(&scan.files).filter(|(file, _)| file.book != Book::Ledger) {
        *rows.entry(file.source).or_default() += scanned.totals.rows();
    }
    rows
}

/// Invariants 1 and 2: what was admitted ended, once, and the money of both books differs by what is listed.
pub fn prove(
    night: &Night<'_>,
    scan: &Scan,
    ends: &mut Ends,
    fetched: &[Tally; 2],
    earlier: &[Tally; 2],
) -> Result<(), Error> {
    let mut admitted = [Tally::default(), Tally::default()];
    let mut aside = [Tally::default(), Tally::default()];
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
    for (admitted, more) in admitted.iter_mut().zip(aside.iter().zip(earlier)) {
        admitted.add(more.0);
        admitted.add(more.1);
    }
    Ok(ends.prove(&admitted[0], &admitted[1])?)
}

/// Findings that only the outcome shows.
fn of_the_run(plan: &Plan, night: &Night<'_>, scan: &Scan, survey: &Survey, mistaken: &BTreeSet<u16>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let rows = statement_rows(night, scan);
    for (number, source) in plan.of_book(Book::Statement) {
        let rate = rows.get(&number).and_then(|rows| survey.rates.of(number, *rows));
        let Some((matched, could)) = rate.filter(|(_, could)| *could >= plan.match_rate.records_min) else { continue };
        if matched * 100 < could * u64::from(plan.match_rate.floor_percent) {
            let share = decimal_text(i128::from(matched * 1_000 / could), 1);
            let message =
                format!("{matched} of {could} records match: {share} %, below {} %", plan.match_rate.floor_percent);
            let hint = "check zone, account, codes and columns of both sides before believing the differences";
            findings.push(Finding::new(Code::MatchRateCollapse, message).of_source(&source.name).hint(hint));
        }
    }
    for ((number, file), count) in &survey.replicas {
        let message = format!("rows that the source has already and that were left out: {count}");
        let finding = Finding::new(Code::ReplicaRow, message).of_file(file).rows(*count);
        findings.push(finding.of_source(&plan.sources[usize::from(*number)].name));
    }
    for (number, count) in survey.scales.of_tonight(mistaken) {
        let message = format!("{count} amounts differ from the ledger's by exactly a power of ten");
        let finding = Finding::new(Code::AmountScale, message).of_source(&plan.sources[usize::from(number)].name);
        findings.push(finding.rows(count).hint("check `unit` and `scales` of both sides"));
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
