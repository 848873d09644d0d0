//! Every figure computed once; tables, CSV and the terminal show the same ones.

mod frame;
pub mod schema;
mod sheet;
pub mod summary;
pub mod tables;
pub mod terminal;
mod words;

pub use frame::{Facts, Line};
pub use sheet::{Cells, Holds, Sheet, Spec, Table, TableSpec, VERSION_KEY, guarded};
pub use words::masked;
