//! # The kernel of tieout
//!
//! What is money, what is a partner, what is wrong, and the proof that nothing was lost. Slices and
//! plain structs in, vectors out.
//!
//! ```text
//!  Fingerprint ─ agree ──▶ matches                      (fast path: equal in everything)
//!                   └────▶ residue ─ fetched by the shell as rows
//!                             │
//!  Record ─ pass::run(K1…K4) ─┴▶ group ─ pair ─ classify ─▶ Outcome
//!        └─ single::conclude ───────────────────────────▶ Outcome
//!  Outcome ─ severity ──────────────────────────────────▶ tier, and why
//!  Outcome ─ settle ────────────────────────────────────▶ journal, or why not
//!  Outcome ─ proof ─▶ every record once, every cent in one place
//! ```
//!
//! What never happens here: text parsing, files, clocks, floats, threads. The same records in any
//! order give the same outcomes.
//!
//! ```
//! use tieout_kernel::money::{Minor, Total};
//! let statement: Total = [100, 250].iter().filter_map(|&units| Minor::new(units)).sum();
//! assert_eq!(statement, Total::new(350));
//! ```
#![deny(clippy::float_arithmetic, clippy::wildcard_enum_match_arm)]

pub mod across;
pub mod action;
pub mod calendar;
pub mod classify;
pub mod code;
pub mod currency;
pub mod fee;
pub mod fingerprint;
mod gather;
pub mod group;
pub mod key;
pub mod money;
pub mod outcome;
pub mod pair;
pub mod party;
pub mod pass;
pub mod policy;
pub mod proof;
pub mod record;
pub mod settle;
pub mod severity;
pub mod single;
