//! Tests of the program: one binary, because linking is the slow part.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its case should stop")]
#![allow(
    clippy::assigning_clones,
    clippy::case_sensitive_file_extension_comparisons,
    clippy::format_collect,
    reason = "fixtures are written to be read, not to be fast, and name their own files"
)]

mod books;
mod cases;
mod cli;
mod damaged;
mod errors;
mod explain;
mod formats;
mod nights;
mod parquet;
mod publishing;
mod sample;
mod simulator;
mod support;
mod verify;
