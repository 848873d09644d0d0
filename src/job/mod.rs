//! Jobs: the TOML as written ([`document`]) and as resolved ([`Plan`]).

pub mod document;
mod plan;
mod resolve;
mod source;

pub use plan::{DatedPlace, Deadline, Evidence, Language, LookAlikes, MatchRate, Plan, RejectLimit, SourcePlan};
pub use resolve::{FILTER_COLUMNS, day_of, load};
