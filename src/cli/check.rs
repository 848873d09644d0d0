//! `tieout check`

use std::path::PathBuf;

use super::{DONE, console};
use crate::error::Error;
use crate::job::{self, Plan};
use crate::normalise::Clock;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The job files
    #[arg(required = true)]
    jobs: Vec<PathBuf>,
}

impl Arguments {
    pub fn run(self) -> Result<u8, Error> {
        let mut wrong = Vec::new();
        for path in &self.jobs {
            match job::load(path) {
                Ok(plan) => {
                    console::out(&format!(
                        "{}: job {}, {} sources: right\n",
                        path.display(),
                        plan.job,
                        plan.sources.len()
                    ));
                    remarks(&plan).iter().for_each(|remark| console::note(&format!("note: {remark}")));
                }
                Err(Error::Usage(complaints)) => wrong.extend(complaints),
                Err(e) => return Err(e),
            }
        }
        if wrong.is_empty() { Ok(DONE) } else { Err(Error::Usage(wrong)) }
    }
}

/// What is allowed and worth a second look.
fn remarks(plan: &Plan) -> Vec<String> {
    let mut remarks = Vec::new();
    for source in &plan.sources {
        if !source.place.is_dated() {
            remarks.push(format!(
                "source `{}` reads the same place on every date: {}",
                source.name,
                source.place.text()
            ));
        }
        if let Some(mapping) = &source.mapping
            && Clock::has_daylight_saving(&mapping.zone)
        {
            let name = mapping.zone.iana_name().unwrap_or("its zone");
            remarks.push(format!(
                "source `{}` is in {name}, where one hour a year happens twice; `ambiguous_time` says which is meant",
                source.name
            ));
        }
    }
    remarks
}
