//! Rows that could not be admitted, and why.

use crate::formats::Cut;

/// Why a row is not a record. The words are published and never renamed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RejectReason {
    /// The line does not have the columns of the header.
    WrongCellCount {
        /// How many it has.
        cells: usize,
        /// How many the header has.
        expected: usize,
    },
    /// A quoted cell has no closing quote, or text after it.
    BadQuote,
    /// A line that is not a row of this format stands among the rows.
    NotARow,
    /// Not a JSON object.
    BadJson(String),
    /// Bytes that are no text in the file's encoding.
    Undecodable,
    /// A required field is absent or empty.
    Missing,
    /// Not a number in the declared notation.
    NotANumber,
    /// More decimals than the currency has, and no rule says how to round.
    TooPrecise {
        /// Decimals the currency has.
        decimals: u8,
    },
    /// More digits than an amount can have.
    TooLarge,
    /// A floating-point column: it cannot hold decimal money exactly.
    FloatMoney,
    /// A negative payment, and nothing says what that means.
    NegativePayment,
    /// Both a credit and a debit, or neither word of the indicator.
    NoDirection,
    /// No such currency.
    UnknownCurrency,
    /// Not a date or time in the declared form.
    BadTime,
    /// A local time that the clocks skipped, or that happened twice and the job says to refuse.
    NoSuchLocalTime,
    /// Not a yes-or-no word.
    NotABoolean,
}

impl RejectReason {
    /// The word in the `reason` column.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::WrongCellCount { .. } => "WRONG_CELL_COUNT",
            Self::BadQuote => "BAD_QUOTE",
            Self::NotARow => "NOT_A_ROW",
            Self::BadJson(_) => "BAD_JSON",
            Self::Undecodable => "UNDECODABLE",
            Self::Missing => "MISSING",
            Self::NotANumber => "NOT_A_NUMBER",
            Self::TooPrecise { .. } => "TOO_PRECISE",
            Self::TooLarge => "TOO_LARGE",
            Self::FloatMoney => "FLOAT_MONEY",
            Self::NegativePayment => "NEGATIVE_PAYMENT",
            Self::NoDirection => "NO_DIRECTION",
            Self::UnknownCurrency => "UNKNOWN_CURRENCY",
            Self::BadTime => "BAD_TIME",
            Self::NoSuchLocalTime => "NO_SUCH_LOCAL_TIME",
            Self::NotABoolean => "NOT_A_BOOLEAN",
        }
    }

    /// What it means, in a sentence without the text itself.
    #[must_use]
    pub fn says(&self) -> String {
        match self {
            Self::WrongCellCount { cells, expected } => format!("the row has {cells} cells, the header has {expected}"),
            Self::BadQuote => "a quoted cell is not closed where it should be".to_owned(),
            Self::NotARow => "this line is not a row of the statement".to_owned(),
            Self::BadJson(why) => format!("not a JSON object: {why}"),
            Self::Undecodable => "bytes that are no text in the file's encoding".to_owned(),
            Self::Missing => "required and absent".to_owned(),
            Self::NotANumber => "not a number".to_owned(),
            Self::TooPrecise { decimals } => format!("finer than the {decimals} decimals of its currency"),
            Self::TooLarge => "more than 18 digits".to_owned(),
            Self::FloatMoney => "a floating-point column cannot hold decimal money exactly".to_owned(),
            Self::NegativePayment => "a negative payment".to_owned(),
            Self::NoDirection => "does not say which way the money went".to_owned(),
            Self::UnknownCurrency => "no such currency".to_owned(),
            Self::BadTime => "not a time in the declared form".to_owned(),
            Self::NoSuchLocalTime => "no such local time on that day, or two of them".to_owned(),
            Self::NotABoolean => "neither yes nor no".to_owned(),
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::WrongCellCount { .. } => "a delimiter inside a cell, or a line that was cut",
            Self::BadQuote => "say `quote = \"\"` if the format does not quote",
            Self::NotARow => "two files joined into one, or a line break inside a cell",
            Self::BadJson(_) => "one object a line",
            Self::Undecodable => "declare the `encoding` of the source",
            Self::Missing => "the column is mapped in the job and must be filled",
            Self::NotANumber => "declare `decimal` and `thousands` if the source writes numbers in another way",
            Self::TooPrecise { .. } => "declare `rounding = \"half_up\"` if the source is finer on purpose",
            Self::TooLarge => "check the unit: minor units are cents or fen",
            Self::FloatMoney => "export the amount as an integer of minor units, a decimal or text",
            Self::NegativePayment => "declare `negative_payment = \"refund\"` if that is what it is",
            Self::NoDirection => "check `sign` of the amount",
            Self::UnknownCurrency => "ISO 4217 codes in capitals; others are declared under [currencies]",
            Self::BadTime => "declare `time_format` of the source",
            Self::NoSuchLocalTime => "declare `ambiguous_time`, or export instants with an offset",
            Self::NotABoolean => "true, false, yes, no, 1 or 0",
        }
    }
}

/// A row that was not admitted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reject {
    /// Where the row is within its split.
    pub row: u32,
    /// The column, as the file names it; empty when the whole row is at fault.
    pub column: String,
    /// The field of the record that could not be filled; empty when the whole row is at fault.
    pub field: &'static str,
    /// The text itself, cut if very long.
    pub text: String,
    /// Why.
    pub reason: RejectReason,
}

impl Reject {
    /// The longest text a reject keeps.
    pub const TEXT_MAX: usize = 500;

    /// A reject of a whole row.
    #[must_use]
    pub fn row(row: u32, text: &str, reason: RejectReason) -> Self {
        Self { row, column: String::new(), field: "", text: text.cut(Self::TEXT_MAX), reason }
    }
}
