//! Why a run cannot go on.
//!
//! Three kinds of wrong are kept apart: bad data is a value (a reject, a finding, a difference); a
//! run that cannot go on is an [`Error`] with an exit code and a hint; our own mistake is a failed
//! proof, which is [`Error::Proof`] here and never anything milder.

use std::fmt;

use tieout_kernel::proof::Broken;

/// A place in a text that somebody wrote: a job file, an expression.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Excerpt {
    /// The file as the user named it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The whole line.
    pub text: String,
    /// Byte range of the complaint within the line.
    pub span: std::ops::Range<usize>,
}

impl Excerpt {
    /// The excerpt of a byte range of a whole text.
    #[must_use]
    pub fn of(file: &str, text: &str, span: std::ops::Range<usize>) -> Self {
        let floor = |mut at: usize| {
            at = at.min(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = floor(span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let end = floor(span.end).clamp(start, line_end);
        Self {
            file: file.to_owned(),
            line: text[..line_start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            text: text[line_start..line_end].trim_end_matches('\r').to_owned(),
            span: start - line_start..end - line_start,
        }
    }
}

/// One thing that is wrong with what the user wrote.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Complaint {
    /// What is wrong.
    pub what: String,
    /// Where, when it stands in a text.
    pub excerpt: Option<Box<Excerpt>>,
    /// What to do.
    pub hint: Option<String>,
}

impl Complaint {
    /// A complaint without a place.
    #[must_use]
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), excerpt: None, hint: None }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with a place.
    #[must_use]
    pub fn at(mut self, excerpt: Excerpt) -> Self {
        self.excerpt = Some(Box::new(excerpt));
        self
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(excerpt) = &self.excerpt {
            let Excerpt { file, line, column, .. } = excerpt.as_ref();
            write!(f, "{file}:{line}:{column}: ")?;
        }
        f.write_str(&self.what)?;
        match &self.hint {
            Some(hint) => write!(f, " (hint: {hint})"),
            None => Ok(()),
        }
    }
}

/// Why a run cannot go on. Each variant has an exit code of its own (`README`, exit codes).
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line or the job file is wrong: everything that is wrong with it.
    #[error("{}", list(.0))]
    Usage(Vec<Complaint>),
    /// Inputs are not there yet; a later run may find them.
    #[error("{0}")]
    NotThereYet(Complaint),
    /// Inputs are there and cannot be used.
    #[error("{0}")]
    InvalidInput(Complaint),
    /// An input was replaced while it was being read.
    #[error("{uri} changed while it was being read: {detail}")]
    Changed {
        /// Which one.
        uri: String,
        /// What differs.
        detail: String,
    },
    /// Another run published this date first, from other inputs or another policy.
    #[error("another run published {date} of job {job} first: {winner}")]
    LostRace {
        /// The job.
        job: String,
        /// The business date.
        date: String,
        /// The run that won.
        winner: String,
    },
    /// A store does not answer, or not sensibly.
    #[error("{action} {uri}: {cause}")]
    Unavailable {
        /// What was being done.
        action: &'static str,
        /// To what.
        uri: String,
        /// Why it failed.
        cause: String,
    },
    /// A store refuses.
    #[error("{action} {uri}: access refused: {cause}")]
    Refused {
        /// What was being done.
        action: &'static str,
        /// To what.
        uri: String,
        /// Why it failed.
        cause: String,
    },
    /// Whether the commit happened could not be found out.
    #[error("could not find out whether {uri} was committed: {cause}")]
    UnknownOutcome {
        /// The commit record.
        uri: String,
        /// Why.
        cause: String,
    },
    /// A limit of memory, disk, size or number was reached.
    #[error("{0}")]
    Limit(Complaint),
    /// A proof failed: the program's own fault.
    #[error("a proof failed, nothing was published: {0}")]
    Proof(#[from] Broken),
}

fn list(complaints: &[Complaint]) -> String {
    complaints.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Error {
    /// A usage error with one complaint.
    #[must_use]
    pub fn usage(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage(vec![Complaint::new(what).hint(hint)])
    }

    /// The exit code that schedulers act on.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::NotThereYet(_) => 20,
            Self::InvalidInput(_) => 21,
            Self::Changed { .. } => 22,
            Self::LostRace { .. } => 30,
            Self::Unavailable { .. } => 40,
            Self::Refused { .. } => 41,
            Self::UnknownOutcome { .. } => 42,
            Self::Limit(_) => 50,
            Self::Proof(_) => 70,
        }
    }

    /// The complaints to show, each with its place and hint.
    #[must_use]
    pub fn complaints(&self) -> Vec<Complaint> {
        match self {
            Self::Usage(complaints) => complaints.clone(),
            Self::NotThereYet(complaint) | Self::InvalidInput(complaint) | Self::Limit(complaint) => {
                vec![complaint.clone()]
            }
            Self::Changed { .. } => vec![
                Complaint::new(self.to_string()).hint("run again when the upload is complete; nothing was published"),
            ],
            Self::LostRace { .. } => {
                vec![Complaint::new(self.to_string()).hint("run again to reconcile on top of what it published")]
            }
            Self::Unavailable { .. } => vec![Complaint::new(self.to_string()).hint("safe to retry")],
            Self::Refused { .. } => vec![Complaint::new(self.to_string()).hint(
                "credentials and endpoint come from the environment, such as AWS_ACCESS_KEY_ID and AWS_ENDPOINT_URL",
            )],
            Self::UnknownOutcome { .. } => {
                vec![Complaint::new(self.to_string()).hint("run again: a run that was committed is recognised")]
            }
            Self::Proof(_) => vec![
                Complaint::new(self.to_string())
                    .hint("this is a defect of tieout; keep the inputs and report it with this text"),
            ],
        }
    }
}
