//! Tables as they are built and written: one list of columns serves Parquet, CSV and the schema.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, Date32Builder, Decimal128Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::cast::AsArray as _;
use arrow_array::types::{Date32Type, Decimal128Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, StringArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use rayon::prelude::*;
use tieout_kernel::calendar::Day;
use tieout_kernel::currency::Currency;
use tieout_kernel::money::Total;
use tieout_kernel::record::Instant;

use super::parquet_file::ParquetFile;
use crate::error::{Complaint, Error};
use crate::normalise::push_decimal;
use crate::pipeline::side_by_side;
use crate::store::Body;

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holds {
    /// Text, identifiers included.
    Text,
    /// A whole number: counts, lines, minor units.
    Integer,
    /// Money in major units with four decimals, for people and BI.
    Decimal,
    /// A day.
    Date,
    /// A moment in UTC.
    Instant,
    /// True or false.
    Boolean,
}

impl Holds {
    /// The Parquet type it has.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "int64",
            Self::Decimal => "decimal(38,4)",
            Self::Date => "date",
            Self::Instant => "timestamp(us, UTC)",
            Self::Boolean => "boolean",
        }
    }
}

/// One column of a published table.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// Its name; never renamed within a schema version.
    pub name: &'static str,
    /// What it holds.
    pub holds: Holds,
    /// What it means.
    pub about: &'static str,
    /// Its heading in Chinese.
    pub zh: &'static str,
}

/// A published table: its name, version and columns.
#[derive(Clone, Copy, Debug)]
pub struct TableSpec {
    /// Its name.
    pub name: &'static str,
    /// Grows with every change of columns or meaning.
    pub version: u32,
    /// In order.
    pub columns: &'static [Spec],
}

/// What people are shown of a table.
#[derive(Clone, Copy, Debug)]
pub struct ForPeople<'c> {
    /// The columns that they need.
    pub columns: &'c [&'c str],
    /// Whether the headings are Chinese; English otherwise.
    pub chinese: bool,
}

/// Decimals of a money twin.
pub const MONEY_SCALE: u8 = 4;
const MONEY_PRECISION: u8 = 38;
/// Rows of a Parquet row group.
const ROW_GROUP: usize = 1 << 20;
/// Where a Parquet file says which table in which version it is.
pub const VERSION_KEY: &str = "tieout.schema";
/// Columns of which hardly a cell is like another: a list of their values would be as long as they are.
const SELDOM_REPEATED: [&str; 11] = [
    "difference_id",
    "journal_id",
    "item_id",
    "idempotency_key",
    "order_no",
    "event_no",
    "provider_txn_id",
    "ledger_rows",
    "statement_rows",
    "explanation",
    "explanation_zh",
];
/// Rows built before they are handed to the writer.
pub(crate) const BATCH: usize = 1 << 16;
/// Rows of a part that is made by itself.
pub(crate) const PART: usize = 1 << 13;

impl TableSpec {
    /// The Arrow schema with the version in its metadata.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        let field = |spec: &Spec| Field::new(spec.name, data_type(spec.holds), true);
        let fields: Vec<Field> = self.columns.iter().map(field).collect();
        Arc::new(Schema::new(fields))
    }

    /// The first line of its CSV for programs.
    pub(super) fn csv_head(&self) -> Vec<u8> {
        csv_written(false, |writer| writer.write_record(self.columns.iter().map(|column| column.name)))
    }

    /// The place of a column; a name that the table does not have is a mistake of the program.
    #[must_use]
    pub fn place(&self, name: &str) -> usize {
        self.columns.iter().position(|column| column.name == name).expect("the table has this column")
    }

    fn chosen(&self, people: ForPeople<'_>) -> Vec<usize> {
        let place = |name: &&str| self.columns.iter().position(|column| column.name == *name);
        people.columns.iter().filter_map(place).collect()
    }

    /// The mark and the headings of its CSV for people.
    pub(super) fn head_for_people(&self, people: ForPeople<'_>) -> Vec<u8> {
        let heading = |at: usize| {
            let spec = &self.columns[at];
            if people.chinese { spec.zh.to_owned() } else { spec.name.replace('_', " ") }
        };
        let headings: Vec<String> = self.chosen(people).into_iter().map(heading).collect();
        let head = csv_written(true, |writer| writer.write_record(&headings));
        ["\u{feff}".as_bytes(), &head].concat()
    }

    /// Writes it as Parquet. Equal batches give equal bytes.
    pub(super) fn writer<W: Write + Send>(&self, to: W) -> ParquetFile<W> {
        let version = KeyValue::new(VERSION_KEY.to_owned(), format!("{}/{}", self.name, self.version));
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).expect("3 is a level of zstd")))
            .set_max_row_group_row_count(Some(ROW_GROUP))
            .set_key_value_metadata(Some(vec![version]))
            .set_created_by(format!("tieout {}", env!("CARGO_PKG_VERSION")));
        let seldom_repeated = self.columns.iter().filter(|column| SELDOM_REPEATED.contains(&column.name));
        let properties = seldom_repeated.fold(properties, |properties, column| {
            properties.set_column_dictionary_enabled(ColumnPath::from(column.name), false)
        });
        ParquetFile::new(to, self.schema(), properties.build())
    }

    /// The name of its Parquet file.
    #[must_use]
    pub fn parquet_name(&self) -> String {
        format!("{}.parquet", self.name)
    }
}

fn data_type(holds: Holds) -> DataType {
    match holds {
        Holds::Text => DataType::Utf8,
        Holds::Integer => DataType::Int64,
        Holds::Decimal => DataType::Decimal128(MONEY_PRECISION, MONEY_SCALE.cast_signed()),
        Holds::Date => DataType::Date32,
        Holds::Instant => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Holds::Boolean => DataType::Boolean,
    }
}

enum Builder {
    Text(StringBuilder),
    Integer(Int64Builder),
    Decimal(Decimal128Builder),
    Date(Date32Builder),
    Instant(TimestampMicrosecondBuilder),
    Boolean(BooleanBuilder),
}

impl Builder {
    fn new(holds: Holds) -> Self {
        match holds {
            Holds::Text => Self::Text(StringBuilder::new()),
            Holds::Integer => Self::Integer(Int64Builder::new()),
            Holds::Decimal => Self::Decimal(
                Decimal128Builder::new()
                    .with_precision_and_scale(MONEY_PRECISION, MONEY_SCALE.cast_signed())
                    .expect("38 digits with 4 decimals are a decimal type"),
            ),
            Holds::Date => Self::Date(Date32Builder::new()),
            Holds::Instant => Self::Instant(TimestampMicrosecondBuilder::new().with_timezone("UTC")),
            Holds::Boolean => Self::Boolean(BooleanBuilder::new()),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Integer(builder) => Arc::new(builder.finish()),
            Self::Decimal(builder) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
            Self::Instant(builder) => Arc::new(builder.finish()),
            Self::Boolean(builder) => Arc::new(builder.finish()),
        }
    }
}

/// A table that is being filled, row by row, cell by cell, in the order of its columns.
pub struct Sheet {
    spec: TableSpec,
    builders: Vec<Builder>,
    at: usize,
    rows: usize,
    batches: Vec<RecordBatch>,
    too_large: Option<Total>,
}

impl Sheet {
    /// An empty table.
    #[must_use]
    pub fn new(spec: TableSpec) -> Self {
        let builders = spec.columns.iter().map(|column| Builder::new(column.holds)).collect();
        Self { spec, builders, at: 0, rows: 0, batches: Vec::new(), too_large: None }
    }

    fn next(&mut self) -> &mut Builder {
        let at = self.at;
        self.at += 1;
        &mut self.builders[at]
    }

    fn wrong(&self) -> ! {
        panic!("column {} of {} holds something else", self.spec.columns[self.at - 1].name, self.spec.name)
    }

    /// A text, or nothing.
    pub fn text(&mut self, text: Option<&str>) -> &mut Self {
        match self.next() {
            Builder::Text(builder) => builder.append_option(text),
            _ => self.wrong(),
        }
        self
    }

    /// A whole number, or nothing.
    pub fn integer(&mut self, number: Option<i64>) -> &mut Self {
        match self.next() {
            Builder::Integer(builder) => builder.append_option(number),
            _ => self.wrong(),
        }
        self
    }

    /// A count.
    pub fn count(&mut self, count: u64) -> &mut Self {
        self.integer(Some(i64::try_from(count).expect("a count fits 63 bits")))
    }

    /// Money, as two columns: minor units and the decimal twin.
    pub fn money(&mut self, total: Option<Total>, currency: Option<Currency>) -> &mut Self {
        let minor = total.and_then(|total| i64::try_from(total.get()).ok());
        if minor.is_none() && total.is_some() {
            self.too_large = total;
        }
        self.integer(minor);
        let exponent = currency.map_or(0, Currency::exponent);
        let twin = total.map(|total| at_money_scale(total, exponent));
        match self.next() {
            Builder::Decimal(builder) => builder.append_option(twin),
            _ => self.wrong(),
        }
        self
    }

    /// A day, or nothing.
    pub fn date(&mut self, day: Option<Day>) -> &mut Self {
        match self.next() {
            Builder::Date(builder) => builder.append_option(day.map(|day| day.0)),
            _ => self.wrong(),
        }
        self
    }

    /// A moment, or nothing.
    pub fn instant(&mut self, instant: Option<Instant>) -> &mut Self {
        match self.next() {
            Builder::Instant(builder) => builder.append_option(instant.map(|instant| instant.0)),
            _ => self.wrong(),
        }
        self
    }

    /// True, false or nothing.
    pub fn truth(&mut self, truth: Option<bool>) -> &mut Self {
        match self.next() {
            Builder::Boolean(builder) => builder.append_option(truth),
            _ => self.wrong(),
        }
        self
    }

    /// A cell as [`Cells::json`] gives it.
    pub fn json(&mut self, cell: &serde_json::Value) {
        let (text, number) = (cell.as_str(), cell.as_i64());
        match self.next() {
            Builder::Text(builder) => builder.append_option(text),
            Builder::Integer(builder) => builder.append_option(number),
            Builder::Decimal(builder) => builder.append_option(number.map(i128::from)),
            Builder::Date(builder) => builder.append_option(number.and_then(|day| i32::try_from(day).ok())),
            Builder::Instant(builder) => builder.append_option(number),
            Builder::Boolean(builder) => builder.append_option(cell.as_bool()),
        }
    }

    /// Ends a row; every column must have its cell.
    pub fn end_row(&mut self) {
        assert_eq!(self.at, self.builders.len(), "a row of {} lacks cells", self.spec.name);
        self.at = 0;
        self.rows += 1;
        if self.rows.is_multiple_of(BATCH) {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let arrays = self.builders.iter_mut().map(Builder::finish).collect();
        let batch = RecordBatch::try_new(self.spec.schema(), arrays).expect("columns of one table have one length");
        if batch.num_rows() > 0 {
            self.batches.push(batch);
        }
    }

    /// The finished table, unless a sum of money is larger than its column can hold.
    pub fn finish(mut self) -> Result<Table, Error> {
        self.flush();
        match self.too_large {
            None => Ok(Table { spec: self.spec, rows: self.rows as u64, batches: self.batches }),
            Some(total) => {
                let what = format!("a sum in the table {} has more than 18 digits: {total}", self.spec.name);
                Err(Error::Limit(Complaint::new(what).hint("check the `unit` of the amounts")))
            }
        }
    }
}

/// Minor units of a currency as a decimal with [`MONEY_SCALE`] places.
fn at_money_scale(total: Total, exponent: u8) -> i128 {
    let (scale, exponent) = (u32::from(MONEY_SCALE), u32::from(exponent));
    if exponent <= scale {
        return total.get() * 10_i128.pow(scale - exponent);
    }
    // Only currencies that a job declares itself have more than four decimals; the twin is cut.
    total.get() / 10_i128.pow(exponent - scale)
}

/// A finished table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name, version and columns.
    pub spec: TableSpec,
    /// How many rows.
    pub rows: u64,
    /// The rows.
    pub batches: Vec<RecordBatch>,
}

/// Texts that begin with one of these are formulas to a spreadsheet.
const FORMULA_STARTS: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];

impl Table {
    /// As Parquet. An empty table has its schema and no rows. Equal tables give equal bytes.
    #[must_use]
    pub fn parquet(&self) -> Bytes {
        let mut bytes = Vec::new();
        let mut writer = self.spec.writer(&mut bytes);
        writer.write(self.batches.iter()).expect("writing to memory does not fail");
        writer.finish().expect("writing to memory does not fail");
        bytes.into()
    }

    /// As CSV for programs: no mark, no guards, instants as RFC 3339, nothing for nothing.
    #[must_use]
    pub fn csv(&self) -> Bytes {
        [self.spec.csv_head(), self.csv_rows()].concat().into()
    }

    /// The rows of [`Table::csv`] without the names of the columns.
    pub(super) fn csv_rows(&self) -> Vec<u8> {
        self.written_rows(&(0..self.spec.columns.len()).collect::<Vec<_>>(), false)
    }

    /// As CSV for people: a byte-order mark, headings in their language, and no cell that a
    /// spreadsheet would take for a formula.
    #[must_use]
    pub fn csv_for_people(&self, people: ForPeople<'_>) -> Bytes {
        [self.spec.head_for_people(people), self.rows_for_people(people)].concat().into()
    }

    /// The rows of [`Table::csv_for_people`].
    pub(super) fn rows_for_people(&self, people: ForPeople<'_>) -> Vec<u8> {
        self.written_rows(&self.spec.chosen(people), true)
    }

    fn written_rows(&self, columns: &[usize], for_people: bool) -> Vec<u8> {
        let part = |batch: &RecordBatch| {
            let of_column = |&at: &usize| CellText::of(self.spec.columns[at].holds, batch.column(at));
            let mut columns: Vec<CellText<'_>> = columns.iter().map(of_column).collect();
            csv_written(for_people, |writer| {
                for row in 0..batch.num_rows() {
                    for column in &mut columns {
                        let values = column.values;
                        let cell = column.cell(row);
                        match values {
                            Values::Text(_) if for_people => writer.write_field(guarded(cell).as_bytes())?,
                            Values::Decimal(_) if for_people => writer.write_field(without_idle_zeros(cell))?,
                            _ => writer.write_field(cell)?,
                        }
                    }
                    writer.write_record(None::<&[u8]>)?;
                }
                Ok(())
            })
        };
        let mut parts: Vec<Vec<u8>> = self.batches.par_iter().map(part).collect();
        if parts.len() == 1 { parts.remove(0) } else { parts.concat() }
    }

    /// The cell of a column of whole numbers in the first batch.
    pub(crate) fn integer(&self, column: usize, row: usize) -> Option<i64> {
        let array = self.batches.first()?.column(column);
        array.is_valid(row).then(|| array.as_primitive::<Int64Type>().value(row))
    }

    /// The cell of a text column in the first batch.
    pub(crate) fn text(&self, column: usize, row: usize) -> Option<&str> {
        let array = self.batches.first()?.column(column);
        array.is_valid(row).then(|| array.as_string::<i32>().value(row))
    }

    /// The cell of a column of days in the first batch.
    pub(crate) fn date(&self, column: usize, row: usize) -> Option<Day> {
        let array = self.batches.first()?.column(column);
        array.is_valid(row).then(|| Day(array.as_primitive::<Date32Type>().value(row)))
    }

    /// A cell as text; `None` for nothing.
    #[must_use]
    pub fn cell(&self, batch: &RecordBatch, column: usize, row: usize) -> Option<String> {
        let array = batch.column(column);
        array.is_valid(row).then(|| CellText::of(self.spec.columns[column].holds, array).cell(row).to_owned())
    }

    /// A table as it was published, with exactly the columns of `spec`, some thousands of rows at a time until one is
    /// refused.
    ///
    /// # Errors
    /// What is wrong with it, by way of `unreadable`, or what `each` refused.
    pub fn read_parts<E: Send>(
        spec: TableSpec,
        body: Body,
        unreadable: impl Fn(String) -> E + Sync,
        each: impl FnMut(Self) -> Result<(), E> + Send,
    ) -> Result<(), E> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(body).map_err(|e| unreadable(e.to_string()))?;
        let version = format!("{}/{}", spec.name, spec.version);
        let metadata = reader.metadata().file_metadata().key_value_metadata();
        let found = metadata.into_iter().flatten().find(|pair| pair.key == VERSION_KEY);
        let found = found.and_then(|pair| pair.value.clone()).unwrap_or_default();
        if found != version {
            return Err(unreadable(format!("its schema is `{found}`, and this program reads `{version}`")));
        }
        if reader.schema().fields() != spec.schema().fields() {
            return Err(unreadable(format!("its columns are not those of {version}")));
        }
        let mut batches = reader.with_batch_size(PART).build().map_err(|e| unreadable(e.to_string()))?;
        let next = || {
            let batch = batches.next().transpose().map_err(|e| unreadable(e.to_string()))?;
            Ok(batch.map(|batch| Self { spec, rows: batch.num_rows() as u64, batches: vec![batch] }))
        };
        side_by_side(next, each)
    }

    /// How many rows a published table has.
    pub fn rows_of<E>(body: Body, unreadable: impl Fn(String) -> E) -> Result<u64, E> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(body).map_err(|e| unreadable(e.to_string()))?;
        Ok(u64::try_from(reader.metadata().file_metadata().num_rows()).unwrap_or(0))
    }

    /// What [`Table::read_parts`] shows, row by row.
    pub fn read_rows<E: Send>(
        spec: TableSpec,
        body: Body,
        unreadable: impl Fn(String) -> E + Sync,
        mut each: impl FnMut(&Cells<'_>) -> Result<(), E> + Send,
    ) -> Result<(), E> {
        Self::read_parts(spec, body, unreadable, |part| part.cells().try_for_each(|cells| each(&cells)))
    }

    /// Every row, for reading cells by the names of their columns.
    pub fn cells(&self) -> impl Iterator<Item = Cells<'_>> + '_ {
        let columns: HashMap<&'static str, usize> =
            self.spec.columns.iter().enumerate().map(|(at, spec)| (spec.name, at)).collect();
        let columns = Arc::new(columns);
        self.batches.iter().flat_map(move |batch| {
            let columns = Arc::clone(&columns);
            (0..batch.num_rows()).map(move |row| Cells { columns: Arc::clone(&columns), batch, row })
        })
    }

    /// Every row as name and cell.
    pub fn rows(&self) -> impl Iterator<Item = Vec<(&'static str, Option<String>)>> + '_ {
        self.batches.iter().flat_map(move |batch| {
            (0..batch.num_rows()).map(move |row| {
                let columns = self.spec.columns.iter().enumerate();
                columns.map(|(at, spec)| (spec.name, self.cell(batch, at, row))).collect()
            })
        })
    }
}

/// A column whose cells are written as text, row after row.
struct CellText<'b> {
    nulls: Option<&'b NullBuffer>,
    values: Values<'b>,
    text: String,
    /// What `text` is of, where cells of one value come one after the other.
    last: Option<i64>,
}

/// The values of a column by what it holds.
#[derive(Clone, Copy)]
enum Values<'b> {
    Text(&'b StringArray),
    Integer(&'b [i64]),
    Decimal(&'b [i128]),
    Date(&'b [i32]),
    Instant(&'b [i64]),
    Boolean(&'b BooleanArray),
}

impl<'b> CellText<'b> {
    fn of(holds: Holds, array: &'b ArrayRef) -> Self {
        let values = match holds {
            Holds::Text => Values::Text(array.as_string()),
            Holds::Integer => Values::Integer(array.as_primitive::<Int64Type>().values()),
            Holds::Decimal => Values::Decimal(array.as_primitive::<Decimal128Type>().values()),
            Holds::Date => Values::Date(array.as_primitive::<Date32Type>().values()),
            Holds::Instant => Values::Instant(array.as_primitive::<TimestampMicrosecondType>().values()),
            Holds::Boolean => Values::Boolean(array.as_boolean()),
        };
        Self { nulls: array.nulls(), values, text: String::new(), last: None }
    }

    /// The text of a cell; nothing for nothing.
    fn cell(&mut self, row: usize) -> &str {
        if self.nulls.is_some_and(|nulls| nulls.is_null(row)) {
            return "";
        }
        let text = &mut self.text;
        match self.values {
            Values::Text(values) => return values.value(row),
            Values::Integer(values) => {
                text.clear();
                text.push_str(itoa::Buffer::new().format(values[row]));
            }
            Values::Decimal(values) => {
                text.clear();
                push_decimal(text, values[row], MONEY_SCALE);
            }
            Values::Date(values) => {
                let day = values[row];
                if self.last.replace(day.into()) != Some(day.into()) {
                    *text = Day(day).to_string();
                }
            }
            Values::Instant(values) => {
                let micros = values[row];
                if self.last.replace(micros) != Some(micros) {
                    *text = instant_text(micros);
                }
            }
            Values::Boolean(values) => return if values.value(row) { "true" } else { "false" },
        }
        &self.text
    }
}

fn instant_text(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros).map_or_else(|_| micros.to_string(), |instant| instant.to_string())
}

/// One row of a table, read by the names of its columns.
///
/// A name that the table does not have, or a cell that holds something else, is a mistake of the program.
#[derive(Clone, Debug)]
pub struct Cells<'t> {
    columns: Arc<HashMap<&'static str, usize>>,
    batch: &'t RecordBatch,
    row: usize,
}

impl<'t> Cells<'t> {
    fn array(&self, name: &str) -> Option<&'t ArrayRef> {
        let array = self.batch.column(*self.columns.get(name).expect("the table has this column"));
        (!array.is_null(self.row)).then_some(array)
    }

    /// A text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&'t str> {
        self.array(name).map(|array| array.as_string::<i32>().value(self.row))
    }

    /// A whole number.
    #[must_use]
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.array(name).map(|array| array.as_primitive::<Int64Type>().value(self.row))
    }

    /// A day.
    #[must_use]
    pub fn date(&self, name: &str) -> Option<Day> {
        self.array(name).map(|array| Day(array.as_primitive::<Date32Type>().value(self.row)))
    }

    /// A moment.
    #[must_use]
    pub fn instant(&self, name: &str) -> Option<Instant> {
        self.array(name).map(|array| Instant(array.as_primitive::<TimestampMicrosecondType>().value(self.row)))
    }

    /// True or false.
    #[must_use]
    pub fn truth(&self, name: &str) -> Option<bool> {
        self.array(name).map(|array| array.as_boolean().value(self.row))
    }

    /// A cell of any column: days and moments as numbers, decimals as units of their last place.
    #[must_use]
    pub fn json(&self, name: &str) -> serde_json::Value {
        let Some(array) = self.array(name) else { return serde_json::Value::Null };
        match array.data_type() {
            DataType::Utf8 => self.text(name).into(),
            DataType::Int64 => self.integer(name).into(),
            DataType::Date32 => self.date(name).map(|day| day.0).into(),
            DataType::Timestamp(..) => self.instant(name).map(|instant| instant.0).into(),
            DataType::Boolean => self.truth(name).into(),
            _ => i64::try_from(array.as_primitive::<Decimal128Type>().value(self.row)).ok().into(),
        }
    }
}

/// What is written as CSV in memory.
fn csv_written(for_people: bool, write: impl FnOnce(&mut csv::Writer<Vec<u8>>) -> csv::Result<()>) -> Vec<u8> {
    let end = if for_people { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
    let mut writer = csv::WriterBuilder::new().terminator(end).from_writer(Vec::new());
    write(&mut writer).expect("writing to memory does not fail");
    writer.into_inner().expect("writing to memory does not fail")
}

/// An amount with two decimals, and more only where they say something.
fn without_idle_zeros(amount: &str) -> &str {
    let idle = amount.bytes().rev().take_while(|&byte| byte == b'0').count().min(usize::from(MONEY_SCALE) - 2);
    &amount[..amount.len() - idle]
}

/// Text that no spreadsheet takes for a formula.
#[must_use]
pub fn guarded(text: &str) -> Cow<'_, str> {
    if text.starts_with(FORMULA_STARTS) { format!("'{text}").into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: TableSpec = TableSpec {
        name: "probe",
        version: 1,
        columns: &[
            Spec { name: "name", holds: Holds::Text, about: "", zh: "名称" },
            Spec { name: "amount_minor", holds: Holds::Integer, about: "", zh: "金额（最小单位）" },
            Spec { name: "amount", holds: Holds::Decimal, about: "", zh: "金额" },
            Spec { name: "day", holds: Holds::Date, about: "", zh: "日期" },
            Spec { name: "at", holds: Holds::Instant, about: "", zh: "时间" },
        ],
    };

    fn table(name: &str) -> Table {
        let mut sheet = Sheet::new(SPEC);
        let currency = Currency::iso("CNY");
        sheet
            .text(Some(name))
            .money(Some(Total::new(-105)), currency)
            .date(Some(Day(20_777)))
            .instant(Some(Instant(0)))
            .end_row();
        sheet.text(None).money(None, currency).date(None).instant(None).end_row();
        sheet.finish().unwrap()
    }

    #[test]
    fn both_kinds_of_csv() {
        let machine = String::from_utf8(table("=cmd()").csv().to_vec()).unwrap();
        assert_eq!(
            machine,
            "name,amount_minor,amount,day,at\n=cmd(),-105,-1.0500,2026-11-20,1970-01-01T00:00:00Z\n,,,,\n"
        );
        let people = String::from_utf8(
            table("=cmd()").csv_for_people(ForPeople { columns: &["name", "amount"], chinese: true }).to_vec(),
        )
        .unwrap();
        assert_eq!(people, "\u{feff}名称,金额\r\n'=cmd(),-1.05\r\n,\r\n");
    }

    #[test]
    fn no_formula_reaches_a_spreadsheet() {
        for text in ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "＝1", "＋1", "－1", "＠x"] {
            assert!(guarded(text).starts_with('\''), "{text:?}");
        }
        assert_eq!(guarded("plain"), "plain");
    }

    #[test]
    fn equal_tables_give_equal_parquet_and_an_empty_one_has_its_columns() {
        assert_eq!(table("a").parquet(), table("a").parquet());
        let empty = Sheet::new(SPEC).finish().unwrap().parquet();
        let reader = ParquetRecordBatchReaderBuilder::try_new(empty).unwrap();
        assert_eq!(reader.schema().fields().len(), 5);
        assert_eq!(reader.metadata().file_metadata().num_rows(), 0);
    }
}
