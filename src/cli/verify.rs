//! `tieout verify`

use std::path::PathBuf;

use super::{DONE, console, date_of, store};
use crate::carry::days;
use crate::error::Error;
use crate::job;
use crate::publish;
use crate::report::schema::WORKLIST;
use crate::verify::{Files, check, check_carried};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The job file
    #[arg(value_name = "JOB")]
    job: PathBuf,
    /// The business date, such as 2026-11-20
    #[arg(long, value_name = "DATE")]
    date: String,
}

impl Arguments {
    pub fn run(self) -> Result<u8, Error> {
        let plan = job::load(&self.job)?;
        let date = date_of("--date", &self.date)?;
        let store = store()?;
        let (commit, run) = publish::published(&store, &plan, date)?;
        let names = run.names(&store, &plan)?;
        let mut files = Files::new();
        for name in &names {
            files.insert(name.clone(), run.read(&store, &plan, name)?);
        }
        check(&files)?;
        let before = days::verified(&store, &plan, &run)?;
        // The results of the day before may have been removed.
        let worklist = before.first().map(|day| day.find(&store, &plan, &WORKLIST.parquet_name())).transpose()?;
        if let Some(worklist) = worklist.flatten() {
            check_carried(&files, &worklist)?;
        }
        console::out(&format!(
            "{} {date}: commit {} holds; {} files are what was committed, their tables agree, {} days before it are what \
             it was made of\n",
            plan.job,
            commit.number,
            names.len(),
            before.len()
        ));
        Ok(DONE)
    }
}
