//! Conditions in the words of SQL, over documented columns: what a job filters and selects by.
//!
//! ```text
//! kind = 'REFUND' AND amount_minor <= -100000 AND order_no LIKE 'VIP%'
//! business_date BETWEEN DATE '2026-11-01' AND DATE '2026-11-30' OR channel IS NULL
//! ```
//!
//! Parsed by the `sqlparser` crate; names and types are checked before anything runs. Comparing
//! with an absent value is neither true nor false, as in SQL: such a row is not selected.

use std::cmp::Ordering;

use sqlparser::ast::{BinaryOperator, DataType, Expr, UnaryOperator, Value as Literal};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Span, Token};

use crate::formats::plain_name;
use crate::normalise::{Exact, Notation, Reading, iso};

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Type {
    /// Text.
    Text,
    /// A whole or decimal number.
    Number,
    /// A day.
    Date,
    /// A moment.
    Instant,
    /// True or false.
    Boolean,
}

impl Type {
    const fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "a number",
            Self::Date => "a date",
            Self::Instant => "a moment",
            Self::Boolean => "true or false",
        }
    }
}

/// A value of a column in one row, or of a literal.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// Absent.
    Null,
    /// Text.
    Text(String),
    /// A number.
    Number(Exact),
    /// Days since 1970.
    Date(i64),
    /// Microseconds since 1970, UTC.
    Instant(i64),
    /// Truth.
    Boolean(bool),
}

impl Value {
    /// A whole number.
    #[must_use]
    pub const fn integer(value: i128) -> Self {
        Self::Number(Exact { digits: value, scale: 0 })
    }
}

/// A column that conditions may name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub holds: Type,
}

/// A condition that was checked against a list of columns.
#[derive(Clone, PartialEq, Debug)]
pub struct Condition {
    /// As it was written.
    pub text: String,
    node: Node,
    columns: Vec<Column>,
}

/// Why a text is no condition, with the bytes of it that are at fault.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistake {
    /// What is wrong.
    pub what: String,
    /// Where in the text.
    pub span: std::ops::Range<usize>,
    /// What to do.
    pub hint: Option<String>,
}

#[derive(Clone, PartialEq, Debug)]
enum Node {
    Column(usize),
    Literal(Value),
    Not(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Compare(Box<Node>, Comparison, Box<Node>),
    IsNull(Box<Node>, bool),
    IsTrue(Box<Node>, bool, bool),
    In(Box<Node>, Vec<Node>, bool),
    Between(Box<Node>, Box<Node>, Box<Node>, bool),
    Like(Box<Node>, String, bool, bool),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Comparison {
    Equal,
    Different,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Condition {
    /// Reads a condition over some columns.
    pub fn parse(text: &str, columns: &[Column]) -> Result<Self, Mistake> {
        let checker = Checker { text, columns };
        let failed = |e: &ParserError| checker.syntax(e);
        let mut parser = Parser::new(&GenericDialect {}).try_with_sql(text).map_err(|e| failed(&e))?;
        let expression = parser.parse_expr().map_err(|e| failed(&e))?;
        let next = parser.peek_token();
        if next.token != Token::EOF {
            return Err(checker.at(next.span, format!("`{}` was not expected here", next.token), None));
        }
        let (node, holds) = checker.check(&expression)?;
        if holds != Some(Type::Boolean) {
            let what = format!("a condition is true or false, this is {}", holds.map_or("nothing", Type::word));
            return Err(Mistake { what, span: 0..text.len(), hint: Some("compare it with something".to_owned()) });
        }
        Ok(Self { text: text.to_owned(), node, columns: columns.to_vec() })
    }

    /// The columns it names.
    #[must_use]
    pub fn uses(&self) -> Vec<&str> {
        let mut used = Vec::new();
        self.node.each_column(&mut |at| used.push(self.columns[at].name.as_str()));
        used.sort_unstable();
        used.dedup();
        used
    }

    /// Whether a row is selected. `value` gives the value of a column by its name.
    pub fn selects(&self, value: &dyn Fn(&str) -> Value) -> bool {
        self.node.value(&|at| value(&self.columns[at].name)) == Value::Boolean(true)
    }
}

struct Checker<'t> {
    text: &'t str,
    columns: &'t [Column],
}

type Checked = (Node, Option<Type>);

impl Checker<'_> {
    fn offset(&self, location: Location) -> usize {
        let line_start: usize = self
            .text
            .split_inclusive('\n')
            .take(usize::try_from(location.line).unwrap_or(1).saturating_sub(1))
            .map(str::len)
            .sum();
        let column = usize::try_from(location.column.saturating_sub(1)).unwrap_or(0);
        let line = &self.text[line_start.min(self.text.len())..];
        line_start + line.char_indices().nth(column).map_or(line.len(), |(at, _)| at)
    }

    fn at(&self, span: Span, what: impl Into<String>, hint: Option<String>) -> Mistake {
        let known = span.start.line > 0;
        let span = if known { self.offset(span.start)..self.offset(span.end) } else { 0..self.text.len() };
        Mistake { what: what.into(), span: span.start..span.end.max(span.start), hint }
    }

    /// The library puts the place into its message: `… at Line: 1, Column: 15`.
    fn syntax(&self, e: &ParserError) -> Mistake {
        let message = match e {
            ParserError::TokenizerError(message) | ParserError::ParserError(message) => message.clone(),
            ParserError::RecursionLimitExceeded => "the condition is nested too deeply".to_owned(),
        };
        let number = |after: &str| -> Option<u64> {
            let digits: String = message.split(after).nth(1)?.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        };
        let start = match (number("Line: "), number("Column: ")) {
            (Some(line), Some(column)) => self.offset(Location { line, column }),
            _ => self.text.len(),
        };
        let what = message.split(" at Line:").next().unwrap_or(&message).to_owned();
        Mistake {
            what,
            span: start..self.text.len(),
            hint: Some("conditions are written as in SQL after WHERE".to_owned()),
        }
    }

    fn check(&self, expression: &Expr) -> Result<Checked, Mistake> {
        match expression {
            Expr::Identifier(name) => self.column(&name.value, name.span),
            Expr::CompoundIdentifier(parts) => {
                let name = parts.iter().map(|part| part.value.as_str()).collect::<Vec<_>>().join(".");
                self.column(&name, parts.first().map_or(Span::empty(), |part| part.span))
            }
            Expr::Value(literal) => self.literal(&literal.value, literal.span),
            Expr::TypedString(typed) => self.typed(&typed.data_type, &typed.value.value, typed.value.span),
            Expr::Nested(inner) => self.check(inner),
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => {
                Ok((Node::Not(Box::new(self.truth(expr)?)), Some(Type::Boolean)))
            }
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } => self.negative(expr),
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right),
            Expr::IsNull(inner) | Expr::IsUnknown(inner) => self.is_null(inner, true),
            Expr::IsNotNull(inner) | Expr::IsNotUnknown(inner) => self.is_null(inner, false),
            Expr::IsTrue(inner) => self.is_true(inner, true, true),
            Expr::IsNotTrue(inner) => self.is_true(inner, true, false),
            Expr::IsFalse(inner) => self.is_true(inner, false, true),
            Expr::IsNotFalse(inner) => self.is_true(inner, false, false),
            Expr::InList { expr, list, negated } => {
                let one = self.check(expr)?;
                let list = list.iter().map(|item| self.matching(&one, item).map(|(_, item)| item));
                let list = list.collect::<Result<Vec<_>, _>>()?;
                Ok((Node::In(Box::new(one.0), list, *negated), Some(Type::Boolean)))
            }
            Expr::Between { expr, negated, low, high } => {
                let one = self.check(expr)?;
                let (_, low) = self.matching(&one, low)?;
                let (_, high) = self.matching(&one, high)?;
                Ok((Node::Between(Box::new(one.0), Box::new(low), Box::new(high), *negated), Some(Type::Boolean)))
            }
            Expr::Like { negated, expr, pattern, .. } => self.like(expr, pattern, *negated, false),
            Expr::ILike { negated, expr, pattern, .. } => self.like(expr, pattern, *negated, true),
            other => {
                let what = format!("`{other}` is not supported in a condition");
                let hint = "use comparisons, IN, BETWEEN, LIKE, IS NULL, AND, OR and NOT".to_owned();
                Err(Mistake { what, span: 0..self.text.len(), hint: Some(hint) })
            }
        }
    }

    fn column(&self, name: &str, span: Span) -> Result<Checked, Mistake> {
        if let Some(at) = self.columns.iter().position(|column| column.name == name || column.name == plain_name(name))
        {
            Ok((Node::Column(at), Some(self.columns[at].holds)))
        } else {
            let names = || self.columns.iter().map(|column| column.name.as_str());
            let hint = match crate::formats::closest(name, names()) {
                Some(close) => format!("did you mean `{close}`?"),
                None => format!("columns are {}", names().collect::<Vec<_>>().join(", ")),
            };
            Err(self.at(span, format!("there is no column `{name}`"), Some(hint)))
        }
    }

    fn literal(&self, literal: &Literal, span: Span) -> Result<Checked, Mistake> {
        Ok(match literal {
            Literal::Number(text, _) => match Exact::parse(text, Notation::default()) {
                Ok(number) => (Node::Literal(Value::Number(number)), Some(Type::Number)),
                Err(_) => return Err(self.at(span, format!("`{text}` is not a number"), None)),
            },
            Literal::SingleQuotedString(text) => (Node::Literal(Value::Text(text.clone())), Some(Type::Text)),
            Literal::Boolean(truth) => (Node::Literal(Value::Boolean(*truth)), Some(Type::Boolean)),
            Literal::Null => (Node::Literal(Value::Null), None),
            other => return Err(self.at(span, format!("`{other}` is not supported in a condition"), None)),
        })
    }

    fn typed(&self, data_type: &DataType, literal: &Literal, span: Span) -> Result<Checked, Mistake> {
        let text = literal.clone().into_string().unwrap_or_default();
        let reading = iso(&text);
        let found = match (data_type, reading) {
            (DataType::Date, Some(Reading::Local(micros))) => {
                Some((Value::Date(micros.div_euclid(86_400_000_000)), Type::Date))
            }
            (DataType::Timestamp(..), Some(Reading::Local(micros) | Reading::Instant(micros))) => {
                Some((Value::Instant(micros), Type::Instant))
            }
            _ => None,
        };
        match found {
            Some((value, holds)) => Ok((Node::Literal(value), Some(holds))),
            None => {
                Err(self.at(span, format!("`{text}` is not {data_type}"), Some("write DATE '2026-11-20'".to_owned())))
            }
        }
    }

    fn negative(&self, expr: &Expr) -> Result<Checked, Mistake> {
        match self.check(expr)? {
            (Node::Literal(Value::Number(number)), holds) => {
                Ok((Node::Literal(Value::Number(number.negated())), holds))
            }
            _ => {
                Err(Mistake { what: "only a number can be negative".to_owned(), span: 0..self.text.len(), hint: None })
            }
        }
    }

    fn truth(&self, expression: &Expr) -> Result<Node, Mistake> {
        match self.check(expression)? {
            (node, Some(Type::Boolean) | None) => Ok(node),
            (_, Some(other)) => {
                let what = format!("`{expression}` is {}, where true or false is needed", other.word());
                Err(Mistake { what, span: self.find(expression), hint: Some("compare it with something".to_owned()) })
            }
        }
    }

    /// Where an expression stands, if it is written the way it is printed.
    fn find(&self, expression: &Expr) -> std::ops::Range<usize> {
        let printed = expression.to_string();
        self.text.find(&printed).map_or(0..self.text.len(), |at| at..at + printed.len())
    }

    fn binary(&self, left: &Expr, op: &BinaryOperator, right: &Expr) -> Result<Checked, Mistake> {
        let comparison = match op {
            BinaryOperator::And => {
                let (left, right) = (Box::new(self.truth(left)?), Box::new(self.truth(right)?));
                return Ok((Node::And(left, right), Some(Type::Boolean)));
            }
            BinaryOperator::Or => {
                let (left, right) = (Box::new(self.truth(left)?), Box::new(self.truth(right)?));
                return Ok((Node::Or(left, right), Some(Type::Boolean)));
            }
            BinaryOperator::Eq => Comparison::Equal,
            BinaryOperator::NotEq => Comparison::Different,
            BinaryOperator::Lt => Comparison::Less,
            BinaryOperator::LtEq => Comparison::LessOrEqual,
            BinaryOperator::Gt => Comparison::Greater,
            BinaryOperator::GtEq => Comparison::GreaterOrEqual,
            other => {
                let what = format!("`{other}` is not supported in a condition");
                return Err(Mistake { what, span: 0..self.text.len(), hint: None });
            }
        };
        let one = self.check(left)?;
        let (one, other) = self.matching(&one, right)?;
        Ok((Node::Compare(Box::new(one), comparison, Box::new(other)), Some(Type::Boolean)))
    }

    /// Checks that an expression can be compared with another; dates may be written as text.
    fn matching(&self, one: &Checked, other: &Expr) -> Result<(Node, Node), Mistake> {
        let checked = self.check(other)?;
        let (Some(left), Some(right)) = (one.1, checked.1) else { return Ok((one.0.clone(), checked.0)) };
        if left == right {
            return Ok((one.0.clone(), checked.0));
        }
        if let (true, Node::Literal(Value::Text(text))) = (matches!(left, Type::Date | Type::Instant), &checked.0)
            && let Some(reading) = iso(text)
        {
            let micros = match reading {
                Reading::Local(micros) | Reading::Instant(micros) => micros,
            };
            let value = if left == Type::Date {
                Value::Date(micros.div_euclid(86_400_000_000))
            } else {
                Value::Instant(micros)
            };
            return Ok((one.0.clone(), Node::Literal(value)));
        }
        let what = format!("`{other}` is {} and cannot be compared with {}", right.word(), left.word());
        let hint = (right == Type::Number && left == Type::Text).then(|| format!("write '{other}'"));
        Err(Mistake { what, span: self.find(other), hint })
    }

    fn is_null(&self, inner: &Expr, is: bool) -> Result<Checked, Mistake> {
        Ok((Node::IsNull(Box::new(self.check(inner)?.0), is), Some(Type::Boolean)))
    }

    fn is_true(&self, inner: &Expr, truth: bool, is: bool) -> Result<Checked, Mistake> {
        Ok((Node::IsTrue(Box::new(self.truth(inner)?), truth, is), Some(Type::Boolean)))
    }

    fn like(&self, expr: &Expr, pattern: &Expr, negated: bool, folded: bool) -> Result<Checked, Mistake> {
        let (one, holds) = self.check(expr)?;
        if let (Some(Type::Text), Node::Literal(Value::Text(pattern))) = (holds, self.check(pattern)?.0) {
            Ok((Node::Like(Box::new(one), pattern, negated, folded), Some(Type::Boolean)))
        } else {
            let what = "LIKE compares text with a pattern in quotes".to_owned();
            Err(Mistake { what, span: self.find(pattern), hint: Some("`%` is any text, `_` any character".to_owned()) })
        }
    }
}

impl Node {
    fn each_column(&self, each: &mut impl FnMut(usize)) {
        match self {
            Self::Column(at) => each(*at),
            Self::Literal(_) => {}
            Self::Not(one) | Self::IsNull(one, _) | Self::IsTrue(one, ..) | Self::Like(one, ..) => {
                one.each_column(each);
            }
            Self::And(one, other) | Self::Or(one, other) | Self::Compare(one, _, other) => {
                one.each_column(each);
                other.each_column(each);
            }
            Self::In(one, list, _) => {
                one.each_column(each);
                list.iter().for_each(|item| item.each_column(each));
            }
            Self::Between(one, low, high, _) => [one, low, high].iter().for_each(|node| node.each_column(each)),
        }
    }

    fn value(&self, column: &dyn Fn(usize) -> Value) -> Value {
        let truth = |truth: Option<bool>| truth.map_or(Value::Null, Value::Boolean);
        match self {
            Self::Column(at) => column(*at),
            Self::Literal(value) => value.clone(),
            Self::Not(one) => truth(one.truth(column).map(|is| !is)),
            Self::And(one, other) => truth(match (one.truth(column), other.truth(column)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            }),
            Self::Or(one, other) => truth(match (one.truth(column), other.truth(column)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            }),
            Self::Compare(one, comparison, other) => {
                truth(order(&one.value(column), &other.value(column)).map(|order| comparison.holds(order)))
            }
            Self::IsNull(one, is) => Value::Boolean((one.value(column) == Value::Null) == *is),
            Self::IsTrue(one, which, is) => Value::Boolean((one.truth(column) == Some(*which)) == *is),
            Self::In(one, list, negated) => {
                let value = one.value(column);
                let compared: Vec<Option<Ordering>> =
                    list.iter().map(|item| order(&value, &item.value(column))).collect();
                let found = if compared.contains(&Some(Ordering::Equal)) {
                    Some(true)
                } else if compared.contains(&None) {
                    None
                } else {
                    Some(false)
                };
                truth(found.map(|found| found != *negated))
            }
            Self::Between(one, low, high, negated) => {
                let value = one.value(column);
                let above = order(&value, &low.value(column)).map(|order| order != Ordering::Less);
                let below = order(&value, &high.value(column)).map(|order| order != Ordering::Greater);
                truth(match (above, below) {
                    (Some(false), _) | (_, Some(false)) => Some(*negated),
                    (Some(true), Some(true)) => Some(!*negated),
                    _ => None,
                })
            }
            Self::Like(one, pattern, negated, folded) => match one.value(column) {
                Value::Text(text) => {
                    let fold = |text: &str| if *folded { text.to_lowercase() } else { text.to_owned() };
                    let (text, pattern): (Vec<char>, Vec<char>) =
                        (fold(&text).chars().collect(), fold(pattern).chars().collect());
                    Value::Boolean(like(&text, &pattern) != *negated)
                }
                _ => Value::Null,
            },
        }
    }

    fn truth(&self, column: &dyn Fn(usize) -> Value) -> Option<bool> {
        match self.value(column) {
            Value::Boolean(truth) => Some(truth),
            _ => None,
        }
    }
}

impl Comparison {
    const fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => matches!(order, Ordering::Equal),
            Self::Different => !matches!(order, Ordering::Equal),
            Self::Less => matches!(order, Ordering::Less),
            Self::LessOrEqual => !matches!(order, Ordering::Greater),
            Self::Greater => matches!(order, Ordering::Greater),
            Self::GreaterOrEqual => !matches!(order, Ordering::Less),
        }
    }
}

fn order(one: &Value, other: &Value) -> Option<Ordering> {
    match (one, other) {
        (Value::Text(one), Value::Text(other)) => Some(one.cmp(other)),
        (Value::Number(one), Value::Number(other)) => Some(one.plus(other.negated()).digits.cmp(&0)),
        (Value::Date(one), Value::Date(other)) | (Value::Instant(one), Value::Instant(other)) => Some(one.cmp(other)),
        (Value::Boolean(one), Value::Boolean(other)) => Some(one.cmp(other)),
        _ => None,
    }
}

fn like(text: &[char], pattern: &[char]) -> bool {
    let (mut at, mut of) = (0, 0);
    // Where to go back to when the run that a `%` stands for has to grow.
    let mut run: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(of) {
            Some('%') => {
                run = Some((of + 1, at));
                of += 1;
            }
            Some(&c) if c == '_' || c == text[at] => {
                at += 1;
                of += 1;
            }
            _ => match run {
                Some((after, from)) => {
                    run = Some((after, from + 1));
                    at = from + 1;
                    of = after;
                }
                None => return false,
            },
        }
    }
    pattern[of..].iter().all(|&c| c == '%')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Vec<Column> {
        [
            ("kind", Type::Text),
            ("order_no", Type::Text),
            ("amount_minor", Type::Number),
            ("business_date", Type::Date),
            ("fulfilled", Type::Boolean),
        ]
        .map(|(name, holds)| Column { name: name.to_owned(), holds })
        .to_vec()
    }

    fn row(name: &str) -> Value {
        match name {
            "kind" => Value::Text("REFUND".to_owned()),
            "order_no" => Value::Null,
            "amount_minor" => Value::integer(-1_050),
            "business_date" => Value::Date(20_777),
            _ => Value::Boolean(true),
        }
    }

    fn selects(text: &str) -> bool {
        Condition::parse(text, &columns()).unwrap().selects(&row)
    }

    #[test]
    fn comparisons_follow_sql() {
        for text in [
            "kind = 'REFUND'",
            "kind <> 'PAYMENT' AND amount_minor < -1000",
            "amount_minor BETWEEN -1050 AND -1050",
            "amount_minor = -1050.00",
            "kind IN ('PAYMENT', 'REFUND')",
            "kind LIKE 'REF%' AND kind ILIKE '_efund'",
            "business_date = DATE '2026-11-20'",
            "business_date >= '2026-11-20'",
            "order_no IS NULL",
            "fulfilled AND NOT (kind = 'PAYMENT')",
            "order_no = 'A' OR kind = 'REFUND'",
            "(order_no = 'A') IS NOT TRUE",
        ] {
            assert!(selects(text), "{text}");
        }
    }

    #[test]
    fn comparing_with_nothing_is_neither_true_nor_false() {
        for text in [
            "order_no = 'A'",
            "order_no <> 'A'",
            "NOT (order_no = 'A')",
            "order_no IN ('A')",
            "order_no NOT IN ('A')",
            "order_no LIKE '%'",
            "order_no NOT LIKE 'A'",
            "kind NOT IN ('PAYMENT', NULL)",
            "order_no BETWEEN 'A' AND 'B'",
        ] {
            assert!(!selects(text), "{text}");
        }
    }

    #[test]
    fn mistakes_say_where_and_what_to_do() {
        let mistake = |text: &str| Condition::parse(text, &columns()).unwrap_err();
        let wrong_name = mistake("kind = 'REFUND' AND amonut_minor > 5");
        assert_eq!(wrong_name.what, "there is no column `amonut_minor`");
        assert_eq!(&"kind = 'REFUND' AND amonut_minor > 5"[wrong_name.span], "amonut_minor");
        assert_eq!(wrong_name.hint.as_deref(), Some("did you mean `amount_minor`?"));
        assert_eq!(mistake("kind = 5").hint.as_deref(), Some("write '5'"));
        assert_eq!(&"amount_minor > 'x'"[mistake("amount_minor > 'x'").span], "'x'");
        assert!(mistake("kind").what.contains("true or false"));
        assert!(mistake("kind = 'a' extra").what.contains("`extra`"));
        assert!(mistake("kind =").what.contains("Expected"));
        assert!(mistake("upper(kind) = 'A'").what.contains("not supported"));
        assert!(mistake("").what.contains("Expected"));
        assert!(mistake("business_date = DATE 'yesterday'").hint.is_some());
    }

    #[test]
    fn the_columns_in_use_are_known() {
        let condition = Condition::parse("kind = 'A' OR (kind = 'B' AND amount_minor > 0)", &columns()).unwrap();
        assert_eq!(condition.uses(), vec!["amount_minor", "kind"]);
    }
}
