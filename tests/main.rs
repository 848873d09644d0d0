//! Tests of the program: one binary, because linking is the slow part.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its case should stop")]

mod cases;
mod sample;
mod support;
