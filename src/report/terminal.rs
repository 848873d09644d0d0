//! The first page on a terminal: plain text that a finance person reads without a manual.

use std::collections::BTreeMap;

use tieout_kernel::code::Code;
use tieout_kernel::outcome::State;
use unicode_width::UnicodeWidthStr as _;

use super::summary::{CodeLine, Explained, Standing, Summary, TieOut, WorklistLine};
use crate::carry::roll::Section;
use crate::finding::Finding;
use crate::job::Language;
use crate::normalise::decimal_text;

/// Differences and findings shown before the rest is counted.
const SHOWN: usize = 12;

/// The whole page.
#[must_use]
pub fn page(summary: &Summary, language: Language) -> String {
    let words = Words { chinese: language == Language::Chinese };
    let mut page = Page::default();
    page.line(&format!("{}  {}", summary.job, summary.date));
    for tie_out in summary.tie_outs.iter().filter(|tie_out| !tie_out.source.is_empty()) {
        page.line("");
        words.tie_out(tie_out, &mut page);
    }
    let foreign: Vec<&TieOut> = summary.tie_outs.iter().filter(|tie_out| tie_out.source.is_empty()).collect();
    if !foreign.is_empty() {
        let records: u64 = foreign.iter().map(|tie_out| tie_out.ledger_records + tie_out.statement_records).sum();
        page.line("");
        page.line(&words.say(
            &format!("records of other accounts that took no part: {records}"),
            &format!("其他账户未参与对账的记录：{records}"),
        ));
    }
    words.codes(summary, &mut page);
    words.settled(summary, &mut page);
    words.rolled(summary, &mut page);
    words.to_do(summary, &mut page);
    words.findings(&summary.findings, &mut page);
    page.line("");
    page.line(&words.standing(summary));
    page.text
}

/// Records of each step, money at the end, decimals.
type Rolled = ([u64; 6], i128, u8);

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    /// Columns, the first left and the others right.
    fn columns(&mut self, rows: &[Vec<String>], left: &[usize]) {
        let count = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width =
            |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..count).map(width).collect();
        for row in rows {
            let cells = row.iter().enumerate().map(|(column, cell)| {
                let padding = " ".repeat(widths[column].saturating_sub(cell.width()));
                if left.contains(&column) { format!("{cell}{padding}") } else { format!("{padding}{cell}") }
            });
            self.line(&format!("  {}", cells.collect::<Vec<_>>().join("  ")));
        }
    }
}

struct Words {
    chinese: bool,
}

impl Words {
    fn say(&self, english: &str, chinese: &str) -> String {
        if self.chinese { chinese.to_owned() } else { english.to_owned() }
    }

    fn standing(&self, summary: &Summary) -> String {
        let word = if self.chinese { summary.standing.zh() } else { summary.standing.word() };
        let left: i64 = summary.tie_outs.iter().map(|tie_out| tie_out.unexplained_minor.abs()).sum();
        let (matched, differences) = (grouped(i128::from(summary.matched), 0), summary.differences);
        let totals = if summary.standing == Standing::Incomplete {
            let held: Vec<&str> =
                summary.sources.iter().filter(|source| source.blocked).map(|source| source.name.as_str()).collect();
            if held.is_empty() {
                self.say("records wait for a statement of an earlier day", "有记录等待较早日期的账单")
            } else {
                self.say(&format!("not reconciled: {}", held.join(", ")), &format!("未对账：{}", held.join("、")))
            }
        } else if left == 0 {
            self.say("totals tie out, unexplained is zero", "总额勾稽相符，未解释金额为零")
        } else {
            self.say("NOT explained in full", "存在未解释金额")
        };
        let counts = self.say(
            &format!(
                "{matched} matched, {differences} {}",
                if differences == 1 { "difference" } else { "differences" }
            ),
            &format!("核平 {matched} 笔，差异 {differences} 项"),
        );
        format!("{word}: {totals}; {counts}")
    }

    fn tie_out(&self, tie_out: &TieOut, page: &mut Page) {
        page.line(&format!("{}  {}  {}", tie_out.source, tie_out.account, tie_out.currency));
        let money = |minor: i64| grouped(i128::from(minor), tie_out.exponent);
        let count = |count: u64| grouped(i128::from(count), 0);
        let mut rows = vec![
            vec![self.say("statement", "渠道合计"), count(tie_out.statement_records), money(tie_out.statement_minor)],
            vec![self.say("ledger", "平台合计"), count(tie_out.ledger_records), money(tie_out.ledger_minor)],
            vec![self.say("difference", "差额"), String::new(), money(tie_out.difference_minor)],
        ];
        // What has no effect on the totals is listed below by its code; gains and losses that were settled may cancel
        // each other, and were booked all the same.
        let shown = |part: &&Explained| part.amount_minor != 0 || part.item == State::Settled.word();
        for part in tie_out.explained.iter().filter(shown) {
            let label = if self.chinese { &part.label_zh } else { &part.label_en };
            let shown = if part.count == 0 { String::new() } else { count(part.count) };
            rows.push(vec![format!("  {label}"), shown, money(part.amount_minor)]);
        }
        rows.push(vec![self.say("unexplained", "未解释"), String::new(), money(tie_out.unexplained_minor)]);
        page.columns(&rows, &[0]);
    }

    fn codes(&self, summary: &Summary, page: &mut Page) {
        if summary.codes.is_empty() {
            return;
        }
        page.line("");
        page.line(&self.say("What differs", "差异"));
        let mut rows = vec![vec![
            self.say("tier", "级别"),
            self.say("code", "代码"),
            String::new(),
            self.say("count", "笔数"),
            self.say("exposure", "敞口"),
            self.say("at risk", "风险金额"),
            String::new(),
        ]];
        // Across currencies there is no amount: the table of differences has both sides'.
        let amount = |code: &CodeLine, minor: i64| {
            let one_currency = code.code != Code::CurrencyMismatch.word();
            if one_currency { grouped(i128::from(minor), code.exponent) } else { "-".to_owned() }
        };
        for code in &summary.codes {
            rows.push(vec![
                code.severity.clone(),
                code.code.clone(),
                if self.chinese { code.label_zh.clone() } else { code.label_en.clone() },
                grouped(i128::from(code.count), 0),
                amount(code, code.exposure_minor),
                amount(code, code.at_risk_minor),
                code.currency.clone(),
            ]);
        }
        page.columns(&rows, &[0, 1, 2, 6]);
    }

    fn settled(&self, summary: &Summary, page: &mut Page) {
        if summary.settled.is_empty() {
            return;
        }
        page.line("");
        page.line(&self.say("Settled by policy", "策略核销"));
        let mut rows = vec![vec![
            self.say("code", "代码"),
            String::new(),
            self.say("count", "笔数"),
            self.say("gained", "收益"),
            self.say("lost", "损失"),
            String::new(),
        ]];
        for line in &summary.settled {
            rows.push(vec![
                line.code.clone(),
                if self.chinese { line.label_zh.clone() } else { line.label_en.clone() },
                grouped(i128::from(line.count), 0),
                grouped(i128::from(line.favourable_minor), line.exponent),
                grouped(i128::from(line.adverse_minor), line.exponent),
                line.currency.clone(),
            ]);
        }
        page.columns(&rows, &[0, 1, 5]);
    }

    /// What was open, came, went and is open: per section, source and currency.
    fn rolled(&self, summary: &Summary, page: &mut Page) {
        let mut sums: BTreeMap<(Section, &str, &str), Rolled> = BTreeMap::new();
        for line in &summary.roll_forward {
            let steps = [line.opening, line.added, line.cleared, line.expired, line.lapsed, line.closing];
            let (counts, effect, exponent) =
                sums.entry((line.section, &line.source, &line.currency)).or_insert(([0; 6], 0, line.exponent));
            for (count, step) in counts.iter_mut().zip(steps) {
                *count += step.records;
            }
            *effect += i128::from(line.closing.effect_minor);
            *exponent = line.exponent;
        }
        if sums.is_empty() {
            return;
        }
        page.line("");
        page.line(&self.say("Open records", "未决记录"));
        let headings = [
            ("", ""),
            ("", ""),
            ("opening", "期初"),
            ("added", "新增"),
            ("cleared", "核销"),
            ("expired", "到期"),
            ("lapsed", "移出"),
            ("closing", "期末"),
            ("money", "金额"),
            ("", ""),
        ];
        let mut rows = vec![headings.map(|(en, zh)| self.say(en, zh)).to_vec()];
        for ((section, source, currency), (counts, effect, exponent)) in sums {
            let section = match section {
                Section::InTransit => self.say("in transit", "在途/存疑"),
                Section::InDifferences => self.say("in differences", "差异"),
            };
            let mut row = vec![section, source.to_owned()];
            row.extend(counts.map(|count| grouped(i128::from(count), 0)));
            row.extend([grouped(effect, exponent), currency.to_owned()]);
            rows.push(row);
        }
        page.columns(&rows, &[0, 1, 9]);
    }

    /// The worklist in one line per state.
    fn to_do(&self, summary: &Summary, page: &mut Page) {
        if summary.worklist.is_empty() {
            return;
        }
        page.line("");
        page.line(&self.say("Worklist", "工单"));
        for (state, en, zh) in [
            ("ISSUED", "new", "新下发"),
            ("OPEN", "issued earlier, still open", "已下发未结"),
            ("CANCELLED", "cancelled", "撤销"),
            ("WITHHELD", "withheld", "暂扣"),
        ] {
            let of_state = || summary.worklist.iter().filter(|line| line.state == state);
            let count: u64 = of_state().map(|line| line.count).sum();
            let label = |line: &WorklistLine| if self.chinese { line.label_zh.clone() } else { line.label_en.clone() };
            let verbs: Vec<String> = of_state().map(|line| format!("{} {}", line.count, label(line))).collect();
            if count > 0 {
                page.line(&format!("  {count} {}: {}", self.say(en, zh), verbs.join(", ")));
            }
        }
        if let Some(why) = &summary.withheld {
            page.line(&format!("  {}: {why}", self.say("nothing about records is issued", "记录类工单暂不下发")));
        }
    }

    fn findings(&self, findings: &[Finding], page: &mut Page) {
        if findings.is_empty() {
            return;
        }
        page.line("");
        page.line(&self.say("About the files and the run", "文件与运行"));
        for finding in findings.iter().take(SHOWN) {
            let blocks = if finding.blocks { self.say(" BLOCKS", " 阻断") } else { String::new() };
            let line = finding.line.map_or(String::new(), |line| format!(":{line}"));
            let place = [finding.source.as_str(), finding.file.as_str()];
            let place = place.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
            page.line(&format!("  {}  {}{blocks}  {place}{line}: {}", finding.severity, finding.code, finding.message));
            if !finding.hint.is_empty() && (finding.blocks || finding.severity <= tieout_kernel::code::Severity::P1) {
                page.line(&format!("        {}: {}", self.say("hint", "提示"), finding.hint));
            }
        }
        if findings.len() > SHOWN {
            let more = findings.len() - SHOWN;
            page.line(
                &self.say(
                    &format!("  and {more} more in the table findings"),
                    &format!("  另有 {more} 项见 findings 表"),
                ),
            );
        }
    }
}

/// A number with a decimal mark and thousands separated: `-1,234.50`.
#[must_use]
pub fn grouped(units: i128, exponent: u8) -> String {
    let text = decimal_text(units, exponent);
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
    let (whole, part) = digits.split_once('.').map_or((digits, None), |(whole, part)| (whole, Some(part)));
    let mut groups = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            groups.push(',');
        }
        groups.push(digit);
    }
    part.map_or(format!("{sign}{groups}"), |part| format!("{sign}{groups}.{part}"))
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_are_separated() {
        assert_eq!(grouped(-123_456_789, 2), "-1,234,567.89");
        assert_eq!(grouped(99, 2), "0.99");
        assert_eq!(grouped(1_000, 0), "1,000");
        assert_eq!(grouped(100, 0), "100");
    }
}
