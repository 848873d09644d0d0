//! `tieout run`

use std::path::PathBuf;

use jiff::civil;

use super::{console, store, use_threads};
use crate::error::Error;
use crate::job;
use crate::publish::Published;
use crate::report::terminal;
use crate::run::{Finished, Options, run};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The job file
    job: PathBuf,
    /// The business date, such as 2026-11-20; never taken from the clock
    #[arg(long, value_name = "DATE")]
    date: String,
    /// Compute and show everything, publish nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the summary as one line of JSON
    #[arg(long)]
    json: bool,
    /// How many threads to use; the result does not depend on it
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

impl Arguments {
    pub fn run(self) -> Result<u8, Error> {
        use_threads(self.threads)?;
        let plan = job::load(&self.job)?;
        let date = civil::Date::strptime("%Y-%m-%d", &self.date)
            .map_err(|_| Error::usage(format!("--date {}: not a date", self.date), "write --date 2026-11-20"))?;
        let options = Options { dry_run: self.dry_run, now: jiff::Timestamp::now() };
        let finished = run(&store()?, &plan, date, &options)?;
        if self.json {
            console::out(&one_line(&finished, &plan.job, &self.date));
        } else if let Some(summary) = &finished.summary {
            console::out(&terminal::page(summary, plan.language));
        }
        say_where(&finished);
        Ok(finished.exit_code)
    }
}

fn one_line(finished: &Finished, job: &str, date: &str) -> String {
    let folder = match &finished.published {
        Some(Published::New { folder, .. } | Published::Already { folder, .. }) => Some(folder.to_string()),
        None => None,
    };
    let mut value = match &finished.summary {
        Some(summary) => serde_json::to_value(summary).unwrap_or_default(),
        None => serde_json::json!({"schema": "tieout.summary/1", "job": job, "date": date, "already_published": true}),
    };
    if let serde_json::Value::Object(map) = &mut value {
        map.insert("published_to".to_owned(), folder.into());
        map.insert("exit_code".to_owned(), finished.exit_code.into());
    }
    format!("{value}\n")
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
