//! What is to be done about files and the run itself: one item for each step of a finding that asks for something.
//!
//! A finding belongs to the date whose run found it, and so do its items. They are issued even when the run's controls
//! failed, because they say what is to be done about just that. The same finding of the same date is the same item;
//! a run of that date without it cancels them. Later nights only carry them along: what they find wrong is of their own
//! files, and says nothing of that date's.

use std::collections::BTreeMap;

use tieout_kernel::action::{Step, steps};
use tieout_kernel::code::{CashEffect, Code, Severity};
use tieout_kernel::record::Kind;

use super::item::{About, Evidence, Item, State};
use super::{Wanted, days_after};
use crate::finding::Finding;
use crate::store::sha256;

/// Why an item of a finding is no longer wanted.
pub(super) const GONE: &str = "the finding is gone: its date was run again without it";
const EXPIRED: &str = "it has been open for as long as the job keeps anything open";

impl Wanted<'_, '_> {
    /// Items of tonight's findings: one for each step of a source, file and code.
    pub(super) fn of_findings(&self) -> Vec<Item> {
        let mut alike: BTreeMap<String, Vec<&Finding>> = BTreeMap::new();
        // What only informs asks nobody for anything.
        for finding in self.findings.iter().filter(|finding| finding.severity != Severity::Info) {
            alike.entry(finding.id(&self.plan.job, self.date)).or_default().push(finding);
        }
        alike.iter().flat_map(|(id, findings)| self.of_finding(id, findings)).collect()
    }

    fn of_finding(&self, id: &str, findings: &[&Finding]) -> Vec<Item> {
        let mut items: Vec<Item> = Vec::new();
        for (number, step) in (1_u32..).zip(actions(findings[0].code)) {
            let after = step.after.and_then(|after| items.get(usize::from(after)));
            let depends_on = after.map(|item| item.id.clone());
            items.push(self.about_finding(id, findings, step, number, depends_on));
        }
        items
    }

    fn about_finding(
        &self,
        id: &str,
        findings: &[&Finding],
        step: &Step,
        number: u32,
        depends_on: Option<String>,
    ) -> Item {
        let first = findings[0];
        let severity = findings.iter().map(|finding| finding.severity).min().unwrap_or(first.severity);
        let key = sha256([id, step.verb.word(), step.at.word()].join("\u{1f}").as_bytes());
        Item {
            state: State::Issued,
            id: format!("W{}", &key[..32]),
            key,
            about: About::Finding(id.to_owned()),
            job: self.plan.job.clone(),
            date: self.date,
            first_issued: self.date,
            verb: step.verb,
            at: step.at,
            step: number,
            depends_on,
            code: first.code,
            flags: Vec::new(),
            severity,
            cash_effect: CashEffect::None,
            source: (!first.source.is_empty()).then(|| first.source.clone()),
            account: None,
            kind: None,
            order_no: None,
            event_no: None,
            provider_txn_id: None,
            call: None,
            currency: None,
            amount_limit: None,
            precondition: [step.precondition_en.to_owned(), step.precondition_zh.to_owned()],
            steps: [step.text_en.to_owned(), step.text_zh.to_owned()],
            queue: self.queue(first.code, step.at),
            // Files are fetched, settings corrected, providers asked: nothing is moved and nothing booked.
            approval_level: 0,
            due_at: self.due_at(severity),
            expires_on: days_after(self.date, i64::from(self.plan.carry.keep_open)),
            evidence: self.files_of(findings),
            alert: [
                first.code.label_en().to_owned(),
                scope(findings),
                format!("{}T00:00:00Z", days_after(self.date, 1)),
                actions(first.code).first().map_or_else(String::new, |step| step.text_en.to_owned()),
            ],
            reason: None,
        }
    }

    /// The file that is meant, with every line that can be named.
    fn files_of(&self, findings: &[&Finding]) -> Vec<Evidence> {
        let of_file = findings.iter().filter(|finding| !finding.file.is_empty());
        let evidence = of_file.filter_map(|finding| {
            let source = self.plan.sources.iter().find(|source| source.name == finding.source)?;
            Some(Evidence {
                book: source.book.word().to_owned(),
                source: finding.source.clone(),
                file: finding.file.clone(),
                line: finding.line,
                date: Some(self.date.to_string()),
            })
        });
        let mut evidence: Vec<Evidence> = evidence.collect();
        evidence.dedup();
        evidence
    }

    /// An item of an earlier date's finding: wanted until that date is run again without it, or for as long as anything
    /// is kept open.
    pub(super) fn still_open(&self, issued: Item) -> Item {
        if issued.expires_on < self.date {
            return self.cancelled(issued, EXPIRED);
        }
        Item { state: State::Open, date: self.date, reason: None, ..issued }
    }
}

/// What a finding calls for. A file has neither kind nor cash, and no step of a finding depends on them.
fn actions(code: Code) -> &'static [Step] {
    steps(code, Kind::Payment, CashEffect::None)
}

/// What was found, in the words of the first finding.
fn scope(findings: &[&Finding]) -> String {
    let more = findings.len() - 1;
    let first = &findings[0].message;
    if more == 0 { first.clone() } else { format!("{first}; and {more} more") }
}
