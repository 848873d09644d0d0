//! `[carry]`: what a run takes over from the runs before.

use jiff::civil;

use super::document::Placed;
use super::resolve::Resolver;

/// How days hang together (`docs/carry.md`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CarryPlan {
    /// The first business date of the job: it has no day before.
    pub starts: Option<civil::Date>,
    /// Whether there is a run on business days only; else on every day.
    pub business_days_only: bool,
    /// For how many days what ended is remembered; 0 remembers nothing.
    pub history_days: u32,
    /// After how many days an open difference leaves the list.
    pub keep_open: u32,
    /// From how many days of history on an event of an unknown payment is called an orphan.
    pub orphan_after: u32,
}

impl Default for CarryPlan {
    fn default() -> Self {
        Self { starts: None, business_days_only: false, history_days: 35, keep_open: 90, orphan_after: 35 }
    }
}

impl Resolver<'_> {
    pub(super) fn carry_plan(&self) -> CarryPlan {
        let mut plan = CarryPlan { starts: self.starts(), ..CarryPlan::default() };
        let Some(section) = self.root.section("carry") else { return plan };
        let days = |name: &str| {
            let count = section.count(name)?;
            if count.value > DAYS_MAX {
                self.complain(&count.at, format!("`{name}` is more than {DAYS_MAX} days"), "write fewer days");
            }
            u32::try_from(count.value.min(DAYS_MAX)).ok()
        };
        if let Some(days) = days("history_days") {
            plan.history_days = days;
            plan.orphan_after = days;
        }
        if let Some(days) = days("keep_open") {
            plan.keep_open = days;
        }
        if let Some(days) = days("orphan_after") {
            plan.orphan_after = days;
        }
        if let Some(only) = section.word("runs_on", &[("every day", false), ("business days", true)]) {
            plan.business_days_only = only;
        }
        section.finish();
        plan
    }

    fn starts(&self) -> Option<civil::Date> {
        let text: Placed<String> = self.root.text("starts")?;
        let date = civil::Date::strptime("%Y-%m-%d", &text.value).ok();
        if date.is_none() {
            self.complain(&text.at, format!("`{}` is not a date", text.value), "write starts = \"2026-11-18\"");
        }
        date
    }
}

/// The longest time for which anything is carried.
const DAYS_MAX: u64 = 3_660;
