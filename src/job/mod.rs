//! Jobs: the TOML as written ([`document`]) and as resolved ([`Plan`]).

mod carry;
pub mod document;
mod plan;
mod resolve;
mod settlement;
mod severity;
mod source;
mod worklist;

pub use carry::CarryPlan;
pub use plan::{
    DatedPlace, Deadline, Evidence, Language, LookAlikes, MatchRate, Override, Plan, RejectLimit, SeverityPlan,
    SourcePlan,
};
pub use resolve::{FILTER_COLUMNS, date_of, day_of, load};
pub use severity::{DIFFERENCE_COLUMNS, difference_columns};
pub use worklist::WorklistPlan;
