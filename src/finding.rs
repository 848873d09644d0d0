//! Facts about a file or a run, as against about a row.

use jiff::civil;
use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use tieout_kernel::code::{Code, Severity};

use crate::store::sha256;

/// One fact about a file, a source or the run (`taxonomy` §6 A).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// What it is.
    #[serde(serialize_with = "word_of_code", deserialize_with = "code_of_word")]
    pub code: Code,
    /// How urgent.
    #[serde(serialize_with = "word_of_severity", deserialize_with = "severity_of_word")]
    pub severity: Severity,
    /// The source it concerns; empty for the whole run.
    pub source: String,
    /// The file it concerns; empty where no file does.
    pub file: String,
    /// The line, where one can be named.
    pub line: Option<u64>,
    /// What was found, with the figures.
    pub message: String,
    /// What to do.
    pub hint: String,
    /// Whether the source is not reconciled because of it.
    pub blocks: bool,
    /// How many rows it concerns, where it counts rows.
    pub rows: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn word_of_code<S: serde::Serializer>(code: &Code, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(code.word())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn word_of_severity<S: serde::Serializer>(severity: &Severity, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(severity.word())
}

fn code_of_word<'d, D: serde::Deserializer<'d>>(from: D) -> Result<Code, D::Error> {
    let word = String::deserialize(from)?;
    Code::from_word(&word).ok_or_else(|| D::Error::custom(format!("`{word}` is no code")))
}

fn severity_of_word<'d, D: serde::Deserializer<'d>>(from: D) -> Result<Severity, D::Error> {
    let word = String::deserialize(from)?;
    Severity::from_word(&word).ok_or_else(|| D::Error::custom(format!("`{word}` is no tier")))
}

impl Finding {
    /// Whether the run misunderstands its inputs, so that nothing about its records may be acted on.
    #[must_use]
    pub fn withholds(&self) -> bool {
        self.blocks || self.code == Code::MatchRateCollapse || self.code == Code::AmountScale
    }

    /// The id of what the run of a date finds wrong with a source or a file: the same whenever that date is run again,
    /// and one for all findings of a code about one file.
    #[must_use]
    pub fn id(&self, job: &str, date: civil::Date) -> String {
        let date = date.to_string();
        let parts = [job, date.as_str(), self.source.as_str(), self.file.as_str(), self.code.word()];
        format!("F{}", &sha256(parts.join("\u{1f}").as_bytes())[..32])
    }

    /// A finding with its base severity that blocks nothing.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.base_severity(),
            source: String::new(),
            file: String::new(),
            line: None,
            message: message.into(),
            hint: String::new(),
            blocks: false,
            rows: None,
        }
    }

    /// The same about one file.
    #[must_use]
    pub fn of_file(mut self, file: &str) -> Self {
        file.clone_into(&mut self.file);
        self
    }

    /// The same about one source.
    #[must_use]
    pub fn of_source(mut self, source: &str) -> Self {
        source.clone_into(&mut self.source);
        self
    }

    /// The same at a line.
    #[must_use]
    pub const fn at_line(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// The same with another tier.
    #[must_use]
    pub const fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// The same about so many rows.
    #[must_use]
    pub const fn rows(mut self, rows: u64) -> Self {
        self.rows = Some(rows);
        self
    }

    /// The same, and its source is not reconciled.
    #[must_use]
    pub const fn blocking(mut self) -> Self {
        self.blocks = true;
        self
    }
}
