//! Tests of the program: one binary, because linking is the slow part.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its case should stop")]

mod books;
mod cases;
mod cli;
mod damaged;
mod errors;
mod formats;
mod publishing;
mod sample;
mod support;
