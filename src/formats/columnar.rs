//! Parquet files: row groups as splits, columns in their own types, rows fetched by number.
//!
//! The reader library panics on some damaged files; every call into it is fenced, so that such a
//! file is an error with a name and not the end of the process.

use std::io::BufReader;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Decimal32Type, Decimal64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow_array::{Array, ArrayRef, Decimal128Array, RecordBatch, new_empty_array};
use arrow_schema::{DataType, Field, FieldRef, Schema, TimeUnit};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::basic::{ConvertedType, Encoding, LogicalType, Type as PhysicalType};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::reader::{ChunkReader, Length};
use parquet::schema::types::ColumnDescriptor;
use xxhash_rust::xxh3::Xxh3;

use super::raw::{RawBatch, RawColumn};
use super::text::broken;
use crate::error::Error;
use crate::store::{Body, BodyReader};

/// Rows decoded at a time.
const BATCH: usize = 32_768;

/// An opened Parquet file.
#[derive(Clone, Debug)]
pub struct Columnar {
    name: String,
    body: Body,
    metadata: ArrowReaderMetadata,
    /// Top-level columns that hold one value a row.
    columns: Vec<Column>,
}

/// A column as it is read.
#[derive(Clone, Debug)]
struct Column {
    field: Field,
    meaning: Meaning,
}

/// What the annotation of a column adds to its type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Meaning {
    /// Nothing.
    Plain,
    /// Old INT96 times, which are instants.
    Instants,
    /// Text by another name, which the reader library takes without looking whether it is any.
    Unchecked,
    /// Sixteen bytes that are written as a UUID.
    Uuid,
}

impl Length for Body {
    fn len(&self) -> u64 {
        Self::len(self)
    }
}

impl ChunkReader for Body {
    type T = BufReader<BodyReader>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(BufReader::new(self.reader(start)))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let bytes = self.read(start, length as u64)?;
        if bytes.len() == length {
            return Ok(bytes);
        }
        Err(ParquetError::EOF(format!("{length} bytes at {start} are beyond the end")))
    }
}

impl Columnar {
    /// Reads the footer.
    pub fn open(name: &str, body: &Body) -> Result<Self, Error> {
        fenced(name, || {
            let plain = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
            let metadata = ArrowReaderMetadata::load(body, plain.clone())?;
            let leaves = metadata.parquet_schema();
            let column = |(root, field): (usize, &FieldRef)| {
                let leaf = (0..leaves.num_columns()).find(|&leaf| leaves.get_column_root_idx(leaf) == root);
                let meaning = leaf.map_or(Meaning::Plain, |leaf| meaning(&leaves.column(leaf)));
                let is_listed = || leaf.is_some_and(|leaf| is_listed(metadata.metadata(), leaf));
                Column { field: as_read(field, meaning, is_listed), meaning }
            };
            let mut columns: Vec<Column> = metadata.schema().fields().iter().enumerate().map(column).collect();
            let schema = Arc::new(Schema::new(columns.iter().map(|column| column.field.clone()).collect::<Vec<_>>()));
            columns.retain(|column| !column.field.data_type().is_nested());
            let metadata = ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), plain.with_schema(schema))?;
            Ok(Self { name: name.to_owned(), body: body.clone(), metadata, columns })
        })
    }

    /// The names of its usable columns.
    #[must_use]
    pub fn header(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.field.name().clone()).collect()
    }

    fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.field.name() == name)
    }

    /// Whether a column holds whole numbers.
    #[must_use]
    pub fn is_whole_number(&self, name: &str) -> bool {
        self.column(name).is_some_and(|column| column.field.data_type().is_integer())
    }

    /// The type of a column from which no field can be read.
    #[must_use]
    pub fn unusable_type(&self, name: &str) -> Option<DataType> {
        let column = self.column(name)?;
        let data_type = column.field.data_type();
        let is_usable = !matches!(column.read(&new_empty_array(data_type)), Ok(RawColumn::Unusable(_)));
        (!is_usable).then(|| data_type.clone())
    }

    /// Rows in each row group.
    #[must_use]
    pub fn row_groups(&self) -> Vec<u64> {
        let groups = self.metadata.metadata().row_groups();
        groups.iter().map(|group| u64::try_from(group.num_rows()).unwrap_or(0)).collect()
    }

    /// How many bytes columns of a row group take in the file.
    #[must_use]
    pub fn bytes_of(&self, row_group: usize, wanted: &[String]) -> u64 {
        let Some(group) = self.metadata.metadata().row_groups().get(row_group) else { return 0 };
        let is_wanted = |name: &str| wanted.iter().any(|one| one == name);
        let columns = group.columns().iter().filter(|column| is_wanted(column.column_descr().name()));
        columns.filter_map(|column| u64::try_from(column.compressed_size()).ok()).sum()
    }

    /// Decodes `wanted` columns of a row group, all rows or those named, batch by batch.
    pub fn read(
        &self,
        row_group: usize,
        wanted: &[Option<String>],
        rows: Option<&[u32]>,
        contents: bool,
        each: &mut dyn FnMut(RawBatch) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let names: Vec<&str> = if contents {
            self.columns.iter().map(|column| column.field.name().as_str()).collect()
        } else {
            wanted.iter().flatten().map(String::as_str).collect()
        };
        let mut reader = fenced(&self.name, || self.reader(row_group, &names, rows))?;
        let mut at = 0;
        while let Some(batch) = fenced(&self.name, || reader.next().transpose().map_err(ParquetError::from))? {
            let count = batch.num_rows();
            let numbers = match rows {
                Some(rows) => rows[at..at + count].to_vec(),
                None => (at..at + count).map(|row| u32::try_from(row).unwrap_or(u32::MAX)).collect(),
            };
            at += count;
            each(fenced(&self.name, || self.batch(&batch, wanted, numbers, contents))?)?;
        }
        Ok(())
    }

    fn reader(
        &self,
        row_group: usize,
        names: &[&str],
        rows: Option<&[u32]>,
    ) -> Result<parquet::arrow::arrow_reader::ParquetRecordBatchReader, ParquetError> {
        let schema = self.metadata.schema();
        let roots: Vec<usize> = names.iter().filter_map(|name| schema.index_of(name).ok()).collect();
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), roots);
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.body.clone(), self.metadata.clone())
            .with_row_groups(vec![row_group])
            .with_projection(mask)
            .with_batch_size(BATCH);
        if let Some(rows) = rows {
            let ranges = rows.iter().map(|&row| row as usize..row as usize + 1);
            let total = self.row_groups().get(row_group).copied().unwrap_or(0);
            builder = builder.with_row_selection(RowSelection::from_consecutive_ranges(
                ranges,
                usize::try_from(total).unwrap_or(usize::MAX),
            ));
        }
        builder.build()
    }

    fn batch(
        &self,
        batch: &RecordBatch,
        wanted: &[Option<String>],
        rows: Vec<u32>,
        contents: bool,
    ) -> Result<RawBatch, ParquetError> {
        let column = |name: &Option<String>| {
            let column = name.as_deref().and_then(|name| self.column(name));
            Ok(column.map(|column| column.of(batch)).transpose()?.flatten().unwrap_or(RawColumn::Absent))
        };
        let columns = wanted.iter().map(column).collect::<Result<_, ParquetError>>()?;
        let contents = if contents { self.contents(batch)? } else { Vec::new() };
        Ok(RawBatch { columns, rows, contents, faults: Vec::new(), line_ends: 0 })
    }

    /// A hash of every column of each row: what "the same bytes" means in a file without lines.
    fn contents(&self, batch: &RecordBatch) -> Result<Vec<u64>, ParquetError> {
        let columns = self.columns.iter().filter_map(|column| column.of(batch).transpose());
        let columns: Vec<RawColumn> = columns.collect::<Result<_, _>>()?;
        let content = |row: usize| {
            let mut hasher = Xxh3::new();
            for column in &columns {
                match column.shown(row) {
                    Some(text) => {
                        hasher.update(&(text.len() as u64).to_le_bytes());
                        hasher.update(text.as_bytes());
                    }
                    None => hasher.update(&u64::MAX.to_le_bytes()),
                }
            }
            hasher.digest()
        };
        Ok((0..batch.num_rows()).map(content).collect())
    }
}

impl Column {
    /// The column in a batch, if that has it.
    fn of(&self, batch: &RecordBatch) -> Result<Option<RawColumn>, ParquetError> {
        batch.column_by_name(self.field.name()).map(|array| self.read(array)).transpose()
    }

    fn read(&self, array: &ArrayRef) -> Result<RawColumn, ParquetError> {
        Ok(match (self.meaning, array.data_type()) {
            (Meaning::Unchecked, DataType::Utf8View) => {
                let bytes = array.as_string_view().clone().to_binary_view();
                RawColumn::Views(bytes.to_string_view()?)
            }
            (Meaning::Uuid, DataType::FixedSizeBinary(16)) => {
                let bytes = array.as_fixed_size_binary();
                RawColumn::Views(bytes.iter().map(|bytes| bytes.map(uuid_text)).collect())
            }
            (meaning, _) => raw_column(array, meaning == Meaning::Instants),
        })
    }
}

fn meaning(leaf: &ColumnDescriptor) -> Meaning {
    match (leaf.physical_type(), leaf.converted_type(), leaf.logical_type_ref()) {
        (PhysicalType::INT96, ..) => Meaning::Instants,
        (_, ConvertedType::JSON | ConvertedType::ENUM, _) | (_, _, Some(LogicalType::Json | LogicalType::Enum)) => {
            Meaning::Unchecked
        }
        (_, _, Some(LogicalType::Uuid)) => Meaning::Uuid,
        _ => Meaning::Plain,
    }
}

/// Text of any kind is read as views, without a copy per value; or as it is listed, without even a view per value.
fn as_read(field: &Field, meaning: Meaning, is_listed: impl FnOnce() -> bool) -> Field {
    let listed = || DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8));
    match (field.data_type(), meaning) {
        // Lists of text by another name are read as lists of bytes.
        (DataType::Utf8, Meaning::Plain) if is_listed() => field.clone().with_data_type(listed()),
        (DataType::Utf8, _) | (DataType::Binary, Meaning::Unchecked) => {
            field.clone().with_data_type(DataType::Utf8View)
        }
        _ => field.clone(),
    }
}

/// As people write it: lower case, with hyphens.
fn uuid_text(bytes: &[u8]) -> String {
    let number = bytes.iter().fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    let digits = format!("{number:032x}");
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

/// Most bytes that the list of a column's values may take in a row group for the column to be read by it.
const LIST_MAX: i64 = 1 << 16;

/// Whether every row group has a short list of a column's values and nothing but numbers in that list.
fn is_listed(metadata: &ParquetMetaData, leaf: usize) -> bool {
    let of_list = |encoding: Encoding| matches!(encoding, Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY);
    let of_levels = |encoding: Encoding| matches!(encoding, Encoding::RLE);
    let is_listed = |column: &ColumnChunkMetaData| {
        let list = column.dictionary_page_offset().map(|list| column.data_page_offset() - list);
        let only_numbers = match column.page_encoding_stats_mask() {
            Some(of_pages) => of_pages.encodings().all(of_list),
            // Without a word on pages, an encoding that the list itself may have speaks against it.
            None => column.encodings().all(|encoding| of_list(encoding) || of_levels(encoding)),
        };
        list.is_some_and(|bytes| (1..=LIST_MAX).contains(&bytes)) && only_numbers
    };
    metadata.row_groups().iter().all(|group| is_listed(group.column(leaf)))
}

/// An Arrow array as one of the few types that fields are read from.
fn raw_column(array: &ArrayRef, int96: bool) -> RawColumn {
    macro_rules! integers {
        ($type:ty) => {
            RawColumn::Integers(array.as_primitive::<$type>().unary::<_, Int64Type>(i64::from))
        };
    }
    macro_rules! moments {
        ($type:ty, $zone:expr, $micros:expr) => {
            RawColumn::Moments(array.as_primitive::<$type>().unary::<_, Int64Type>($micros), $zone.is_some() || int96)
        };
    }
    match array.data_type() {
        DataType::Utf8View => RawColumn::Views(array.as_string_view().clone()),
        DataType::Dictionary(..) => {
            let listed = array.as_dictionary::<UInt32Type>();
            RawColumn::Coded(listed.keys().clone(), listed.values().as_string::<i32>().clone())
        }
        DataType::Int8 => integers!(Int8Type),
        DataType::Int16 => integers!(Int16Type),
        DataType::Int32 => integers!(Int32Type),
        DataType::Int64 => RawColumn::Integers(array.as_primitive::<Int64Type>().clone()),
        DataType::UInt8 => integers!(UInt8Type),
        DataType::UInt16 => integers!(UInt16Type),
        DataType::UInt32 => integers!(UInt32Type),
        DataType::UInt64 => {
            let wide: Decimal128Array = array.as_primitive::<UInt64Type>().unary(i128::from);
            wide.with_precision_and_scale(20, 0)
                .map_or_else(|e| RawColumn::Unusable(e.to_string()), RawColumn::Decimals)
        }
        DataType::Decimal32(_, scale) => decimals(array.as_primitive::<Decimal32Type>().unary(i128::from), *scale),
        DataType::Decimal64(_, scale) => decimals(array.as_primitive::<Decimal64Type>().unary(i128::from), *scale),
        DataType::Decimal128(_, _) => RawColumn::Decimals(array.as_primitive().clone()),
        DataType::Timestamp(TimeUnit::Second, zone) => {
            moments!(TimestampSecondType, zone, |value| value.saturating_mul(1_000_000))
        }
        DataType::Timestamp(TimeUnit::Millisecond, zone) => {
            moments!(TimestampMillisecondType, zone, |value| value.saturating_mul(1_000))
        }
        DataType::Timestamp(TimeUnit::Microsecond, zone) => moments!(TimestampMicrosecondType, zone, |value| value),
        DataType::Timestamp(TimeUnit::Nanosecond, zone) => {
            moments!(TimestampNanosecondType, zone, |value| value.div_euclid(1_000))
        }
        DataType::Date32 => RawColumn::Days(array.as_primitive().clone()),
        DataType::Boolean => RawColumn::Booleans(array.as_boolean().clone()),
        // A column of which the writer never saw a value.
        DataType::Null => RawColumn::Absent,
        other => RawColumn::Unusable(other.to_string()),
    }
}

fn decimals(array: Decimal128Array, scale: i8) -> RawColumn {
    array.with_precision_and_scale(38, scale).map_or_else(|e| RawColumn::Unusable(e.to_string()), RawColumn::Decimals)
}

/// Calls the reader library; its panics and errors become an error that names the file.
fn fenced<T>(name: &str, read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, Error> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(e)) => Err(broken(name, &e)),
        Err(_) => Err(broken(name, &"the file is damaged in a way that its reader cannot name")),
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::StringArray;
    use parquet::arrow::ArrowWriter;
    use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};

    use super::*;

    /// The type that the column of a file with a few different texts is read as.
    fn read_as(values: &[Option<&str>], properties: WriterPropertiesBuilder) -> DataType {
        let column: ArrayRef = Arc::new((0..4_000).map(|row| values[row % values.len()]).collect::<StringArray>());
        let batch = RecordBatch::try_from_iter([("word", column)]).unwrap();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties.build())).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let file = Columnar::open("words.parquet", &Body::memory(bytes)).unwrap();
        file.columns[0].field.data_type().clone()
    }

    #[test]
    fn only_text_that_is_listed_to_the_end_is_read_by_its_list() {
        let words = [Some("one"), None, Some("two"), Some("three")];
        let properties = || WriterProperties::builder().set_max_row_group_row_count(Some(1_500));
        let listed = DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8));
        assert_eq!(read_as(&words, properties()), listed);
        assert_eq!(read_as(&words, properties().set_dictionary_enabled(false)), DataType::Utf8View);
        let given_up = properties().set_dictionary_page_size_limit(8).set_write_batch_size(64);
        assert_eq!(read_as(&words, given_up), DataType::Utf8View);
    }

    #[test]
    fn uuids_are_written_with_hyphens() {
        let bytes = 0x2d1b_0e7e_4c3c_4d3e_9a6e_1234_5678_90ab_u128.to_be_bytes();
        assert_eq!(uuid_text(&bytes), "2d1b0e7e-4c3c-4d3e-9a6e-1234567890ab");
    }
}
