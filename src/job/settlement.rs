//! `[settlement]`: what may be written off, up to how much, and where it is booked.

use std::collections::BTreeMap;

use tieout_kernel::code::Code;
use tieout_kernel::currency::Currency;
use tieout_kernel::fee::Rate;
use tieout_kernel::money::{Minor, Total};
use tieout_kernel::policy::Tolerances;
use tieout_kernel::settle::{Cap, Class, Rule, Settlement};

use super::document::Section;
use super::resolve::Resolver;

impl Resolver<'_> {
    /// Without the section nothing is settled.
    pub(super) fn settlement(&self, base: Option<Currency>, tolerances: Tolerances) -> Option<Settlement> {
        let section = self.root.section("settlement")?;
        let clearing = section.needed_text("clearing", "the account of the books that stands for the provider");
        if let Some(account) = clearing.as_ref().filter(|account| account.value.trim().is_empty()) {
            self.complain(&account.at, "an account has a name", "a number or name of the chart of accounts");
        }
        let mut rules = BTreeMap::new();
        for &class in Class::ALL {
            if let Some(own) = section.section(class.word()) {
                rules.extend(
                    self.rule(own, class, clearing.as_ref().map(|text| text.value.as_str()), tolerances)
                        .map(|rule| (class, rule)),
                );
            }
        }
        if rules.is_empty() {
            let hint = "write [settlement.rounding], [settlement.fee] or [settlement.net]";
            self.complain(section.at(), "[settlement] has no class that it settles", hint);
        }
        let default = Self::default_cap(base);
        let (adverse, favourable) = match section.section("caps") {
            Some(caps) => {
                let general = self.cap(&caps, default);
                let side = |name: &str| match caps.section(name) {
                    Some(own) => {
                        let cap = self.cap(&own, general);
                        own.finish();
                        cap
                    }
                    None => general,
                };
                let both = (side("adverse"), side("favourable"));
                caps.finish();
                both
            }
            None => (default, default),
        };
        // A code under [settlement] is an attempt to settle it.
        let is_code = |name: &str| Code::from_word(&name.to_ascii_uppercase()).is_some();
        let what = |name: &str| format!("`{name}` is a code, and codes are not settled one by one");
        let hint = "only rounding, fee and net variances on a proven match are settled: `rounding`, `fee`, `net`";
        section.refuse(is_code, what, hint);
        section.finish();
        Some(Settlement { rules, clearing: clearing?.value, adverse, favourable, base_currency: base? })
    }

    fn rule(&self, section: Section<'_>, class: Class, clearing: Option<&str>, tolerances: Tolerances) -> Option<Rule> {
        let one = Minor::new(1).unwrap_or(Minor::ZERO);
        let (absolute, share) = match class {
            Class::Rounding => (one, None),
            Class::Fee => (one, Some(Rate(5_000_000))),
            Class::Net => (Minor::ZERO, None),
        };
        let absolute = self.minor(&section, "absolute_minor").unwrap_or(absolute);
        let share = section.text("share").map_or(share, |text| self.rate(&text));
        let gain = section.needed_text("gain", "the account that is credited when we have more than the books say");
        let loss = section.needed_text("loss", "the account that is debited when we have less than the books say");
        for account in [&gain, &loss].into_iter().flatten() {
            if account.value.trim().is_empty() {
                self.complain(&account.at, "an account has a name", "a number or name of the chart of accounts");
            }
            if clearing.map(str::trim) == Some(account.value.trim()) {
                let hint = "an entry between an account and itself settles nothing";
                self.complain(&account.at, "this is the clearing account", hint);
            }
        }
        let called_so = match class {
            Class::Rounding => Some(("principal_minor", tolerances.principal)),
            Class::Net => Some(("net_minor", tolerances.net)),
            Class::Fee => None,
        };
        if let Some((name, most)) = called_so.filter(|(_, most)| absolute > *most) {
            let what =
                format!("absolute_minor is {}, and beyond {} it is not called {class}", absolute.get(), most.get());
            self.complain(section.at(), what, format!("raise [tolerance] {name} as well, or lower this"));
        }
        section.finish();
        Some(Rule { absolute, share, gain: gain?.value, loss: loss?.value })
    }

    /// 500 units of the base currency and 0.001 % of what matched, a thousand items, ten of one party.
    fn default_cap(base: Option<Currency>) -> Cap {
        let unit = base.map_or(100, |base| 10_i128.pow(u32::from(base.exponent())));
        Cap {
            item: Total::new(unit),
            party_count: 10,
            party_amount: Total::new(unit),
            run_count: 1_000,
            run_amount: Total::new(500 * unit),
            run_share: Rate(10_000),
        }
    }

    fn cap(&self, section: &Section<'_>, default: Cap) -> Cap {
        let amount = |name: &str, default| self.minor(section, name).map_or(default, Total::from);
        let count = |name: &str, default| section.count(name).map_or(default, |count| count.value);
        Cap {
            item: amount("item_minor", default.item),
            party_count: count("counterparty_count", default.party_count),
            party_amount: amount("counterparty_minor", default.party_amount),
            run_count: count("run_count", default.run_count),
            run_amount: amount("run_minor", default.run_amount),
            run_share: section.text("run_share").and_then(|text| self.rate(&text)).unwrap_or(default.run_share),
        }
    }
}
