//! `tieout explain`: everything known about one order, payment or difference, as a page or as JSON.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::civil;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::{DONE, console, date_of, store};
use crate::error::Error;
use crate::explain::{Answer, CLOSED, Change, Difference, Explanation, Known, OPEN, Raw, Row, Unread, explain};
use crate::job::{self, Language};
use crate::normalise::decimal_text;
use crate::report::summary;
use tieout_kernel::outcome::State;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The job file
    job: PathBuf,
    /// The business date, such as 2026-11-20
    #[arg(long, value_name = "DATE")]
    date: String,
    /// An order, event, refund, payout or provider's number, a difference (D…), a finding (F…), a worklist
    /// item (W…) or a journal entry (J…)
    #[arg(value_name = "KEY")]
    key: String,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub fn run(self) -> Result<u8, Error> {
        let plan = job::load(&self.job)?;
        let date = date_of("--date", &self.date)?;
        match explain(&store()?, &plan, date, &self.key)? {
            Answer::Known(known) if self.json => {
                console::out(&format!("{}\n", serde_json::to_string(&known).expect("an explanation is plain values")));
            }
            Answer::Known(known) => console::out(&page(&known, plan.language)),
            Answer::Unknown { dates, searched, unread } => {
                return Err(self.unknown(date, &dates, searched, &unread));
            }
        }
        Ok(DONE)
    }

    fn unknown(&self, date: civil::Date, dates: &[civil::Date], searched: usize, unread: &[Unread]) -> Error {
        let mut what = format!("nothing is known of {} on {date}", self.key);
        if let Some(first) = unread.first() {
            let files = if unread.len() == 1 { "file" } else { "files" };
            what += &format!("; {} {files} could not be searched: {} {}", unread.len(), first.file, why(&first.why).0);
        }
        let shown: Vec<String> = dates.iter().take(10).map(ToString::to_string).collect();
        let hint = match dates.first() {
            Some(latest) => format!("it occurs on {}; try --date {latest}", shown.join(", ")),
            None if searched == 0 => "its run stands on no day before; look at a later one".to_owned(),
            None => format!("nor on the {searched} days before it; look for a blank, a leading zero, or a later date"),
        };
        Error::usage(what, hint)
    }
}

/// Why a row cannot be shown, in English and Chinese.
fn why(raw: &Raw) -> (String, String) {
    match raw {
        Raw::Gone(place) => (format!("is gone: nothing at {place}"), format!("文件已不在：{place}")),
        Raw::Changed(place) => {
            (format!("has changed since it was reconciled: {place}"), format!("文件在对账后已变更：{place}"))
        }
        Raw::Unknown(why) => ((*why).to_owned(), format!("无法读取（{why}）")),
        Raw::Line(_) | Raw::Row(_) => (String::new(), String::new()),
    }
}

/// The whole page.
fn page(known: &Explanation, language: Language) -> String {
    let mut page = Page { known, chinese: language == Language::Chinese, text: String::new() };
    page.head();
    page.records();
    page.keys();
    page.matches();
    known.differences.iter().for_each(|difference| page.difference(difference));
    known.findings.iter().for_each(|finding| page.finding(finding));
    page.pool();
    page.days();
    page.worklist();
    page.journal();
    page.text
}

struct Page<'p> {
    known: &'p Explanation,
    chinese: bool,
    text: String,
}

/// Columns of a page after which words go to the next line.
const WIDTH: usize = 110;

impl Page<'_> {
    fn say<'s>(&self, english: &'s str, chinese: &'s str) -> &'s str {
        if self.chinese { chinese } else { english }
    }

    fn line(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    fn title(&mut self, english: &str, chinese: &str) {
        let title = self.say(english, chinese).to_owned();
        self.line("");
        self.line(&title);
    }

    /// Names and what they hold, aligned; those that hold nothing are left out.
    fn pairs(&mut self, indent: usize, pairs: &[(&str, &str, Option<String>)]) {
        let names: Vec<&str> = pairs.iter().map(|(english, chinese, _)| self.say(english, chinese)).collect();
        let there = || pairs.iter().zip(&names).filter_map(|((.., held), name)| Some((*name, held.as_ref()?)));
        let width = there().map(|(name, _)| name.width()).max().unwrap_or(0);
        for (name, held) in there() {
            let room = WIDTH.saturating_sub(indent + width + 2);
            for (number, part) in wrapped(held, room).into_iter().enumerate() {
                let name = if number == 0 { name } else { "" };
                self.line(&format!("{:indent$}{}  {part}", "", padded(name, width)));
            }
        }
    }

    /// A state in the reader's words.
    fn state(&self, state: &str) -> String {
        let (english, chinese) = match State::from_word(state) {
            Some(state) => summary::label(state),
            None if state == CLOSED => ("no longer open", "已不在挂账"),
            None if state == "ROW_REJECTED" => ("could not be read", "解析失败"),
            None => (state, state),
        };
        self.say(english, chinese).to_owned()
    }

    fn head(&mut self) {
        let role = |role: &&str| match *role {
            "difference" => self.say("difference", "差异"),
            "finding" => self.say("finding", "发现"),
            "item" => self.say("worklist item", "工单"),
            "entry" => self.say("journal entry", "凭证"),
            "order_no" => self.say("order", "订单号"),
            "event_no" => self.say("event number", "业务单号"),
            "provider_txn_id" => self.say("provider's number", "渠道流水号"),
            _ => self.say("provider's number of the original", "原渠道流水号"),
        };
        let roles: Vec<&str> = self.known.known_as.iter().map(role).collect();
        let head = format!("{}  {}", self.known.key, roles.join(self.say(", ", "、")));
        let of = format!("{}  {}", self.known.job, self.known.date);
        self.line(&head);
        self.line(&of);
        for unread in &self.known.unread {
            let (english, chinese) = why(&unread.why);
            let line =
                format!("{} {}: {}", self.say("not searched:", "未检索："), unread.file, self.say(&english, &chinese));
            self.line(&line);
        }
    }

    fn records(&mut self) {
        if self.known.records.is_empty() {
            return;
        }
        self.title("Records", "记录");
        for record in &self.known.records {
            self.record(record);
        }
        if self.known.left_out > 0 {
            let more = self.known.left_out;
            let line = if self.chinese { format!("  另有 {more} 行") } else { format!("  and {more} more rows") };
            self.line(&line);
        }
    }

    fn record(&mut self, record: &Known) {
        let fields = &record.fields;
        let head: Vec<&str> = [Some(record.at.source.as_str()), fields.kind.as_deref(), fields.status.as_deref()]
            .into_iter()
            .flatten()
            .collect();
        let money = fields.money(fields.amount_minor).unwrap_or_default();
        let state = record.state.as_ref().map(|state| self.state(state)).unwrap_or_default();
        self.line(&format!("  {}  {} {money}  {state}", padded(&record.label, 3), head.join(" ")));
        let other = |number: &Option<String>| number.clone().filter(|_| fields.event_no != fields.order_no);
        let joined = |parts: &[Option<String>]| {
            let parts: Vec<&str> = parts.iter().flatten().map(String::as_str).collect();
            (!parts.is_empty()).then(|| parts.join(", "))
        };
        let named = |english: &str, chinese: &str, held: Option<String>| {
            held.map(|held| format!("{} {held}", self.say(english, chinese)))
        };
        let moved = fields.moved_minor.filter(|moved| Some(*moved) != fields.amount_minor);
        let ordered = fields.order_amount_minor.filter(|ordered| Some(*ordered) != fields.amount_minor);
        let extra: Vec<String> = fields.extra.iter().map(|(name, text)| format!("{name} {text}")).collect();
        let amounts = joined(&[
            named("moved", "发生额", fields.money(moved)),
            named("ordered", "订单金额", fields.money(ordered)),
            named("fee", "手续费", fields.money(fields.fee_minor)),
            named("tax", "税费", fields.money(fields.tax_minor)),
            named("net", "净额", fields.money(fields.net_minor)),
        ]);
        let times = joined(&[
            fields.occurred_at.clone(),
            named("business day", "业务日期", fields.business_date.clone()),
            named("closed", "关单", fields.closed_at.clone()),
            fields.fulfilled.filter(|done| *done).map(|_| self.say("delivered", "已履约").to_owned()),
        ]);
        let account = joined(&[fields.account.clone(), named("party", "对方", fields.counterparty.clone())]);
        let (english, chinese) = why(&record.raw);
        let (raw, lost) = match &record.raw {
            Raw::Line(line) => (Some(printable(line)), None),
            Raw::Row(cells) => {
                let cells: Vec<String> = cells.iter().map(|(name, value)| format!("{name}={value}")).collect();
                (Some(printable(&cells.join("  "))), None)
            }
            Raw::Gone(_) | Raw::Changed(_) | Raw::Unknown(_) => (None, Some(self.say(&english, &chinese).to_owned())),
        };
        self.pairs(
            7,
            &[
                ("where", "位置", Some(self.place(record))),
                ("order", "订单号", fields.order_no.clone()),
                ("event", "业务单号", other(&fields.event_no)),
                ("provider", "渠道流水号", fields.provider_txn_id.clone()),
                ("original", "原流水号", fields.original_txn_id.clone()),
                ("batch", "批次", fields.batch_id.clone()),
                ("account", "账户", account),
                ("time", "时间", times),
                ("amounts", "金额", amounts),
                ("notes", "备注", fields.notes.clone()),
                ("columns", "附加字段", (!extra.is_empty()).then(|| extra.join(", "))),
                ("no record", "非记录", record.reject.clone()),
                ("no line", "原文", lost),
            ],
        );
        if let Some(raw) = raw {
            self.raw(&raw, matches!(record.raw, Raw::Row(_)));
        }
    }

    /// The row as it is written: a line of text stays one line.
    fn raw(&mut self, raw: &str, may_wrap: bool) {
        let room = if may_wrap { WIDTH - 9 } else { usize::MAX };
        for part in wrapped(raw, room) {
            self.line(&format!("       | {part}"));
        }
    }

    fn place(&self, record: &Known) -> String {
        let at = &record.at;
        let line = if at.line == 0 { String::new() } else { format!(":{}", at.line) };
        let night = if at.night == self.known.date {
            String::new()
        } else if self.chinese {
            format!("，{} 的文件", at.night)
        } else {
            format!(", of {}", at.night)
        };
        format!("{}{line}{night}", at.file)
    }

    fn keys(&mut self) {
        let mut lines: Vec<(&str, String, String)> = Vec::new();
        let passes = self.known.records.first().map_or(&[][..], |record| &record.keys);
        let account = |record: &Known| record.fields.account.clone().unwrap_or_default();
        let mut accounts: Vec<String> = self.known.records.iter().map(account).collect();
        accounts.sort();
        accounts.dedup();
        for (at, pass) in passes.iter().enumerate() {
            let mut groups: BTreeMap<(bool, String), Vec<&str>> = BTreeMap::new();
            for record in self.known.records.iter().filter(|record| record.reject.is_none()) {
                let key = record.keys.get(at).and_then(|tried| tried.key.clone());
                let scope = if accounts.len() > 1 { format!("{} ", account(record)) } else { String::new() };
                let none = self.say("no key", "无").to_owned();
                let shown = key.as_ref().map_or(none, |key| format!("{scope}{key}"));
                groups.entry((key.is_none(), shown)).or_default().push(&record.label);
            }
            let name = match pass.pass {
                "K1" => self.say("K1 event number", "K1 业务单号"),
                "K2" => self.say("K2 provider's number", "K2 渠道流水号"),
                "K3" => self.say("K3 order", "K3 订单号"),
                _ => self.say("K4 amount, party, time", "K4 金额、对方、时间"),
            };
            for (number, ((_, key), labels)) in groups.into_iter().enumerate() {
                lines.push((if number == 0 { name } else { "" }, labels.join(" "), key));
            }
        }
        if lines.is_empty() {
            return;
        }
        self.title("Keys tried", "匹配键");
        let widths = (
            lines.iter().map(|(name, ..)| name.width()).max().unwrap_or(0),
            lines.iter().map(|(_, labels, _)| labels.width()).max().unwrap_or(0),
        );
        for (name, labels, key) in lines {
            self.line(&format!("  {}  {}  {}", padded(name, widths.0), padded(&labels, widths.1), printable(&key)));
        }
        self.decided();
    }

    /// Which pass brought which records together.
    fn decided(&mut self) {
        let mut decided: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut decide =
            |row: &Row, records| decided.entry(row.owned("pass").unwrap_or_default()).or_default().push(records);
        for one in &self.known.matches {
            decide(&one.row, format!("{} {}", one.ledger, one.statement));
        }
        for difference in &self.known.differences {
            decide(&difference.row, self.members(difference, &["ledger_rows", "statement_rows"]));
        }
        for (pass, records) in decided {
            let records = records.join("; ");
            let line = match (pass.as_str(), self.chinese) {
                ("", false) => format!("  no pass found a partner: {records}"),
                ("", true) => format!("  各轮均未找到对应：{records}"),
                (pass, false) => format!("  decided by {pass}: {records}"),
                (pass, true) => format!("  由 {pass} 判定：{records}"),
            };
            self.line(&line);
        }
    }

    /// Records of a difference by their labels; those that are not on the page by their rows.
    fn members(&self, difference: &Difference, columns: &[&str]) -> String {
        let label = |reference: &str| {
            let is = |record: &&Known| record.at.written_on(self.known.date) == reference;
            self.known.records.iter().find(is).map_or_else(|| reference.to_owned(), |record| record.label.clone())
        };
        let rows = columns.iter().filter_map(|column| difference.row.text(column)).flat_map(|rows| rows.split("; "));
        rows.map(label).collect::<Vec<_>>().join(" ")
    }

    fn matches(&mut self) {
        if self.known.matches.is_empty() {
            return;
        }
        self.title("Match", "核平");
        for one in &self.known.matches {
            let row = &one.row;
            let state = row.text("state").map(|state| self.state(state)).unwrap_or_default();
            let flags = row.text("flags").map(|flags| format!("  [{flags}]")).unwrap_or_default();
            let line = format!(
                "  {} = {}  {state}  {} {} {}  {}{flags}",
                one.ledger,
                one.statement,
                row.text("kind").unwrap_or_default(),
                money(row, "amount_minor").unwrap_or_default(),
                row.text("status").unwrap_or_default(),
                row.text("pass").unwrap_or_default(),
            );
            self.line(&line);
        }
    }

    fn difference(&mut self, difference: &Difference) {
        let row = &difference.row;
        let owned = |name: &str| row.owned(name);
        let title = format!("{} {}", self.say("Difference", "差异"), row.text("difference_id").unwrap_or_default());
        self.line("");
        self.line(&title);
        let label = row.text(self.say("label_en", "label_zh")).unwrap_or_default();
        self.line(&format!("  {}  {label}", row.text("code").unwrap_or_default()));
        let reason = |of: &str, why: &str| {
            let why = owned(why).map(|why| format!(": {why}")).unwrap_or_default();
            owned(of).map(|of| format!("{of}{why}"))
        };
        let related = self.members(difference, &["related_rows"]);
        let surplus = owned("cash_effect").filter(|effect| effect != "NONE");
        let effect = surplus.map(|effect| match owned("cash_effect_zh") {
            Some(word) => format!("{effect} {word}"),
            None => effect,
        });
        let age = owned("age_business_days");
        let seen = owned("first_seen").map(|first| match (&age, self.chinese) {
            (Some(age), false) => format!("{first}, open for {}", business_days(age)),
            (Some(age), true) => format!("{first}，账龄 {age} 个工作日"),
            (None, _) => first,
        });
        let in_base = row.text("at_risk_base_minor") != row.text("at_risk_minor");
        let in_base = owned("at_risk_base").filter(|_| in_base).map(|base| format!(" ({base})")).unwrap_or_default();
        self.pairs(
            2,
            &[
                ("means", "判定条件", Some(self.say(difference.predicate, difference.predicate_zh).to_owned())),
                ("here", "说明", owned(self.say("explanation", "explanation_zh"))),
                ("flags", "附加标志", owned("flags")),
                ("records", "记录", Some(self.members(difference, &["ledger_rows", "statement_rows"]))),
                ("beside it", "相关记录", (!related.is_empty()).then_some(related)),
                ("cause", "原因", owned("cause").filter(|cause| cause != "UNKNOWN")),
                ("exposure", "敞口", money(row, "exposure_minor")),
                ("at risk", "风险金额", money(row, "at_risk_minor").map(|risk| risk + &in_base)),
                ("fee off by", "手续费差额", money(row, "fee_delta_minor")),
                ("cash effect", "现金影响", effect),
                ("tier", "级别", reason("severity", "severity_reason")),
                ("settlement", "核销", reason("settlement", "settlement_reason")),
                ("first seen", "首次发现", seen),
            ],
        );
    }

    fn finding(&mut self, row: &Row) {
        let owned = |name: &str| row.owned(name);
        let title = format!("{} {}", self.say("Finding", "发现"), row.text("finding_id").unwrap_or_default());
        self.line("");
        self.line(&title);
        let label = row.text(self.say("label_en", "label_zh")).unwrap_or_default();
        self.line(&format!("  {}  {label}", row.text("code").unwrap_or_default()));
        let line = row.text("line").map(|line| format!(":{line}")).unwrap_or_default();
        let blocked = self.say("the source was not reconciled because of it", "该来源因此未对账");
        self.pairs(
            2,
            &[
                ("here", "说明", owned("message")),
                ("source", "来源", owned("source")),
                ("file", "文件", owned("file").map(|file| file + &line)),
                ("rows", "行数", owned("rows")),
                ("tier", "级别", owned("severity")),
                ("blocks", "阻断", owned("blocks").filter(|blocks| blocks == "true").map(|_| blocked.to_owned())),
                ("hint", "提示", owned("hint")),
            ],
        );
    }

    fn pool(&mut self) {
        if self.known.pool.is_empty() {
            return;
        }
        let title = format!("{} {}", self.say("In the pool after", "挂账，截至"), self.known.date);
        self.line("");
        self.line(&title);
        let record = |row: &Row| {
            let is = |record: &&Known| {
                let at = &record.at;
                row.text("file") == Some(&at.file)
                    && row.value("line") == Some(at.line)
                    && row.value("night") == Some(at.night)
            };
            self.known.records.iter().find(is).map(|record| record.label.clone()).unwrap_or_default()
        };
        let said = |row: &Row| {
            let text = |name: &str| row.text(name).unwrap_or_default();
            let state = self.state(text("state"));
            let (age, horizon) = (text("age_business_days"), text("horizon_business_days"));
            let waits = if !OPEN.contains(&text("state")) {
                let kept = "kept: it explains an open difference, or its settlement may be taken back";
                self.say(kept, "保留：用于解释未结差异，或其核销可能被冲销").to_owned()
            } else if self.chinese {
                format!("已过 {age} 个工作日，等待期 {horizon}，首次发现 {}", text("first_seen"))
            } else {
                format!("{} old, may wait {horizon}, first seen {}", business_days(age), text("first_seen"))
            };
            (state, waits)
        };
        let rows: Vec<(String, String, String)> =
            self.known.pool.iter().map(|row| (record(row), said(row))).map(|(a, (b, c))| (a, b, c)).collect();
        let width = rows.iter().map(|(_, state, _)| state.width()).max().unwrap_or(0);
        for (label, state, waits) in rows {
            self.line(&format!("  {}  {}  {waits}", padded(&label, 3), padded(&state, width)));
        }
    }

    fn days(&mut self) {
        if self.known.days.is_empty() {
            return;
        }
        self.title("Day by day", "逐日");
        for day in &self.known.days {
            let mut date = day.date.to_string();
            let mut said: Vec<(&Change, Vec<String>)> = Vec::new();
            for change in &day.changes {
                let label = change.label.clone().unwrap_or_else(|| {
                    let row = change.row.written_on(day.date);
                    format!("{} {row}", change.book)
                });
                let alike = |one: &&mut (&Change, Vec<String>)| {
                    let (a, b) = (one.0, change);
                    (&a.state, &a.difference_id, &a.code) == (&b.state, &b.difference_id, &b.code)
                };
                match said.iter_mut().find(alike) {
                    Some((_, labels)) => labels.push(label),
                    None => said.push((change, vec![label])),
                }
            }
            for (change, labels) in said {
                let code = change.code.as_deref().map(|code| format!(" {code}")).unwrap_or_default();
                let id = change.difference_id.as_deref().map(|id| format!("  {id}")).unwrap_or_default();
                let line = format!("  {date:10}  {}  {}{code}{id}", labels.join(" "), self.state(&change.state));
                self.line(&line);
                date.clear();
            }
        }
    }

    fn worklist(&mut self) {
        if self.known.worklist.is_empty() {
            return;
        }
        self.title("Worklist", "工单");
        for item in &self.known.worklist {
            let owned = |name: &str| item.owned(name);
            let text = |name: &str| item.text(name).unwrap_or_default();
            let verb = text(self.say("verb_en", "verb_zh"));
            self.line(&format!("  {}  {}  {verb} ({})  {}", text("step"), text("state"), text("at"), text("item_id")));
            let parameters: BTreeMap<String, String> =
                item.text("api_parameters").and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
            let call =
                |api: String| parameters.iter().fold(api, |call, (name, value)| format!("{call}  {name}={value}"));
            let why = ("because", "原因", owned("reason"));
            let limit = ("at most", "金额上限", money(item, "amount_limit_minor"));
            if text("state") == "CANCELLED" {
                // What it asked for is nobody's business any more, and must not look as if it were.
                self.pairs(5, &[why, limit]);
                continue;
            }
            self.pairs(
                5,
                &[
                    why,
                    ("do", "处理", owned(self.say("steps", "steps_zh"))),
                    ("only if", "前置条件", owned(self.say("precondition", "precondition_zh"))),
                    ("call", "接口", owned("api").map(call)),
                    limit,
                    ("after", "前置工单", owned("depends_on")),
                    ("due", "截止", owned("due_at")),
                    ("queue", "队列", owned("queue")),
                    ("approval", "审批级别", owned("approval_level").filter(|level| level != "0")),
                ],
            );
        }
    }

    fn journal(&mut self) {
        if self.known.settlements.is_empty() {
            return;
        }
        self.title("Journal", "凭证");
        let mut last = None;
        for row in &self.known.settlements {
            let text = |name: &str| row.text(name).unwrap_or_default();
            if last != row.text("journal_id") {
                let (before, after) = (money(row, "before_minor"), money(row, "after_minor"));
                let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
                self.line(&format!("  {}  {}  {before} → {after}", text("journal_id"), text("rule")));
                if let Some(taken_back) = row.text("reverses") {
                    let line = format!("    {} {taken_back}", self.say("takes back", "冲销"));
                    self.line(&line);
                }
                last = row.text("journal_id");
            }
            let (side, amount) = match money(row, "debit_minor") {
                Some(amount) => (self.say("debit", "借"), amount),
                None => (self.say("credit", "贷"), money(row, "credit_minor").unwrap_or_default()),
            };
            let line = format!("    {}  {}  {amount}", padded(side, 6), text("ledger_account"));
            self.line(&line);
        }
    }
}

/// Money of a row as people write it: `CNY 100.00`.
fn money(row: &Row, name: &str) -> Option<String> {
    let exponent: u8 = row.value("exponent")?;
    Some(format!("{} {}", row.text("currency")?, decimal_text(row.value(name)?, exponent)))
}

fn business_days(count: &str) -> String {
    format!("{count} business {}", if count == "1" { "day" } else { "days" })
}

fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

/// Text without characters that a terminal would obey.
fn printable(text: &str) -> String {
    let shown = |c: char| if c.is_control() && c != '\t' { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(shown).collect()
}

/// Text in lines of at most so many columns, broken at blanks where it has any, and between Chinese characters.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = text;
    while rest.width() > width {
        let until = line_end(rest, width);
        lines.push(rest[..until].trim_end().to_owned());
        rest = rest[until..].trim_start();
    }
    if !rest.is_empty() || lines.is_empty() {
        lines.push(rest.to_owned());
    }
    lines
}

/// Characters that begin no line.
const CLOSING: [char; 8] = ['。', '，', '、', '；', '：', '？', '！', '）'];

/// Where the first line of a text ends that is too wide for one.
fn line_end(text: &str, width: usize) -> usize {
    let mut used = 0;
    let mut end = None;
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        if c == ' ' && at > 0 {
            end = Some(at);
        }
        used += c.width().unwrap_or(0);
        if used > width && c != ' ' {
            break;
        }
        let may_end = characters.peek().is_some_and(|(_, next)| !CLOSING.contains(next));
        if c.width() == Some(2) && may_end {
            end = Some(at + c.len_utf8());
        }
    }
    // A word that is wider than a line stays whole.
    end.unwrap_or_else(|| {
        text.trim_start().find(' ').map_or(text.len(), |at| at + text.len() - text.trim_start().len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_go_to_the_next_line_and_long_ones_stay_whole() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("abcdefghij kl", 4), ["abcdefghij", "kl"]);
        assert_eq!(wrapped("渠道成功平台", 8), ["渠道成功", "平台"]);
        assert_eq!(wrapped("渠道成功。平台", 8), ["渠道成", "功。平台"]);
        assert_eq!(wrapped("", 4), [""]);
    }

    #[test]
    fn nothing_that_a_terminal_obeys_is_printed() {
        assert_eq!(printable("a\u{1b}[2Jb\tc\n"), "a\\u{1b}[2Jb\tc\\n");
    }
}
