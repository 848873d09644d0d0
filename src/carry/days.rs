//! Which day comes before, and whether the days still stand on each other.

use jiff::civil;
use serde::{Deserialize, Serialize};

use crate::error::{Complaint, Error};
use crate::job::{Plan, day_of};
use crate::publish::{self, Link};
use crate::store::Store;

/// Sources of a day that were not reconciled.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Incomplete {
    /// The business date.
    pub date: civil::Date,
    /// The sources without a usable file.
    pub sources: Vec<String>,
}

/// A day whose own controls failed, so that nothing of it was issued.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Withheld {
    /// The business date.
    pub date: civil::Date,
    /// What failed.
    pub why: String,
    /// The sources whose controls failed; none where it is not one source's.
    #[serde(default)]
    pub sources: Vec<String>,
}

/// What a run stands on.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Chain {
    /// The days before, the latest first; empty for a first day.
    pub links: Vec<Link>,
    /// Days before that were published without some of their sources.
    pub incomplete: Vec<Incomplete>,
    /// Days before whose controls failed.
    pub withheld: Vec<Withheld>,
}

impl Chain {
    /// The day before.
    #[must_use]
    pub fn before(&self) -> Option<&Link> {
        self.links.first()
    }
}

/// What of a manifest the next day reads.
#[derive(Debug, Default, Deserialize)]
struct Manifest {
    #[serde(default)]
    chain: Vec<Link>,
    #[serde(default)]
    incomplete: Vec<Incomplete>,
    #[serde(default)]
    withheld: Vec<Withheld>,
}

/// Whether the job runs on a date.
#[must_use]
pub fn runs_on(plan: &Plan, date: civil::Date) -> bool {
    !plan.carry.business_days_only || plan.calendar.is_business_day(day_of(date))
}

/// The date whose run comes before that of `date`.
#[must_use]
pub fn before(plan: &Plan, date: civil::Date) -> Option<civil::Date> {
    let mut day = date.yesterday().ok()?;
    while plan.carry.business_days_only && !plan.calendar.is_business_day(day_of(day)) {
        day = day.yesterday().ok()?;
    }
    Some(day)
}

/// The date whose run comes after that of `date`.
#[must_use]
pub fn after(plan: &Plan, date: civil::Date) -> Option<civil::Date> {
    let mut day = date.tomorrow().ok()?;
    while plan.carry.business_days_only && !plan.calendar.is_business_day(day_of(day)) {
        day = day.tomorrow().ok()?;
    }
    Some(day)
}

/// The chain of days that a run stands on.
///
/// # Errors
/// [`Error::NotThereYet`] when the day before has not been published, or was made of what has been
/// replaced since; both say what to run.
pub fn chain(store: &Store, plan: &Plan, date: civil::Date, start_fresh: bool) -> Result<Chain, Error> {
    if let Some(starts) = plan.carry.starts.filter(|starts| date < *starts) {
        return Err(Error::usage(format!("{date} is before the job's first day, {starts}"), "see `starts` in the job"));
    }
    if start_fresh || plan.carry.starts == Some(date) {
        return Ok(Chain::default());
    }
    let job = job_name(plan);
    let Some(before) = before(plan, date) else { return Ok(Chain::default()) };
    let Some((commit, _)) = publish::current(store, plan, before)? else {
        let what = format!("job {} has published nothing for {before}, the day before {date}", plan.job);
        let hint = match plan.carry.starts {
            Some(starts) => {
                format!("tieout run {job} --from {starts} --to {date}; days that are there stay as they are")
            }
            None => format!(
                "run the days in order, up to --to {date}; if {date} is the job's first day, say starts = \"{date}\" in \
                 the job, or --start-fresh"
            ),
        };
        return Err(Error::NotThereYet(Complaint::new(what).hint(hint)));
    };
    let own = Link::of(before, &commit);
    let manifest: Manifest = own.manifest(store, plan)?;
    stands(store, plan, &manifest.chain, date)?;
    let mut links = vec![own];
    links.extend(manifest.chain);
    // The day before and as many as the history reaches.
    let reach = i64::from(plan.carry.history_days.max(1));
    links.retain(|link| days_between(link.date, date) <= reach || link.date == before);
    // A difference lasts for `keep_open` days from when it was first seen, which may be a while after the night that
    // may explain it.
    let lasts = i64::from(plan.carry.keep_open) + i64::from(plan.longest_wait()) * 2 + HOLIDAYS;
    let Manifest { mut incomplete, mut withheld, .. } = manifest;
    incomplete.retain(|day| days_between(day.date, date) <= lasts);
    withheld.retain(|day| days_between(day.date, date) <= lasts);
    Ok(Chain { links, incomplete, withheld })
}

/// The days that a commit was made of, the latest first, when they are still what they were.
pub fn verified(store: &Store, plan: &Plan, run: &Link) -> Result<Vec<Link>, Error> {
    let manifest: Manifest = run.manifest(store, plan)?;
    stands(store, plan, &manifest.chain, run.date)?;
    Ok(manifest.chain)
}

/// The day before that a commit was made of, as it was then.
pub fn stood_on(store: &Store, plan: &Plan, run: &Link) -> Result<Option<Link>, Error> {
    let manifest: Manifest = run.manifest(store, plan)?;
    Ok(manifest.chain.into_iter().next())
}

/// Calendar days that holidays may add to a number of business days.
const HOLIDAYS: i64 = 31;

fn stands(store: &Store, plan: &Plan, chain: &[Link], date: civil::Date) -> Result<(), Error> {
    for link in chain {
        let current = publish::current(store, plan, link.date)?;
        // A day whose results were removed can no longer change.
        if current.is_some_and(|(current, _)| current.manifest_sha256 != link.manifest_sha256) {
            let next = after(plan, link.date).unwrap_or(link.date);
            let what = format!("{} was published again after {next} had been made of it", link.date);
            let hint = format!("tieout run {} --from {next} --to {date}", job_name(plan));
            return Err(Error::NotThereYet(Complaint::new(what).hint(hint)));
        }
    }
    Ok(())
}

/// The job file as people call it.
fn job_name(plan: &Plan) -> String {
    plan.file.file_name().map_or_else(|| plan.job.clone(), |name| name.to_string_lossy().into_owned())
}

/// Calendar days from one date to a later one.
#[must_use]
pub fn days_between(from: civil::Date, to: civil::Date) -> i64 {
    i64::from(day_of(to).0) - i64::from(day_of(from).0)
}
