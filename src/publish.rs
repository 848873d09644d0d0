//! Published whole or not at all.
//!
//! ```text
//!  <output>/<job>/dt=2026-11-20/
//!      run=<id>/          tables, summary, manifest: written once, read back
//!      _commits/000001.json   one conditional create: this is the moment of publishing
//!      current/           copies for people, made after the commit, never read by programs
//! ```
//!
//! A reader that follows the last commit sees all of a run or nothing of it. The run's id is a hash
//! of its inputs, its policy and the program, so the same run again finds itself committed.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use jiff::civil;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::{Complaint, Error};
use crate::job::Plan;
use crate::report::{Cells, Table, TableSpec};
use crate::store::{Body, Created, Place, Store, hash, sha256};

/// A file of a run.
#[derive(Clone, Debug)]
pub struct Output {
    /// Its name within the run.
    pub name: String,
    /// Its bytes.
    pub body: Body,
    /// Rows, for tables.
    pub rows: Option<u64>,
    /// Whether people get a copy under `current/`.
    pub for_people: bool,
}

/// The record that makes a run current.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Commit {
    /// Name and version of this document.
    pub schema: String,
    /// Counts the commits of a date from 1.
    pub number: u64,
    /// The job.
    pub job: String,
    /// The business date.
    pub date: String,
    /// The run.
    pub run_id: String,
    /// What it was made of: inputs, policy, program, the day before. Equal for equal results.
    pub identity: String,
    /// Its manifest, relative to the date's folder.
    pub manifest: String,
    /// SHA-256 of the manifest.
    pub manifest_sha256: String,
    /// SHA-256 of the commit before this one; none for the first.
    pub previous_sha256: Option<String>,
}

/// What publishing came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Published {
    /// This run is current now.
    New {
        /// Its folder.
        folder: Place,
        /// The number of its commit.
        number: u64,
        /// Copies for people that could not be made; the run is published all the same.
        copies_failed: Option<String>,
    },
    /// The same run is current already.
    Already {
        /// Its folder.
        folder: Place,
        /// The number of its commit.
        number: u64,
    },
}

/// The folder of a date.
#[must_use]
pub fn folder_of(plan: &Plan, date: civil::Date) -> Place {
    plan.output.join(&plan.job).join(&format!("dt={date}"))
}

/// The commit that is current, with the SHA-256 of its bytes.
pub fn current(store: &Store, plan: &Plan, date: civil::Date) -> Result<Option<(Commit, String)>, Error> {
    let commits = folder_of(plan, date).join("_commits");
    let names = store.names_in(&commits)?;
    let last = names.iter().filter(|name| is_commit(name)).max();
    let Some(last) = last else { return Ok(None) };
    let place = commits.join(last);
    let bytes = store.read(&place)?.unwrap_or_default();
    read_commit(&place, &bytes).map(|commit| Some((commit, sha256(&bytes))))
}

/// The run that is current on a date.
///
/// # Errors
/// [`Error::NotThereYet`] when nothing was published for it.
pub fn published(store: &Store, plan: &Plan, date: civil::Date) -> Result<(Commit, Link), Error> {
    let Some((commit, _)) = current(store, plan, date)? else {
        let what = format!("job {} has published nothing for {date}", plan.job);
        return Err(Error::NotThereYet(Complaint::new(what).hint("tieout run it first")));
    };
    let link = Link::of(date, &commit);
    Ok((commit, link))
}

/// A committed run: where it is, and what proves that nothing of it has changed since.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Link {
    /// The business date.
    pub date: civil::Date,
    /// The run.
    pub run_id: String,
    /// SHA-256 of its manifest.
    pub manifest_sha256: String,
}

impl Link {
    /// The run that a commit of a date made current.
    #[must_use]
    pub fn of(date: civil::Date, commit: &Commit) -> Self {
        Self { date, run_id: commit.run_id.clone(), manifest_sha256: commit.manifest_sha256.clone() }
    }

    /// The run's folder.
    #[must_use]
    pub fn folder(&self, plan: &Plan) -> Place {
        folder_of(plan, self.date).join(&format!("run={}", self.run_id))
    }

    /// The manifest.
    pub fn manifest<T: serde::de::DeserializeOwned>(&self, store: &Store, plan: &Plan) -> Result<T, Error> {
        self.kept_manifest(store, plan)?.ok_or_else(|| self.unreadable(plan, MANIFEST, GONE.to_owned()))
    }

    /// The manifest; none where all of the run's results were removed since.
    fn kept_manifest<T: serde::de::DeserializeOwned>(&self, store: &Store, plan: &Plan) -> Result<Option<T>, Error> {
        let Some(bytes) = store.read(&self.folder(plan).join(MANIFEST))? else { return Ok(None) };
        if sha256(&bytes) != self.manifest_sha256 {
            return Err(self.unreadable(plan, MANIFEST, CHANGED.to_owned()));
        }
        let manifest = serde_json::from_slice(&bytes);
        manifest.map(Some).map_err(|e| self.unreadable(plan, MANIFEST, format!("not a manifest: {e}")))
    }

    /// The names of the run's files.
    pub fn names(&self, store: &Store, plan: &Plan) -> Result<Vec<String>, Error> {
        let manifest: Listing = self.manifest(store, plan)?;
        Ok(manifest.outputs.into_iter().map(|output| output.name).collect())
    }

    /// A file of the run; none where the run never had it, or where all of its results were removed since.
    pub fn find(&self, store: &Store, plan: &Plan, name: &str) -> Result<Option<Body>, Error> {
        let manifest: Option<Listing> = self.kept_manifest(store, plan)?;
        let listed = manifest.and_then(|manifest| manifest.outputs.into_iter().find(|output| output.name == name));
        let Some(listed) = listed else { return Ok(None) };
        let wrong = |cause: &str| self.unreadable(plan, name, cause.to_owned());
        let body = store.read_body(&self.folder(plan).join(name))?.ok_or_else(|| wrong(GONE))?;
        let sha256 = hash(&body).map_err(|e| wrong(&e.to_string()))?;
        if sha256 == listed.sha256 { Ok(Some(body)) } else { Err(wrong(CHANGED)) }
    }

    /// A file that every run has.
    pub fn read(&self, store: &Store, plan: &Plan, name: &str) -> Result<Body, Error> {
        self.find(store, plan, name)?.ok_or_else(|| self.unreadable(plan, name, GONE.to_owned()))
    }

    /// Shows every row of a table that every run has, of which some thousands are in memory at a time.
    pub fn rows(
        &self,
        store: &Store,
        plan: &Plan,
        spec: TableSpec,
        each: impl FnMut(&Cells<'_>) -> Result<(), Error> + Send,
    ) -> Result<(), Error> {
        let name = spec.parquet_name();
        let body = self.read(store, plan, &name)?;
        Table::read_rows(spec, body, |cause| self.unreadable(plan, &name, cause), each)
    }

    /// What is wrong with a file of the run, as an error.
    #[must_use]
    pub fn unreadable(&self, plan: &Plan, name: &str, cause: String) -> Error {
        Error::Unavailable { action: "reading", uri: self.folder(plan).join(name).to_string(), cause }
    }
}

/// What of a manifest says which files there are.
#[derive(Deserialize)]
struct Listing {
    outputs: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    name: String,
    sha256: String,
}

const MANIFEST: &str = "manifest.json";
const CHANGED: &str = "it is not what was committed";
const GONE: &str = "it was committed and is gone";

fn is_commit(name: &str) -> bool {
    let digits = name.strip_suffix(".json").unwrap_or_default();
    digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn read_commit(place: &Place, bytes: &[u8]) -> Result<Commit, Error> {
    serde_json::from_slice(bytes).map_err(|e| Error::Unavailable {
        action: "reading",
        uri: place.to_string(),
        cause: format!("not a commit record: {e}"),
    })
}

/// What is about to be committed.
#[derive(Clone, Debug)]
pub struct Run<'r> {
    /// Its id.
    pub id: &'r str,
    /// What it was made of.
    pub identity: &'r str,
    /// The commit of the date that it replaces, with the SHA-256 of its bytes.
    pub replaces: Option<&'r (Commit, String)>,
}

/// Writes a run, reads it back, and commits it.
///
/// `manifest` is completed with the outputs; it must be the same for the same run.
pub fn publish(
    store: &Store,
    plan: &Plan,
    date: civil::Date,
    run: &Run<'_>,
    outputs: &[Output],
    manifest: serde_json::Map<String, serde_json::Value>,
) -> Result<Published, Error> {
    let run_id = run.id;
    let dated = folder_of(plan, date);
    let folder = dated.join(&format!("run={run_id}"));
    let before = run.replaces;
    // Writing waits for the store; meanwhile there are processors to hash.
    let (written, manifest) = std::thread::scope(|scope| {
        let written = scope.spawn(|| write_all(store, &folder, outputs));
        let manifest = finished_manifest(manifest, outputs);
        (written.join().expect("writing does not panic"), manifest)
    });
    written?;
    let manifest = manifest?;
    let previous = before.map(|(_, hash)| hash.clone());
    write_checked(store, &folder.join(MANIFEST), &manifest.clone().into())?;

    let number = before.map_or(0, |(commit, _)| commit.number) + 1;
    let commit = Commit {
        schema: "tieout.commit/1".to_owned(),
        number,
        job: plan.job.clone(),
        date: date.to_string(),
        run_id: run_id.to_owned(),
        identity: run.identity.to_owned(),
        manifest: format!("run={run_id}/manifest.json"),
        manifest_sha256: sha256(&manifest),
        previous_sha256: previous,
    };
    let place = dated.join("_commits").join(&format!("{number:06}.json"));
    match store.create(&place, &pretty(&commit).into())? {
        Created::Ours => {}
        Created::Theirs(bytes) => {
            let winner = read_commit(&place, &bytes)?;
            if winner.identity == run.identity {
                let folder = dated.join(&format!("run={}", winner.run_id));
                return Ok(Published::Already { folder, number });
            }
            return Err(Error::LostRace { job: plan.job.clone(), date: date.to_string(), winner: winner.run_id });
        }
    }
    let copies_failed = copy_for_people(store, &dated.join("current"), outputs).err().map(|e| e.to_string());
    Ok(Published::New { folder, number, copies_failed })
}

fn finished_manifest(
    mut manifest: serde_json::Map<String, serde_json::Value>,
    outputs: &[Output],
) -> Result<Bytes, Error> {
    let listed = outputs.par_iter().map(|output| {
        let sha256 = hash(&output.body).map_err(|e| {
            Error::Limit(Complaint::new(format!("{} could not be read again from the local disk: {e}", output.name)))
        })?;
        let (name, size) = (&output.name, output.body.len());
        Ok(serde_json::json!({"name": name, "size": size, "sha256": sha256, "rows": output.rows}))
    });
    let listed: Vec<serde_json::Value> = listed.collect::<Result<_, Error>>()?;
    manifest.insert("outputs".to_owned(), listed.into());
    Ok(pretty(&manifest).into())
}

fn pretty(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("plain values can be written as JSON");
    bytes.push(b'\n');
    bytes
}

/// Files written at the same time: writing waits for the store, not for a processor.
const WRITERS: usize = 8;

/// Writes all files of a run, the largest first. When one fails the first failure in the order of the files is told.
fn write_all(store: &Store, folder: &Place, outputs: &[Output]) -> Result<(), Error> {
    let mut order: Vec<&Output> = outputs.iter().collect();
    order.sort_by_key(|output| std::cmp::Reverse(output.body.len()));
    let next = AtomicUsize::new(0);
    let write = || {
        let mut failed = Vec::new();
        while let Some(output) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(e) = write_checked(store, &folder.join(&output.name), &output.body) {
                failed.push((output.name.as_str(), e));
                break;
            }
        }
        failed
    };
    let mut failed: Vec<(&str, Error)> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS.min(outputs.len())).map(|_| scope.spawn(write)).collect();
        writers.into_iter().flat_map(|writer| writer.join().expect("a writer does not panic")).collect()
    });
    failed.sort_by_key(|(name, _)| *name);
    failed.into_iter().next().map_or(Ok(()), |(_, e)| Err(e))
}

/// Writes a file and makes sure that what the store keeps is what was written. A file that stays where it was made is
/// the one that was read for the checks and for its hash.
fn write_checked(store: &Store, place: &Place, body: &Body) -> Result<(), Error> {
    if store.keep(place, body)? {
        return Ok(());
    }
    store.write(place, body)?;
    match store.differs(place, body)? {
        None => Ok(()),
        Some(cause) => Err(Error::Unavailable { action: "reading back", uri: place.to_string(), cause }),
    }
}

fn copy_for_people(store: &Store, folder: &Place, outputs: &[Output]) -> Result<(), Error> {
    for output in outputs.iter().filter(|output| output.for_people) {
        store.write(&folder.join(&output.name), &output.body)?;
    }
    Ok(())
}
