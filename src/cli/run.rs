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
            console::out(&one_line(&finished));
        } else {
            console::out(&terminal::page(&finished.summary, plan.language));
        }
        say_where(&finished);
        Ok(finished.exit_code)
    }
}

fn one_line(finished: &Finished) -> String {
    let (folder, already) = match &finished.published {
        Some(Published::New { folder, .. }) => (Some(folder.to_string()), false),
        Some(Published::Already { folder, .. }) => (Some(folder.to_string()), true),
        None => (None, false),
    };
    let mut value = serde_json::to_value(&finished.summary).expect("a summary is plain values");
    value["published_to"] = folder.into();
    value["already_published"] = already.into();
    value["exit_code"] = finished.exit_code.into();
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
