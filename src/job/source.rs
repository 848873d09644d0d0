//! One `[[source]]` of a job: where its files are, what their columns mean, what is expected of it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil;
use jiff::tz::TimeZone;
use tieout_kernel::fee::FeeSchedule;
use tieout_kernel::policy::{Compared, Horizon, SourcePolicy};
use tieout_kernel::record::{Book, Kind, KindSet, Note, Status};

use super::document::{Node, Placed, Section};
use super::plan::{DatedPlace, Deadline, RejectLimit, SourcePlan};
use super::resolve::{FILTER_COLUMNS, Resolver, is_name, kinds_of};
use crate::expression::{Column, Condition, Type};
use crate::formats::{Format, Opening, delimited, encoding};
use crate::normalise::{
    Ambiguous, ByKind, CodeRule, KindOf, Mapping, MoneyRule, NegativePayment, Notation, Principal, Rounding, Sign,
    TextRule, TimeFormat, Unit,
};

impl Resolver<'_> {
    pub(super) fn sources(&self, fees: &BTreeMap<String, FeeSchedule>, compared: &Compared) -> Vec<SourcePlan> {
        let sections = self.root.sections("source");
        let count = sections.len();
        let sources: Vec<SourcePlan> =
            sections.into_iter().filter_map(|section| self.source(section, fees, compared)).collect();
        self.check_names(&sources);
        // A source that is wrong in itself may have been the one that is missed.
        if sources.len() == count {
            self.check_books(&sources);
        }
        sources
    }

    fn check_names(&self, sources: &[SourcePlan]) {
        let mut names = BTreeSet::new();
        let mut accounts: BTreeMap<&str, &str> = BTreeMap::new();
        for source in sources {
            if !names.insert(&source.name) {
                self.complain(
                    self.root.at(),
                    format!("two sources are called `{}`", source.name),
                    "give each its own name",
                );
            }
            for account in &source.accounts {
                if let Some(other) = accounts.insert(account, &source.name) {
                    let what = format!("account `{account}` is in the sources `{other}` and `{}`", source.name);
                    let hint = "one bill per account: the trade bill and the fund bill say the same money twice";
                    self.complain(self.root.at(), what, hint);
                }
            }
        }
    }

    fn check_books(&self, sources: &[SourcePlan]) {
        for book in [Book::Ledger, Book::Statement] {
            if !sources.is_empty() && !sources.iter().any(|source| source.book == book) {
                let what = format!("no source has the book `{book}`");
                self.complain(self.root.at(), what, "a reconciliation needs a ledger and a statement");
            }
        }
        if self.root.get("source").is_none() {
            self.complain(
                self.root.at(),
                "the job has no [[source]]",
                "a reconciliation needs a ledger and a statement",
            );
        }
    }

    fn source(
        &self,
        section: Section<'_>,
        fees: &BTreeMap<String, FeeSchedule>,
        compared: &Compared,
    ) -> Option<SourcePlan> {
        let name = section.needed_text("name", "a short name such as alipay");
        if let Some(name) = name.as_ref().filter(|name| !is_name(&name.value)) {
            self.complain(&name.at, format!("`{}` cannot be a name", name.value), "use letters, digits, `-` and `_`");
        }
        let books = [("ledger", Book::Ledger), ("statement", Book::Statement)];
        let book = section.needed_text("book", "`ledger` or `statement`");
        let book = book.and_then(|book| section.one_of(&book, &books));
        let formats: Vec<(&str, Format)> = Format::ALL.iter().map(|format| (format.word(), *format)).collect();
        let format = section.needed_text("format", "one of `tieout formats`");
        let format = format.and_then(|format| section.one_of(&format, &formats));
        let place = section.needed_text("place", "where its files are, such as ../in/{date}/*.csv");
        let place = place.and_then(|place| self.dated(&place));
        let manifest = section.text("manifest").and_then(|place| self.dated(&place));
        let (book, format) = (book?, format?);
        let accounts = section.texts("account").unwrap_or_default();
        if accounts.is_empty() && book == Book::Statement {
            let why = "the merchant account or accounts that the statement is of; records of others are out of scope";
            self.complain(section.at(), "a statement says whose it is: `account`", why);
        }
        if format == Format::WechatFund
            && let [_, second, ..] = accounts.as_slice()
        {
            let what = "WeChat's fund bill names no account, so one source can be of one account only";
            self.complain(&second.at, what, "write a source for each account");
        }
        if let Some(account) = accounts.first().filter(|_| book == Book::Ledger) {
            let hint = "a ledger names the account of each record: [source.columns] account";
            self.complain(&account.at, "a ledger has no `account` of its own", hint);
        }
        let extra = self.extra(&section);
        let zone = self.zone(&section, format);
        let mapping = format.is_generic().then(|| self.mapping(&section, zone, &extra, &accounts));
        if !format.is_generic() {
            self.refuse_columns(&section, format);
        }
        let filter = self.filter(&section, &extra);
        let principal = section
            .word("compare_amount", &[("order_amount", Principal::OrderAmount), ("settled", Principal::Settled)]);
        let policy = self.source_policy(&section, name.as_ref(), book, format, fees);
        let opening = self.opening(&section, format, mapping.as_ref());
        let place_given = place.is_some();
        let nowhere = || DatedPlace::parse("nowhere", self.folder.clone()).expect("a plain name is a place");
        let plan = SourcePlan {
            name: name.map(|name| name.value).unwrap_or_default(),
            book,
            format,
            place: place.unwrap_or_else(nowhere),
            manifest,
            expected: section.truth("expected").unwrap_or(true),
            deadline: section.text("deadline").and_then(|text| self.deadline(&text)),
            accounts: accounts.into_iter().map(|account| account.value).collect(),
            footer_optional: section.word("footer", &[("required", false), ("optional", true)]).unwrap_or(false),
            opening,
            mapping,
            principal: principal.unwrap_or(Principal::OrderAmount),
            filter,
            reject_limit: self.reject_limit(&section),
            policy,
            extra,
        };
        for column in &compared.columns {
            if !plan.extra.iter().any(|(name, _)| *name == column.name) {
                let what = format!("`{}` is compared, and this source does not say which column it is", column.name);
                self.complain(section.at(), what, format!("[source.extra] {} = \"its column\"", column.name));
            }
        }
        section.finish();
        place_given.then_some(plan)
    }

    pub(super) fn dated(&self, text: &Placed<String>) -> Option<DatedPlace> {
        match DatedPlace::parse(&text.value, self.folder.clone()) {
            Ok(place) => Some(place),
            Err(e) => {
                self.complain(&text.at, e, "a path relative to the job file, or file://, s3://, gs://, az://");
                None
            }
        }
    }

    fn deadline(&self, text: &Placed<String>) -> Option<Deadline> {
        let parsed = text.value.strip_prefix('+').and_then(|rest| rest.split_once(' ')).and_then(|(days, time)| {
            Some(Deadline { days: days.parse().ok()?, time: civil::Time::strptime("%H:%M", time.trim()).ok()? })
        });
        if parsed.is_none() {
            let hint =
                "write \"+1 10:30\": so many days after the business date, at that time in the zone of the source";
            self.complain(&text.at, format!("`{}` is no deadline", text.value), hint);
        }
        parsed
    }

    /// Provider formats have their zone; others must say theirs.
    fn zone(&self, section: &Section<'_>, format: Format) -> TimeZone {
        if !format.is_generic() {
            if let Some(zone) = section.text("zone") {
                self.complain(&zone.at, format!("{} has a zone of its own", format.word()), "leave `zone` out");
            }
            return TimeZone::UTC;
        }
        let why = "local times mean nothing without it, and nothing is assumed: \"Asia/Shanghai\", \"UTC\"";
        let Some(zone) = section.needed_text("zone", why) else { return TimeZone::UTC };
        if let Ok(found) = TimeZone::get(&zone.value) {
            found
        } else {
            self.complain(
                &zone.at,
                format!("there is no time zone `{}`", zone.value),
                "an IANA name such as Asia/Shanghai",
            );
            TimeZone::UTC
        }
    }

    fn refuse_columns(&self, section: &Section<'_>, format: Format) {
        for name in ["columns", "codes", "unit", "sign"] {
            if let Some(node) = section.get(name) {
                let what = format!("{} has its columns and signs by definition", format.word());
                self.complain(node.at(), what, format!("leave `{name}` out, or use a generic format"));
            }
        }
    }

    fn extra(&self, section: &Section<'_>) -> Vec<(String, TextRule)> {
        let Some(extra) = section.section("extra") else { return Vec::new() };
        let names: Vec<String> = extra.entries().into_iter().map(|(name, _, _)| name).collect();
        names.into_iter().filter_map(|name| self.text_rule(&extra, &name).map(|rule| (name, rule))).collect()
    }

    /// `"column"`, `{ column = "…", none = ["0"] }`, `{ always = "…" }` or `{ first_of = ["…", "…"] }`.
    fn text_rule(&self, section: &Section<'_>, name: &str) -> Option<TextRule> {
        let node = section.get(name)?;
        if !node.is_table() {
            return section.text(name).map(|text| TextRule::column(&text.value));
        }
        let inner = section.section(name)?;
        let column = inner.text("column");
        let none = inner.texts("none").unwrap_or_default().into_iter().map(|text| text.value).collect();
        let always = inner.text("always");
        let first_of = inner.texts("first_of");
        let rule = match (column, always, first_of) {
            (Some(column), None, None) => Some(TextRule::Column { column: column.value, none }),
            (None, Some(always), None) => Some(TextRule::Always(always.value)),
            (None, None, Some(columns)) => {
                Some(TextRule::FirstOf(columns.iter().map(|column| TextRule::column(&column.value)).collect()))
            }
            _ => {
                let hint = "`column`, `always` or `first_of`";
                self.complain(node.at(), format!("`{name}` says where its text comes from in one way"), hint);
                None
            }
        };
        inner.finish();
        rule
    }

    fn mapping(
        &self,
        section: &Section<'_>,
        zone: TimeZone,
        extra: &[(String, TextRule)],
        accounts: &[Placed<String>],
    ) -> Mapping {
        let mut mapping = Mapping::bare(zone);
        mapping.extra = extra.to_vec();
        mapping.currencies.clone_from(&self.currencies);
        self.numbers(section, &mut mapping);
        self.times(section, &mut mapping);
        let Some(columns) = section.section("columns") else {
            let hint = "[source.columns] names at least amount, currency, status, occurred_at and account";
            self.complain(section.at(), "a generic source says what its columns are", hint);
            return mapping;
        };
        let codes = section.section("codes");
        self.amounts(section, &columns, &mut mapping);
        self.codes(&columns, codes.as_ref(), &mut mapping);
        let needed = |name: &str, why: &str| {
            if columns.get(name).is_none() {
                self.complain(columns.at(), format!("[source.columns] does not say `{name}`"), why);
            }
            self.text_rule(&columns, name).unwrap_or(TextRule::None)
        };
        mapping.currency = needed("currency", "a column, or { always = \"CNY\" }");
        mapping.occurred_at = Some(needed("occurred_at", "the column with the time of the event"));
        let only_account = match accounts {
            [only] if columns.get("account").is_none() => Some(TextRule::Always(only.value.clone())),
            _ => None,
        };
        let account = only_account
            .unwrap_or_else(|| needed("account", "the merchant account of each record, as the statement names it"));
        let account_codes = codes.as_ref().and_then(|codes| Self::account_codes(codes));
        mapping.account = match account_codes {
            Some(codes) => TextRule::Mapped(Box::new(account), codes),
            None => account,
        };
        let optional = |name: &str| self.text_rule(&columns, name).unwrap_or(TextRule::None);
        mapping.order_no = ByKind::all(optional("order_no"));
        mapping.event_no = ByKind::all(optional("event_no"));
        mapping.provider_txn_id = ByKind::all(optional("provider_txn_id"));
        mapping.original_txn_id = ByKind::all(optional("original_txn_id"));
        let numbers = [&mapping.order_no, &mapping.event_no, &mapping.provider_txn_id];
        if numbers.iter().all(|rule| rule.rules().all(|rule| *rule == TextRule::None)) {
            let hint = "at least one of order_no, event_no and provider_txn_id";
            self.complain(columns.at(), "[source.columns] names no number by which records are found", hint);
        }
        mapping.batch_id = optional("batch_id");
        mapping.counterparty = optional("counterparty");
        mapping.settled_on = optional("settled_on");
        mapping.closed_at = optional("closed_at");
        mapping.fulfilled = optional("fulfilled");
        columns.finish();
        if let Some(codes) = codes {
            codes.finish();
        }
        mapping
    }

    fn numbers(&self, section: &Section<'_>, mapping: &mut Mapping) {
        let unit = section.needed_text("unit", "\"minor\" (fen, cents) or \"major\" (yuan, dollars)");
        let unit = unit.and_then(|unit| section.one_of(&unit, &[("minor", Unit::Minor), ("major", Unit::Major)]));
        mapping.unit = unit.unwrap_or(Unit::Minor);
        let mark = |name: &str| {
            let text = section.text(name)?;
            match delimited::one_byte(&text.value) {
                Ok(byte) => byte,
                Err(e) => {
                    self.complaints.add(e.at(text.at.excerpt()));
                    None
                }
            }
        };
        mapping.notation = Notation { decimal: mark("decimal").unwrap_or(b'.'), thousands: mark("thousands") };
        let rounding = section.word("rounding", &[("refuse", Rounding::Refuse), ("half_up", Rounding::HalfUp)]);
        mapping.rounding = rounding.unwrap_or_default();
        if let Some(scales) = section.section("scales") {
            for (code, at, _) in scales.entries() {
                match scales.count(&code).and_then(|count| u8::try_from(count.value).ok()).filter(|scale| *scale <= 6) {
                    Some(scale) => {
                        mapping.scales.insert(code, scale);
                    }
                    None => self.complain(at, format!("`{code}` has no such number of decimals"), "write CLP = 2"),
                }
            }
        }
    }

    fn times(&self, section: &Section<'_>, mapping: &mut Mapping) {
        if let Some(text) = section.text("cut_off") {
            match civil::Time::strptime("%H:%M", &text.value) {
                Ok(time) if time != civil::Time::midnight() => {
                    mapping.cut_off = i64::from(time.hour()) * 3_600 + i64::from(time.minute()) * 60;
                }
                Ok(_) => {}
                Err(_) => self.complain(&text.at, format!("`{}` is no time of day", text.value), "write \"23:00\""),
            }
        }
        let ambiguous = section.word(
            "ambiguous_time",
            &[("earlier", Ambiguous::Earlier), ("later", Ambiguous::Later), ("refuse", Ambiguous::Refuse)],
        );
        mapping.ambiguous = ambiguous.unwrap_or_default();
        mapping.time_format = match section.text("time_format").map(|text| text.value) {
            None => TimeFormat::Iso,
            Some(text) if text == "iso" => TimeFormat::Iso,
            Some(text) if text == "epoch_seconds" => TimeFormat::EpochSeconds,
            Some(text) if text == "epoch_millis" => TimeFormat::EpochMillis,
            Some(pattern) => TimeFormat::Pattern(pattern),
        };
    }

    fn amounts(&self, section: &Section<'_>, columns: &Section<'_>, mapping: &mut Mapping) {
        let signs = [("signed", 0), ("by_kind", 1), ("indicator", 2), ("credit_debit", 3)];
        let hint = "\"signed\" (from the owner's balance), \"by_kind\" (no sign, the kind tells), \"indicator\" or \"credit_debit\"";
        let sign = section.needed_text("sign", hint).and_then(|sign| section.one_of(&sign, &signs));
        let one_column =
            |rule: &mut Mapping| match columns.needed_text("amount", "the column with the amount of each record") {
                Some(amount) => rule.amount = ByKind::all(MoneyRule { parts: vec![(amount.value, 1)], required: true }),
                None => rule.amount = ByKind(Vec::new()),
            };
        match sign {
            Some(0) => {
                one_column(mapping);
                mapping.sign = Sign::Signed;
            }
            Some(1) => {
                one_column(mapping);
                mapping.sign = Sign::ByKind;
            }
            Some(2) => {
                one_column(mapping);
                mapping.sign = self.indicator(section);
            }
            Some(_) => {
                let credit = columns.needed_text("credit", "the column with money in");
                let debit = columns.needed_text("debit", "the column with money out");
                if let (Some(credit), Some(debit)) = (credit, debit) {
                    mapping.sign = Sign::TwoColumns { credit: credit.value, debit: debit.value };
                }
            }
            None => {
                columns.get("amount");
            }
        }
        let negative = [("reject", NegativePayment::Reject), ("refund", NegativePayment::Refund)];
        mapping.negative_payment = section.word("negative_payment", &negative).unwrap_or(NegativePayment::Reject);
        let plain = |name: &str| {
            let rule = |text: Placed<String>| MoneyRule { parts: vec![(text.value, 1)], required: false };
            columns.text(name).map(rule)
        };
        mapping.order_amount = plain("order_amount").map(ByKind::all);
        mapping.net = plain("net");
        mapping.balance_after = plain("balance_after");
        mapping.fee = self.charge(columns, "fee");
        mapping.tax = self.charge(columns, "tax");
    }

    fn indicator(&self, section: &Section<'_>) -> Sign {
        let Some(direction) = section.section("direction") else {
            let hint = "[source.direction] column = \"dc\", in = [\"C\"], out = [\"D\"]";
            self.complain(section.at(), "an indicator needs its column and words", hint);
            return Sign::Signed;
        };
        let column = direction.needed_text("column", "the column with the indicator");
        let words = |name: &str| -> Vec<String> {
            direction.texts(name).unwrap_or_default().into_iter().map(|text| text.value).collect()
        };
        let (money_in, money_out) = (words("in"), words("out"));
        if money_in.is_empty() || money_out.is_empty() {
            self.complain(direction.at(), "an indicator has words for both ways", "in = [\"C\"], out = [\"D\"]");
        }
        direction.finish();
        column.map_or(Sign::Signed, |column| Sign::Indicator { column: column.value, money_in, money_out })
    }

    /// `{ column = "…", charged = "positive" }`: which way a charged fee is printed is never assumed.
    fn charge(&self, columns: &Section<'_>, name: &str) -> Option<MoneyRule> {
        let node = columns.get(name)?;
        let hint = format!(
            "{name} = {{ column = \"…\", charged = \"positive\" }}, or \"negative\" where charges are negative"
        );
        if !node.is_table() {
            self.complain(node.at(), format!("`{name}` says how a charge is printed"), hint);
            return None;
        }
        let inner = columns.section(name)?;
        let column = inner.needed_text("column", "the column it stands in");
        let charged = inner.needed_text("charged", &hint);
        let sign = charged.and_then(|charged| inner.one_of(&charged, &[("positive", -1), ("negative", 1)]));
        inner.finish();
        Some(MoneyRule { parts: vec![(column?.value, sign?)], required: false })
    }

    fn codes(&self, columns: &Section<'_>, codes: Option<&Section<'_>>, mapping: &mut Mapping) {
        let kinds: Vec<(&str, Kind)> = Kind::ALL.iter().map(|kind| (kind.word(), *kind)).collect();
        mapping.kind = match self.text_rule(columns, "kind") {
            None => CodeRule::Always(Kind::Payment.into()),
            Some(TextRule::Always(word)) => {
                if let Some(kind) = Kind::from_word(&word) {
                    CodeRule::Always(kind.into())
                } else {
                    let at = columns.get("kind").map_or(columns.at(), Node::at);
                    self.complain(at, format!("`{word}` is no kind"), "PAYMENT, REFUND, PAYOUT, …");
                    CodeRule::Always(Kind::Payment.into())
                }
            }
            Some(rule) => CodeRule::Column {
                column: column_name(&rule),
                codes: match codes.and_then(|codes| codes.section("kind")) {
                    Some(section) => Self::kind_codes(&section, &kinds),
                    None => kinds.iter().map(|(word, kind)| ((*word).to_owned(), KindOf::from(*kind))).collect(),
                },
            },
        };
        let statuses: Vec<(&str, Status)> = Status::ALL.iter().map(|status| (status.word(), *status)).collect();
        if columns.get("status").is_none() {
            let hint = "a column, or { always = \"SUCCESS\" } where only successes are listed";
            self.complain(columns.at(), "[source.columns] does not say `status`", hint);
        }
        let status = match self.text_rule(columns, "status") {
            None => CodeRule::Always((Status::Unknown, None)),
            Some(TextRule::Always(word)) => {
                if let Some(status) = Status::from_word(&word) {
                    CodeRule::Always((status, None))
                } else {
                    let at = columns.get("status").map_or(columns.at(), Node::at);
                    self.complain(
                        at,
                        format!("`{word}` is no status"),
                        "SUCCESS, PENDING, FAILED, CLOSED, REVERSED or UNKNOWN",
                    );
                    CodeRule::Always((Status::Unknown, None))
                }
            }
            Some(rule) => CodeRule::Column {
                column: column_name(&rule),
                codes: match codes.and_then(|codes| codes.section("status")) {
                    Some(section) => Self::status_codes(&section, &statuses),
                    None => statuses.iter().map(|(word, status)| ((*word).to_owned(), (*status, None))).collect(),
                },
            },
        };
        mapping.status = ByKind::all(status);
    }

    fn kind_codes(section: &Section<'_>, kinds: &[(&str, Kind)]) -> BTreeMap<String, KindOf> {
        let mut codes = BTreeMap::new();
        for (code, _, node) in section.entries() {
            if node.is_table() {
                let Some(inner) = section.section(&code) else { continue };
                let (money_in, money_out) = (inner.word("in", kinds), inner.word("out", kinds));
                if let (Some(money_in), Some(money_out)) = (money_in, money_out) {
                    codes.insert(code, KindOf { money_in, money_out });
                }
                inner.finish();
            } else if let Some(kind) = section.word(&code, kinds) {
                codes.insert(code, kind.into());
            }
        }
        codes
    }

    fn status_codes(section: &Section<'_>, statuses: &[(&str, Status)]) -> BTreeMap<String, (Status, Option<Note>)> {
        let entries = section.entries();
        entries
            .into_iter()
            .filter_map(|(code, _, _)| section.word(&code, statuses).map(|status| (code, (status, None))))
            .collect()
    }

    fn account_codes(codes: &Section<'_>) -> Option<BTreeMap<String, String>> {
        let section = codes.section("account")?;
        let entries = section.entries();
        Some(
            entries.into_iter().filter_map(|(code, _, _)| section.text(&code).map(|text| (code, text.value))).collect(),
        )
    }

    fn filter(&self, section: &Section<'_>, extra: &[(String, TextRule)]) -> Option<Condition> {
        let text = section.text("filter")?;
        let mut columns: Vec<Column> =
            FILTER_COLUMNS.iter().map(|(name, holds)| Column { name: (*name).to_owned(), holds: *holds }).collect();
        columns.extend(extra.iter().map(|(name, _)| Column { name: name.clone(), holds: Type::Text }));
        self.condition(&text, &columns)
    }

    fn reject_limit(&self, section: &Section<'_>) -> RejectLimit {
        let mut limit = RejectLimit { rows: 10, per_million: 1_000, amount_minor: None };
        let Some(section) = section.section("rejects") else { return limit };
        if let Some(rows) = section.count("rows") {
            limit.rows = rows.value;
        }
        if let Some(rate) = section.text("share").and_then(|text| self.rate(&text)) {
            limit.per_million = u64::try_from(rate.0 / 1_000).unwrap_or(0);
        }
        limit.amount_minor = section.count("amount_minor").map(|amount| i128::from(amount.value));
        section.finish();
        limit
    }

    fn source_policy(
        &self,
        section: &Section<'_>,
        name: Option<&Placed<String>>,
        book: Book,
        format: Format,
        fees: &BTreeMap<String, FeeSchedule>,
    ) -> SourcePolicy {
        let mut policy = SourcePolicy::plain(name.map_or("", |name| &name.value), Horizon::BusinessDays(1));
        let kinds = section.texts("kinds").and_then(|texts| kinds_of(section, &texts));
        policy.provider = match format.word().split_once('.') {
            Some((provider, _)) if !format.is_generic() => provider.to_owned(),
            _ => policy.name.clone(),
        };
        policy.kinds = match (kinds, format) {
            (Some(kinds), _) => KindSet::of(&kinds),
            (None, Format::AlipayTrade) => KindSet::of(&[Kind::Payment, Kind::Refund, Kind::Adjustment]),
            (None, _) => KindSet::ALL,
        };
        if let Some(carry) = section.section("carry") {
            self.carry(&carry, &mut policy);
            carry.finish();
        }
        policy.regulated = section.truth("regulated").unwrap_or(false);
        policy.success_only = section.truth("success_only").unwrap_or(false);
        if let Some(schedule) = section.text("fees") {
            if let Some(found) = fees.get(&schedule.value) {
                policy.fees = Some(found.clone());
            } else {
                let what = format!("there is no fee schedule `{}`", schedule.value);
                self.complain(&schedule.at, what, format!("write its rules under [[fees.{}]]", schedule.value));
            }
            if book == Book::Ledger {
                self.complain(&schedule.at, "fees are charged on statements", "move `fees` to the statement's source");
            }
        }
        policy
    }

    /// `default = 1`, `payment = "none"`, `refund = 3`.
    fn carry(&self, section: &Section<'_>, policy: &mut SourcePolicy) {
        let horizon = |name: &str| -> Option<Horizon> {
            let node = section.get(name)?;
            match node.text() {
                Some("none") => Some(Horizon::AtOnce),
                Some(_) => {
                    let hint = "a number of business days, or \"none\": a single record is a difference at once";
                    self.complain(node.at(), format!("`{name}` is no horizon"), hint);
                    None
                }
                None => section.count(name).and_then(|days| u32::try_from(days.value).ok()).map(Horizon::BusinessDays),
            }
        };
        if let Some(default) = horizon("default") {
            policy.horizons.fill(default);
        }
        for &kind in Kind::ALL {
            if let Some(of_kind) = horizon(&kind.word().to_ascii_lowercase()) {
                policy.horizons[kind as usize] = of_kind;
            }
        }
    }

    fn opening(&self, section: &Section<'_>, format: Format, mapping: Option<&Mapping>) -> Opening {
        let mut opening = Opening { format: Some(format), ..Opening::default() };
        if let Some(label) = section.text("encoding") {
            opening.encoding = encoding(&label.value);
            if opening.encoding.is_none() {
                self.complain(
                    &label.at,
                    format!("there is no encoding `{}`", label.value),
                    "utf-8, gb18030, windows-1252, …",
                );
            }
        }
        if format == Format::Delimited {
            let byte = |name: &str| {
                let text = section.text(name)?;
                match delimited::one_byte(&text.value) {
                    Ok(byte) => Some(byte),
                    Err(e) => {
                        self.complaints.add(e.at(text.at.excerpt()));
                        None
                    }
                }
            };
            opening.dialect.delimiter = byte("delimiter").flatten();
            if let Some(quote) = byte("quote") {
                opening.dialect.quote = quote;
            }
            if let Some(lines) = section.count("skip_lines") {
                opening.dialect.skip_lines = usize::try_from(lines.value).unwrap_or(usize::MAX);
            }
            opening.dialect.comment = section.text("comment").map(|text| text.value);
        }
        if matches!(format, Format::Delimited | Format::JsonLines) {
            let optional = section.word("final_line_end", &[("required", true), ("optional", false)]);
            opening.dialect.final_line_end = optional.unwrap_or(true);
        }
        opening.columns =
            mapping.map(|mapping| mapping.columns().into_iter().map(|used| used.name).collect()).unwrap_or_default();
        opening
    }
}

fn column_name(rule: &TextRule) -> String {
    match rule {
        TextRule::Column { column, .. } => column.clone(),
        TextRule::FirstOf(rules) => rules.first().map(column_name).unwrap_or_default(),
        TextRule::None | TextRule::Always(_) | TextRule::Joined(..) | TextRule::Mapped(..) => String::new(),
    }
}
