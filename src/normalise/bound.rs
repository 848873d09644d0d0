//! Text rules bound to the columns that a reader was asked for.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::mapping::TextRule;
use super::time::{Clock, Reading};
use crate::formats::{OpenFile, RawBatch, RawColumn};
use crate::reject::RejectReason;

/// Collects the columns to read. A column that the file lacks is asked for all the same: the reader
/// gives it as absent, and whether it may be absent was decided when the file was opened.
pub(super) struct Wanted<'w> {
    pub(super) names: &'w mut Vec<String>,
    pub(super) file: &'w OpenFile,
}

impl Wanted<'_> {
    pub(super) fn place(&mut self, column: &str) -> usize {
        if let Some(place) = self.names.iter().position(|name| name == column) {
            place
        } else {
            self.names.push(column.to_owned());
            self.names.len() - 1
        }
    }
}

/// A text rule with places instead of names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum BoundText {
    None,
    Always(String),
    Column { place: usize, none: Vec<String> },
    FirstOf(Vec<BoundText>),
    Joined(Vec<BoundText>, String),
    Mapped(Box<BoundText>, BTreeMap<String, String>),
}

impl BoundText {
    pub(super) fn of(rule: &TextRule, wanted: &mut Wanted<'_>) -> Self {
        match rule {
            TextRule::None => Self::None,
            TextRule::Always(text) => Self::Always(text.clone()),
            TextRule::Column { column, none } => Self::Column { place: wanted.place(column), none: none.clone() },
            TextRule::FirstOf(rules) => {
                // Of alternatives only those that the file has are read.
                let has = |rule: &&TextRule| match rule {
                    TextRule::Column { column, .. } => wanted.file.has(column),
                    TextRule::None
                    | TextRule::Always(_)
                    | TextRule::FirstOf(_)
                    | TextRule::Joined(..)
                    | TextRule::Mapped(..) => true,
                };
                let present: Vec<&TextRule> = rules.iter().filter(has).collect();
                Self::FirstOf(present.into_iter().map(|rule| Self::of(rule, wanted)).collect())
            }
            TextRule::Joined(rules, between) => {
                Self::Joined(rules.iter().map(|rule| Self::of(rule, wanted)).collect(), between.clone())
            }
            TextRule::Mapped(rule, codes) => Self::Mapped(Box::new(Self::of(rule, wanted)), codes.clone()),
        }
    }

    pub(super) const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// The column to blame when the text is wrong.
    pub(super) fn place(&self) -> Option<usize> {
        match self {
            Self::None | Self::Always(_) => None,
            Self::Column { place, .. } => Some(*place),
            Self::FirstOf(rules) | Self::Joined(rules, _) => rules.iter().find_map(Self::place),
            Self::Mapped(rule, _) => rule.place(),
        }
    }

    #[inline]
    pub(super) fn get<'b>(&'b self, raw: &'b RawBatch, row: usize) -> Option<Cow<'b, str>> {
        match self {
            Self::None => None,
            Self::Always(text) => Some(Cow::Borrowed(text)),
            Self::Column { place, none } => {
                let text = Cells::of(&raw.columns[*place]).get(row)?;
                if none.is_empty() || !none.iter().any(|one| *one == text) { Some(text) } else { None }
            }
            Self::FirstOf(rules) => rules.iter().find_map(|rule| rule.get(raw, row)),
            Self::Mapped(rule, codes) => {
                let text = rule.get(raw, row)?;
                Some(codes.get(text.as_ref()).map_or(text, |mapped| Cow::Borrowed(mapped.as_str())))
            }
            Self::Joined(rules, between) => {
                let first = rules.first()?.get(raw, row)?;
                let rest = rules[1..].iter().filter_map(|rule| rule.get(raw, row));
                Some(Cow::Owned(rest.fold(first.into_owned(), |joined, part| joined + between + &part)))
            }
        }
    }

    /// The time that the text or the typed column states; the column to blame otherwise.
    pub(super) fn reading(
        &self,
        raw: &RawBatch,
        row: usize,
        clock: &Clock,
    ) -> Result<Option<Reading>, (Option<usize>, RejectReason)> {
        use arrow_array::Array as _;
        match self {
            Self::FirstOf(rules) => {
                for rule in rules {
                    if let Some(reading) = rule.reading(raw, row, clock)? {
                        return Ok(Some(reading));
                    }
                }
                Ok(None)
            }
            Self::Column { place, .. } => match &raw.columns[*place] {
                RawColumn::Moments(array, is_instant) if !array.is_null(row) => Ok(Some(if *is_instant {
                    Reading::Instant(array.value(row))
                } else {
                    Reading::Local(array.value(row))
                })),
                RawColumn::Days(array) if !array.is_null(row) => {
                    Ok(Some(Reading::Local(i64::from(array.value(row)) * 86_400_000_000)))
                }
                RawColumn::Moments(..) | RawColumn::Days(_) => Ok(None),
                RawColumn::Unusable(_) => Err((Some(*place), RejectReason::BadTime)),
                _ => self.parsed(raw, row, clock),
            },
            Self::None | Self::Always(_) | Self::Joined(..) | Self::Mapped(..) => self.parsed(raw, row, clock),
        }
    }

    fn parsed(
        &self,
        raw: &RawBatch,
        row: usize,
        clock: &Clock,
    ) -> Result<Option<Reading>, (Option<usize>, RejectReason)> {
        self.get(raw, row).map(|text| clock.read(&text)).transpose().map_err(|reason| (self.place(), reason))
    }
}

/// The cells of one column as text.
#[derive(Clone, Copy)]
pub(super) struct Cells<'b>(&'b RawColumn);

impl<'b> Cells<'b> {
    pub(super) const fn of(column: &'b RawColumn) -> Self {
        Self(column)
    }

    #[inline]
    pub(super) fn get(self, row: usize) -> Option<Cow<'b, str>> {
        if self.0.is_text() { self.0.text(row).map(Cow::Borrowed) } else { self.0.shown(row).map(Cow::Owned) }
    }
}

/// The cells of a column with few different texts: a text is looked at only when it is another one
/// than in the row before.
pub(super) struct Runs<'b> {
    column: &'b RawColumn,
    last: Option<u128>,
}

impl<'b> Runs<'b> {
    pub(super) const fn of(column: &'b RawColumn) -> Self {
        Self { column, last: None }
    }

    /// `None` when the cell is the same as in the row before, else the cell.
    #[inline]
    #[expect(clippy::option_option, reason = "the same as before, or another one, which may be nothing")]
    pub(super) fn next(&mut self, row: usize) -> Option<Option<Cow<'b, str>>> {
        if let Some(short) = self.short(row) {
            if self.last == Some(short) {
                return None;
            }
            self.last = Some(short);
        } else {
            self.last = None;
        }
        Some(Cells::of(self.column).get(row))
    }

    /// All of a short text with its length in one number; `None` for longer ones and for nothing.
    #[inline]
    fn short(&self, row: usize) -> Option<u128> {
        use arrow_array::Array as _;
        const SHORT: u128 = 12;
        match self.column {
            RawColumn::Views(array) if array.null_count() == 0 => {
                let view = array.views()[row];
                (view & 0xffff_ffff <= SHORT).then_some(view)
            }
            RawColumn::Spans(text, spans) => {
                let cell = spans[row];
                let length = cell.end.checked_sub(cell.start).filter(|&length| u128::from(length) <= SHORT)?;
                let bytes = text.as_bytes().get(cell.start as usize..cell.end as usize)?;
                let mut view = [0; 16];
                view[..4].copy_from_slice(&length.to_le_bytes());
                view[4..4 + bytes.len()].copy_from_slice(bytes);
                Some(u128::from_le_bytes(view))
            }
            _ => None,
        }
    }
}
