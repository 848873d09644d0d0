//! Tests of the kernel: tables of small books, laws on random ones, and a slow oracle.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its case should stop")]
#![expect(clippy::print_stderr, reason = "seeds are printed so that a failure can be repeated")]

mod action;
mod groups;
mod laws;
mod life;
mod lone;
mod nights;
mod oracle;
mod settle;
mod severity;
mod table;
