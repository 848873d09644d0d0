//! Every figure computed once; tables, CSV and the terminal show the same ones.

pub mod evidence;
mod frame;
pub mod schema;
mod sheet;
pub mod summary;
pub mod tables;
pub mod terminal;
mod words;
mod written;

pub use frame::{Facts, Line};
pub use sheet::{Cells, Holds, Sheet, Spec, Table, TableSpec, VERSION_KEY, guarded};
pub use words::masked;
pub use written::Written;
