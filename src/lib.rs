//! # tieout
//!
//! Reconciles what payment providers say happened with the company's own ledgers, night by night.
//!
//! ```text
//!  store ─▶ formats ─▶ normalise ─▶ agree ─▶ reconcile ─▶ report ─▶ publish
//!  bytes    raw rows   records,     fast     groups,      tables,   staged, read back,
//!           + totals   rejects      path     differences  pages     committed once
//! ```
//!
//! One direction, one type at each border:
//!
//! | border | type | what never passes it |
//! |---|---|---|
//! | [`store`] ▸ [`formats`] | [`store::Body`] | a file that changes while it is read |
//! | [`formats`] ▸ [`normalise`] | [`formats::RawBatch`] | an interpreted value |
//! | [`normalise`] ▸ [`agree`] | [`normalise::Columns`] | a row without amount, currency, status, kind or time |
//! | [`agree`] ▸ [`reconcile`] | [`agree::Residue`] | a record that agrees in everything |
//! | [`reconcile`] ▸ [`report`] | [`reconcile::Reconciled`] | a record with no end or with two |
//! | [`report`] ▸ [`publish`] | [`publish::Output`] | a cent that is not explained |
//!
//! [`run`] is the program: the stages, one line each. Where more differs than memory holds, what concerns nothing
//! beyond its own number is decided apart, lot by lot; [`survey`] is what has to be known of all of it before.
//! [`job`] is what a job file says, [`intake`] and [`controls`] judge the files before anything is compared,
//! [`explain`] tells what was published of one key, [`compare`] and [`sniff`] answer without a job. What is money,
//! what is a partner and what is wrong is decided in `tieout-kernel`, which knows no files, clocks or threads.
//!
//! Three kinds of wrong are kept apart: bad data is a value ([`reject::Reject`], [`finding::Finding`], a
//! difference); a run that cannot go on is an [`error::Error`] with an exit code and a hint; our own
//! mistake is a failed proof, after which nothing is published.
//!
//! What holds in every run, or it is refused: every admitted record ends exactly once; statement less
//! ledger is the sum of what is listed, per account and currency; equal inputs and policy give equal
//! bytes, whatever the number of threads.
//!
//! ```
//! use tieout::compare::{Question, compare};
//! use tieout::memory::Memory;
//! use tieout::progress::Progress;
//! use tieout::store::Store;
//!
//! let folder = tempfile::tempdir()?;
//! let write = |name: &str, text: &str| {
//!     let path = folder.path().join(name);
//!     std::fs::write(&path, text).map(|()| path.display().to_string())
//! };
//! let question = Question {
//!     ledger: write("ledger.csv", "order_no,amount\nA1,100.00\nA2,30.00\n")?,
//!     statement: write("statement.csv", "order_no,amount\nA1,100.00\nA2,30.50\n")?,
//!     key: vec!["order_no".to_owned()],
//!     ..Question::default()
//! };
//! let answer = compare(&Store::new(None)?, &question, Memory::of_machine(), &Progress::default())?;
//! assert_eq!(answer.matched, 1);
//! assert_eq!((answer.codes[0].code.as_str(), answer.codes[0].exposure_minor), ("AMOUNT_OVER", 50));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod agree;
mod apart;
pub mod carry;
pub mod cli;
pub mod compare;
pub mod controls;
mod distinct;
pub mod error;
pub mod explain;
pub mod expression;
pub mod finding;
pub mod formats;
pub mod intake;
pub mod job;
pub mod memory;
pub mod normalise;
mod outputs;
mod pipeline;
pub mod progress;
pub mod publish;
pub mod reconcile;
pub mod reject;
pub mod report;
pub mod run;
pub mod settle;
pub mod sniff;
mod sorter;
pub mod store;
pub mod survey;
mod turns;
pub mod verify;
pub mod weigh;
pub mod worklist;
