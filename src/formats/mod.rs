//! Statement and ledger files: bytes to raw rows and control totals, nothing else.
//!
//! ```text
//!  Body ─ unpack ─ decode ─ recognise ─▶ OpenFile { header, splits, declared totals, findings }
//!                                          │ read(split)  ─▶ RawBatch    all rows of some columns
//!                                          └ fetch(rows)  ─▶ RawBatch    some rows of all columns
//! ```
//!
//! One file per format family: [`alipay`], [`wechat`], [`delimited`] (delimited text and JSON
//! Lines), `columnar` (Parquet). What columns mean is not known here but stated next to each
//! format as a [`Mapping`](crate::normalise::Mapping).

pub mod alipay;
mod columnar;
mod controls;
pub mod delimited;
mod line;
mod raw;
mod rows;
mod sniff;
mod text;
pub mod wechat;

use arrow_schema::DataType;
use tieout_kernel::calendar::Day;

pub use columnar::Columnar;
pub use controls::{Control, Measure, Measured, RowTest};
pub use line::Written;
pub use raw::{Cut, RawBatch, RawColumn, Span, trim};
pub use rows::{Grammar, Layout, Shape, plain_name};
pub use sniff::{Member, Opening, Recognised, closest, column_findings, header_findings, open_all, recognise};
pub use text::{Text, encoding};

use crate::error::Error;
use crate::finding::Finding;

macro_rules! formats {
    ($($(#[$doc:meta])* $variant:ident $word:literal $about:literal;)+) => {
        /// The formats that can be read. The words are used in job files and never renamed.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Format { $($(#[$doc])* $variant,)+ }

        impl Format {
            /// All formats.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word in job files.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The format of a word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }

            /// What it is, in a line.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self { $(Self::$variant => $about,)+ }
            }
        }
    };
}

formats! {
    /// Alipay trade bill.
    AlipayTrade "alipay.trade" "Alipay 业务明细 (bill_type=trade): payments and refunds of the payment APIs";
    /// Alipay fund bill.
    AlipayFund "alipay.fundflow" "Alipay 账务明细 (bill_type=signcustomer): every change of the balance, fees as rows";
    /// WeChat Pay trade bill.
    WechatTrade "wechat.trade" "WeChat Pay 交易账单 (tradebill ALL, SUCCESS or REFUND, both header generations)";
    /// WeChat Pay fund bill.
    WechatFund "wechat.fundflow" "WeChat Pay 资金账单 (fundflowbill): every change of the balance";
    /// Delimited text.
    Delimited "delimited" "delimited text with a header (CSV, TSV, …); columns declared in the job";
    /// JSON Lines.
    JsonLines "jsonl" "one JSON object a line; columns declared in the job";
    /// Parquet.
    Parquet "parquet" "Parquet; columns declared in the job";
}

impl Format {
    /// Whether the job must say what its columns mean.
    #[must_use]
    pub const fn is_generic(self) -> bool {
        match self {
            Self::Delimited | Self::JsonLines | Self::Parquet => true,
            Self::AlipayTrade | Self::AlipayFund | Self::WechatTrade | Self::WechatFund => false,
        }
    }
}

/// A part of a file that is read on its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Split {
    /// A range of bytes of a text.
    Bytes {
        /// First byte.
        start: u64,
        /// One past the last.
        end: u64,
    },
    /// A row group of a Parquet file.
    RowGroup {
        /// Which.
        index: usize,
        /// Rows in it.
        rows: u64,
        /// Rows in those before it.
        before: u64,
    },
}

/// A file that was recognised and is ready to be read.
#[derive(Clone, Debug)]
pub struct OpenFile {
    /// Its name as shown: the last part of its place, and after `!` the member of an archive.
    pub name: String,
    /// What it is.
    pub format: Format,
    /// The encoding it has.
    pub encoding: &'static str,
    /// Its columns.
    pub header: Vec<String>,
    /// The account it says it is of.
    pub account: Option<String>,
    /// First and last day it says it covers.
    pub period: Option<(Day, Day)>,
    /// Totals it declares about itself.
    pub controls: Vec<Control>,
    /// What is wrong with it as a file.
    pub findings: Vec<Finding>,
    /// Its parts, in order.
    pub splits: Vec<Split>,
    /// Lines before the first split.
    pub preamble_lines: u64,
    /// How to read it.
    pub(crate) content: Content,
}

/// The two ways to hold rows.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Text { text: Text, layout: Layout },
    Columns(Columnar),
}

/// Where a row is, for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    /// The file.
    pub file: String,
    /// Line in a text file, row number in others, from 1.
    pub line: u64,
}

/// How many bytes a split of a text has.
pub const SPLIT_BYTES: u64 = 2 << 20;

impl OpenFile {
    /// A text file whose rows stand in `start..end`.
    pub(crate) fn of_text(text: Text, format: Format, layout: Layout, rows: (u64, u64)) -> Result<Self, Error> {
        let fail = |e: std::io::Error| text::broken(&text.name, &e);
        let splits = text.split(rows.0, rows.1, SPLIT_BYTES, layout.grammar.quoting()).map_err(fail)?;
        let preamble_lines = text.lines_before(rows.0).map_err(fail)?;
        Ok(Self {
            name: text.name.clone(),
            format,
            encoding: text.encoding,
            header: layout.header.clone(),
            account: None,
            period: None,
            controls: Vec::new(),
            findings: Vec::new(),
            splits: splits.into_iter().map(|(start, end)| Split::Bytes { start, end }).collect(),
            preamble_lines,
            content: Content::Text { text, layout },
        })
    }

    /// A Parquet file.
    pub(crate) fn of_columns(name: &str, columnar: Columnar) -> Self {
        let mut before = 0;
        let splits = columnar.row_groups().into_iter().enumerate().map(|(index, rows)| {
            let split = Split::RowGroup { index, rows, before };
            before += rows;
            split
        });
        Self {
            name: name.to_owned(),
            format: Format::Parquet,
            encoding: "",
            header: columnar.header(),
            account: None,
            period: None,
            controls: Vec::new(),
            findings: Vec::new(),
            splits: splits.collect(),
            preamble_lines: 0,
            content: Content::Columns(columnar),
        }
    }

    /// Whether the file has a column of this name.
    #[must_use]
    pub fn has(&self, column: &str) -> bool {
        self.header.iter().any(|name| name == column)
    }

    /// Reads all rows of a split, giving the named columns.
    pub fn read(
        &self,
        split: &Split,
        wanted: &[String],
        contents: bool,
        each: &mut dyn FnMut(RawBatch) -> Result<(), Error>,
    ) -> Result<(), Error> {
        match (&self.content, split) {
            (Content::Text { text, layout }, Split::Bytes { start, end }) => {
                each(text_rows(text, layout, (*start, *end), wanted, contents, None)?)
            }
            (Content::Columns(columnar), Split::RowGroup { index, .. }) => {
                columnar.read(*index, &self.present(wanted), None, contents, each)
            }
            (Content::Text { .. }, Split::RowGroup { .. }) | (Content::Columns(_), Split::Bytes { .. }) => {
                Err(text::broken(&self.name, &"a split of another file"))
            }
        }
    }

    /// How many bytes of the file hold these columns of a split.
    #[must_use]
    pub fn bytes_of(&self, split: &Split, wanted: &[String]) -> u64 {
        match (&self.content, split) {
            (_, Split::Bytes { start, end }) => end - start,
            (Content::Columns(columnar), Split::RowGroup { index, .. }) => columnar.bytes_of(*index, wanted),
            (Content::Text { .. }, Split::RowGroup { .. }) => 0,
        }
    }

    /// Reads some rows of a split, given in ascending order; with `contents`, with a hash of each whole row.
    pub fn fetch(
        &self,
        split: &Split,
        rows: &[u32],
        wanted: &[String],
        contents: bool,
    ) -> Result<Vec<RawBatch>, Error> {
        let mut batches = Vec::new();
        match (&self.content, split) {
            (Content::Columns(columnar), Split::RowGroup { index, .. }) => {
                columnar.read(*index, &self.present(wanted), Some(rows), contents, &mut |batch| {
                    batches.push(batch);
                    Ok(())
                })?;
            }
            (Content::Text { text, layout }, Split::Bytes { start, end }) => {
                batches.push(text_rows(text, layout, (*start, *end), wanted, contents, Some(rows))?);
            }
            (Content::Text { .. }, Split::RowGroup { .. }) | (Content::Columns(_), Split::Bytes { .. }) => {
                return Err(text::broken(&self.name, &"a split of another file"));
            }
        }
        Ok(batches)
    }

    /// The same and the line or row number of each row, as [`OpenFile::lines`] gives it: a text is read once for both.
    pub fn fetch_with_lines(
        &self,
        split: &Split,
        rows: &[u32],
        wanted: &[String],
        contents: bool,
        before: u64,
    ) -> Result<(Vec<RawBatch>, Vec<u64>), Error> {
        let (Content::Text { text, layout }, Split::Bytes { start, end }) = (&self.content, split) else {
            return Ok((self.fetch(split, rows, wanted, contents)?, self.lines(split, rows, before)?));
        };
        let bytes = text.body.read(*start, end - start).map_err(|e| text::broken(&text.name, &e))?;
        let lines = lines_of(&bytes, rows, self.preamble_lines + before + 1);
        let batch = rows::read(layout, Vec::from(bytes), &layout.places(wanted), contents, Some(rows));
        Ok((vec![batch], lines))
    }

    /// The line or row number of each of some rows of a split, given in ascending order.
    ///
    /// `before` is the number of line ends in the splits before this one; typed files ignore it.
    pub fn lines(&self, split: &Split, rows: &[u32], before: u64) -> Result<Vec<u64>, Error> {
        match (&self.content, split) {
            (Content::Text { text, .. }, Split::Bytes { start, end }) => {
                let bytes = text.body.read(*start, end - start).map_err(|e| text::broken(&text.name, &e))?;
                Ok(lines_of(&bytes, rows, self.preamble_lines + before + 1))
            }
            (_, Split::RowGroup { before, .. }) => Ok(rows.iter().map(|&row| before + u64::from(row) + 1).collect()),
            (Content::Columns(_), Split::Bytes { .. }) => Ok(vec![0; rows.len()]),
        }
    }

    /// Reads the first rows of a split, to look at what a column holds.
    pub fn sample(&self, split: &Split, wanted: &[String], each: &mut dyn FnMut(&RawBatch)) -> Result<(), Error> {
        match (&self.content, split) {
            (Content::Text { text, layout }, Split::Bytes { start, end }) => {
                let first = text.split(*start, (*start + (1 << 20)).min(*end), 1 << 20, layout.grammar.quoting());
                let first = first.map_err(|e| text::broken(&text.name, &e))?;
                let range = first.first().copied().unwrap_or((*start, *start));
                each(&text_rows(text, layout, range, wanted, false, None)?);
                Ok(())
            }
            (Content::Columns(columnar), Split::RowGroup { index, rows, .. }) => {
                let most = u32::try_from((*rows).min(1_000)).unwrap_or(0);
                let rows: Vec<u32> = (0..most).collect();
                columnar.read(*index, &self.present(wanted), Some(&rows), false, &mut |batch| {
                    each(&batch);
                    Ok(())
                })
            }
            (Content::Text { .. }, Split::RowGroup { .. }) | (Content::Columns(_), Split::Bytes { .. }) => Ok(()),
        }
    }

    /// Whether a column of a typed file holds whole numbers.
    #[must_use]
    pub fn is_whole_number(&self, column: &str) -> bool {
        match &self.content {
            Content::Columns(columnar) => columnar.is_whole_number(column),
            Content::Text { .. } => false,
        }
    }

    /// The type of a column of a typed file from which nothing can be read.
    #[must_use]
    pub fn unusable_type(&self, column: &str) -> Option<DataType> {
        match &self.content {
            Content::Columns(columnar) => columnar.unusable_type(column),
            Content::Text { .. } => None,
        }
    }

    fn present(&self, wanted: &[String]) -> Vec<Option<String>> {
        wanted.iter().map(|name| self.has(name).then(|| name.clone())).collect()
    }
}

/// The line of each of some rows that begin at ascending bytes, where the first line has a number.
fn lines_of(bytes: &[u8], rows: &[u32], first: u64) -> Vec<u64> {
    let (mut line, mut at) = (first, 0);
    let line_of = |&row: &u32| {
        let row = (row as usize).min(bytes.len());
        line += memchr::memchr_iter(b'\n', &bytes[at.min(row)..row]).count() as u64;
        at = row;
        line
    };
    rows.iter().map(line_of).collect()
}

fn text_rows(
    text: &Text,
    layout: &Layout,
    (start, end): (u64, u64),
    wanted: &[String],
    contents: bool,
    only: Option<&[u32]>,
) -> Result<RawBatch, Error> {
    let bytes = text.body.read(start, end - start).map_err(|e| text::broken(&text.name, &e))?;
    Ok(rows::read(layout, Vec::from(bytes), &layout.places(wanted), contents, only))
}
