//! Every figure computed once; tables, CSV and the terminal show the same ones.

pub mod evidence;
mod frame;
mod parquet_file;
mod runs;
pub mod schema;
mod sheet;
mod shelf;
pub mod summary;
pub mod sums;
pub mod tables;
pub mod terminal;
mod words;
mod written;

pub use frame::{Facts, Line};
pub(crate) use parquet_file::append_group;
pub use runs::{Runs, id_in_order};
pub(crate) use sheet::{BATCH, PART};
pub use sheet::{Cells, ForPeople, Holds, Sheet, Spec, Table, TableSpec, VERSION_KEY, guarded};
pub use shelf::{Filling, Shelf};
pub use words::masked;
pub use written::{Written, in_rows};
