//! `tieout ready`

use std::path::PathBuf;

use tieout_kernel::code::Code;

use super::{DONE, console, date_of, store};
use crate::carry::days;
use crate::error::Error;
use crate::finding::Finding;
use crate::{intake, job, weigh};

/// Exit code of inputs that a sensor goes on waiting for.
const NOT_YET: u8 = 75;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The job file
    job: PathBuf,
    /// The business date, such as 2026-11-20
    #[arg(long, value_name = "DATE")]
    date: String,
}

/// What a run would hold back: whole sources, and accounts without a bill.
fn worth_saying(finding: &Finding) -> bool {
    finding.blocks || finding.code == Code::StatementMissing
}

impl Arguments {
    pub fn run(self) -> Result<u8, Error> {
        let plan = job::load(&self.job)?;
        let date = date_of("--date", &self.date)?;
        let store = store()?;
        let gathered = intake::gather(&store, &plan, date, jiff::Timestamp::now())
            .and_then(|intake| weigh::read_rates(&store, &plan, date).map(|_| intake))
            .and_then(|intake| days::chain(&store, &plan, date, false).map(|_| intake));
        match gathered {
            Ok(intake) => {
                for finding in intake.findings.iter().filter(|finding| worth_saying(finding)) {
                    console::note(&format!("{} {}: {}", finding.code, finding.source, finding.message));
                }
                let blocked = intake.findings.iter().any(worth_saying);
                let how = if blocked { "ready, and a run would hold back what is wrong" } else { "ready" };
                console::out(&format!("{how}: {} files of {date}\n", intake.inputs.len()));
                Ok(DONE)
            }
            Err(Error::NotThereYet(complaint)) => {
                console::out(&format!("not yet: {}\n", complaint.what));
                Ok(NOT_YET)
            }
            Err(e) => Err(e),
        }
    }
}
