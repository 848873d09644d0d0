//! `tieout run`

use std::path::{Path, PathBuf};

use jiff::civil;

use super::{Limits, console, date_of, store};
use crate::carry::days;
use crate::error::Error;
use crate::job::{self, Language};
use crate::memory::Memory;
use crate::progress::profile;
use crate::publish::Published;
use crate::report::terminal;
use crate::run::{Finished, Options, run};
use crate::store::Store;

#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub struct Arguments {
    /// The job files; one that fails does not stop the others
    #[arg(required = true, value_name = "JOB")]
    jobs: Vec<PathBuf>,
    /// The business date, such as 2026-11-20; never taken from the clock
    #[arg(long, value_name = "DATE", required_unless_present = "from")]
    date: Option<String>,
    /// The first of several business dates, run in order
    #[arg(long, value_name = "DATE", conflicts_with = "date", requires = "to")]
    from: Option<String>,
    /// The last of several business dates
    #[arg(long, value_name = "DATE", requires = "from")]
    to: Option<String>,
    /// Begin with this date, without the pool and the history of the day before
    #[arg(long)]
    start_fresh: bool,
    /// End with exit code 99 on a date on which the job does not run
    #[arg(long)]
    skip_empty: bool,
    /// Compute and show everything, publish nothing
    #[arg(long)]
    dry_run: bool,
    /// Print one line of JSON, at most 4 KB, for each run, and the last line for all
    #[arg(long)]
    json: bool,
    /// Say nothing at all of a run that needs nobody
    #[arg(long)]
    quiet: bool,
    /// Write the last line of JSON to this file as well
    #[arg(long, value_name = "FILE")]
    summary_file: Option<PathBuf>,
    /// Show where time and memory went
    #[arg(long)]
    profile: bool,
    #[command(flatten)]
    limits: Limits,
}

/// What schedulers and most log collectors take of one line.
const LINE_MAX: usize = 4_096;

/// One job on one date, as it is told.
struct Told {
    line: serde_json::Value,
    exit_code: u8,
}

impl Arguments {
    pub fn run(self) -> Result<u8, Error> {
        let memory = self.limits.apply()?;
        let dates = self.dates()?;
        let store = store()?;
        let mut told = Vec::new();
        for job in &self.jobs {
            for date in &dates {
                let one = self.one(&store, job, *date, Some(date) == dates.first(), &memory);
                // The next day stands on this one.
                let goes_on = one.line.get("error").is_none();
                told.push(one);
                if !goes_on {
                    break;
                }
            }
        }
        let exit_code = most_serious(told.iter().map(|one| one.exit_code));
        let several = self.jobs.len() * dates.len() > 1;
        let last = if several { of_all(&told, exit_code) } else { told.remove(0).line };
        if let Some(path) = &self.summary_file {
            write_whole(path, &format!("{last}\n"))?;
        }
        // The last line of everything, on whatever stream: schedulers keep just that.
        let silent = self.quiet && exit_code == 0;
        if self.json && !silent {
            console::out(&format!("{last}\n"));
        } else if several && !silent {
            console::out(&format!("{}\n", in_words(&told, exit_code)));
        }
        Ok(exit_code)
    }

    fn dates(&self) -> Result<Vec<civil::Date>, Error> {
        let (first, last) = match (&self.date, &self.from, &self.to) {
            (Some(date), _, _) => (date_of("--date", date)?, date_of("--date", date)?),
            (None, Some(from), Some(to)) => (date_of("--from", from)?, date_of("--to", to)?),
            (None, _, _) => return Err(Error::usage("which date?", "write --date 2026-11-20")),
        };
        if last < first {
            return Err(Error::usage(format!("--to {last} is before --from {first}"), "write the earlier date first"));
        }
        let mut dates = Vec::new();
        let mut next = first;
        while next <= last {
            dates.push(next);
            match next.tomorrow() {
                Ok(tomorrow) => next = tomorrow,
                Err(_) => break,
            }
        }
        Ok(dates)
    }

    /// Runs one job on one date and says what came of it.
    fn one(&self, store: &Store, job: &Path, date: civil::Date, is_first: bool, memory: &Memory) -> Told {
        let start_fresh = self.start_fresh && is_first;
        let options =
            Options { dry_run: self.dry_run, now: jiff::Timestamp::now(), start_fresh, memory: memory.clone() };
        let progress = console::progress(self.quiet);
        let finished = job::load(job).and_then(|plan| {
            if days::runs_on(&plan, date) {
                let finished = run(store, &plan, date, &options, &progress)?;
                let spent = progress.finish();
                if self.profile {
                    console::note(&profile(&spent));
                }
                return Ok(Some((finished, plan.language)));
            }
            if self.skip_empty || self.from.is_some() {
                return Ok(None);
            }
            let what = format!("{date} is no business day, and job {} runs on business days", plan.job);
            Err(Error::usage(what, "--skip-empty ends with exit code 99 on such a date"))
        });
        match finished {
            Ok(None) => {
                console::note(&format!("nothing to do on {date}: no business day"));
                let exit_code = if self.skip_empty { SKIPPED } else { 0 };
                let line = serde_json::json!({
                    "schema": RUN_SCHEMA,
                    "job": job.display().to_string(),
                    "date": date.to_string(),
                    "exit_code": exit_code,
                    "skipped": true,
                });
                Told { line, exit_code }
            }
            Ok(Some((finished, language))) => {
                if !(self.quiet && finished.exit_code == 0) {
                    self.show(&finished, language);
                }
                Told { line: line_of(&finished), exit_code: finished.exit_code }
            }
            Err(e) => {
                console::error(&e);
                let text: String = e.to_string().chars().take(1_000).collect();
                let line = serde_json::json!({
                    "schema": RUN_SCHEMA,
                    "job": job.display().to_string(),
                    "date": date.to_string(),
                    "exit_code": e.exit_code(),
                    "error": text,
                });
                Told { line, exit_code: e.exit_code() }
            }
        }
    }

    fn show(&self, finished: &Finished, language: Language) {
        say_where(finished);
        if !self.json {
            console::out(&terminal::page(&finished.summary, language));
        } else if self.jobs.len() > 1 || self.from.is_some() {
            console::out(&format!("{}\n", line_of(finished)));
        }
    }
}

/// Exit code of a date on which the job does not run.
const SKIPPED: u8 = 99;
const RUN_SCHEMA: &str = "tieout.run/1";

/// A run in one line of at most 4 KB: the codes with the mildest tiers are left off first.
fn line_of(finished: &Finished) -> serde_json::Value {
    let summary = &finished.summary;
    let (folder, already) = match &finished.published {
        Some(Published::New { folder, .. }) => (Some(folder.to_string()), false),
        Some(Published::Already { folder, .. }) => (Some(folder.to_string()), true),
        None => (None, false),
    };
    let codes = summary.codes.iter().map(|code| {
        serde_json::json!({
            "code": code.code, "severity": code.severity, "currency": code.currency, "count": code.count,
            "exposure_minor": code.exposure_minor, "at_risk_minor": code.at_risk_minor,
        })
    });
    let tie_outs = summary.tie_outs.iter().map(|one| {
        serde_json::json!({
            "account": one.account, "currency": one.currency, "difference_minor": one.difference_minor,
            "unexplained_minor": one.unexplained_minor,
        })
    });
    let items = |state: &str| -> u64 {
        summary.worklist.iter().filter(|line| line.state == state).map(|line| line.count).sum()
    };
    let (mut codes, mut tie_outs): (Vec<_>, Vec<_>) = (codes.collect(), tie_outs.collect());
    let mut left_off = 0_u64;
    loop {
        let line = serde_json::json!({
            "schema": RUN_SCHEMA,
            "job": summary.job,
            "date": summary.date,
            "run_id": summary.run_id,
            "standing": summary.standing.word(),
            "matched": summary.matched,
            "differences": summary.differences,
            "settled": summary.settled.iter().map(|one| one.count).sum::<u64>(),
            "issued": items("ISSUED"),
            "cancelled": items("CANCELLED"),
            "worst": summary.worst,
            "withheld": summary.withheld,
            "codes": codes,
            "tie_outs": tie_outs,
            "left_off": left_off,
            "published_to": folder,
            "already_published": already,
            "exit_code": finished.exit_code,
        });
        if line.to_string().len() < LINE_MAX || (codes.pop().is_none() && tie_outs.pop().is_none()) {
            return line;
        }
        left_off += 1;
    }
}

/// The line of several runs.
fn of_all(told: &[Told], exit_code: u8) -> serde_json::Value {
    let mut runs: Vec<serde_json::Value> = told
        .iter()
        .map(|one| {
            let mut short = serde_json::json!({ "exit_code": one.exit_code });
            for name in ["job", "date", "run_id", "standing", "differences", "worst"] {
                short[name] = one.line[name].clone();
            }
            short
        })
        .collect();
    let count = runs.len();
    loop {
        let line = serde_json::json!({
            "schema": "tieout.runs/1", "exit_code": exit_code, "runs": runs, "left_off": count - runs.len(),
        });
        if line.to_string().len() < LINE_MAX || runs.pop().is_none() {
            return line;
        }
    }
}

fn in_words(told: &[Told], exit_code: u8) -> String {
    let failed: Vec<String> = told
        .iter()
        .filter(|one| one.line.get("error").is_some())
        .map(|one| format!("{} on {}", text_of(&one.line["job"]), text_of(&one.line["date"])))
        .collect();
    let came_through = told.len() - failed.len();
    let what = format!("{came_through} of {} runs came through, exit code {exit_code}", told.len());
    if failed.is_empty() { what } else { format!("{what}; failed: {}", failed.join(", ")) }
}

fn text_of(value: &serde_json::Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Of several exit codes the one that matters most: what is broken before what is late, before what needs people.
fn most_serious(codes: impl Iterator<Item = u8>) -> u8 {
    const ORDER: [u8; 11] = [70, 42, 50, 41, 40, 22, 2, 21, 20, 30, 10];
    let codes: Vec<u8> = codes.collect();
    // Skipped is what all were, or nothing worth saying of the others.
    if !codes.is_empty() && codes.iter().all(|code| *code == SKIPPED) {
        return SKIPPED;
    }
    ORDER.into_iter().find(|code| codes.contains(code)).unwrap_or(0)
}

/// Writes a small file so that nobody ever reads half of it.
fn write_whole(path: &Path, text: &str) -> Result<(), Error> {
    let failed = |e: std::io::Error| Error::Unavailable {
        action: "writing",
        uri: path.display().to_string(),
        cause: e.to_string(),
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)?;
    file.persist(path).map_err(|e| failed(e.error))?;
    Ok(())
}

fn say_where(finished: &Finished) {
    match &finished.published {
        Some(Published::New { folder, number, copies_failed }) => {
            console::note(&format!("published to {folder} (commit {number})"));
            if let Some(why) = copies_failed {
                console::note(&format!("warning: the copies under current/ could not be made: {why}"));
            }
        }
        Some(Published::Already { folder, number }) => {
            console::note(&format!("already published: the same inputs and policy are in {folder} (commit {number})"));
        }
        None => console::note("dry run: nothing was published"),
    }
}
