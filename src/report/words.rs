//! What happened, in words: one English and one Chinese sentence or two per difference.

use tieout_kernel::code::Code;
use tieout_kernel::currency::Currency;
use tieout_kernel::money::{Minor, Total};
use tieout_kernel::outcome::Difference;
use tieout_kernel::record::Record;

use crate::normalise::decimal_text;

/// Money as people write it: `CNY 100.00`.
#[must_use]
pub fn money(total: Total, currency: Currency) -> String {
    format!("{} {}", currency.code(), decimal_text(total.get(), currency.exponent()))
}

fn amount(record: &Record<'_>) -> String {
    money(Minor::into(record.principal), record.currency)
}

fn signed(record: &Record<'_>) -> String {
    money(Minor::into(record.signed()), record.currency)
}

/// English and Chinese.
#[must_use]
pub fn explain(difference: &Difference, records: &[Record<'_>]) -> (String, String) {
    let side = |members: &[u32]| members.iter().map(|&at| records[at as usize]).collect::<Vec<_>>();
    let (ledger, statement) = (side(&difference.ledger), side(&difference.statement));
    let related = side(&difference.related);
    let story = Story { difference, ledger: &ledger, statement: &statement, related: &related };
    let (mut en, mut zh) = story.tell();
    let (flags_en, flags_zh) = story.flags();
    en.push_str(&flags_en);
    zh.push_str(&flags_zh);
    (en, zh)
}

struct Story<'s, 'r> {
    difference: &'s Difference,
    ledger: &'s [Record<'r>],
    statement: &'s [Record<'r>],
    related: &'s [Record<'r>],
}

impl Story<'_, '_> {
    fn any(&self) -> &Record<'_> {
        self.statement.first().or(self.ledger.first()).expect("a difference has records")
    }

    fn total(&self, total: Option<Total>) -> String {
        total.map_or("?".to_owned(), |total| money(total, self.any().currency))
    }

    fn magnitude(&self, total: Option<Total>) -> String {
        self.total(total.map(Total::magnitude))
    }

    fn subject(&self) -> (String, String) {
        let record = self.any();
        let number = record.event_no.or(record.order_no).or(record.provider_txn_id).unwrap_or("without a number");
        let kind = record.kind.word().to_ascii_lowercase().replace('_', " ");
        (format!("{kind} {number}"), format!("{}（{}）", number, record.kind.word()))
    }

    fn list(side: &[Record<'_>], amount: fn(&Record<'_>) -> String) -> String {
        let shown: Vec<String> = side.iter().take(3).map(amount).collect();
        let more = side.len().saturating_sub(3);
        if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
    }

    fn statuses(side: &[Record<'_>]) -> String {
        let mut words: Vec<&str> = side.iter().map(|record| record.status.word()).collect();
        words.dedup();
        words.join(", ")
    }

    /// What the code says of this group. Codes that say enough by their label share the last line.
    fn tell(&self) -> (String, String) {
        let (what, what_zh) = self.subject();
        let code = self.difference.code;
        let show = if self.difference.code == Code::DirectionMismatch { signed } else { amount };
        let (ours, theirs) = (Self::list(self.ledger, show), Self::list(self.statement, show));
        let exposure = self.magnitude(self.difference.exposure);
        let at_risk = self.magnitude(self.difference.at_risk);
        let (ours_status, theirs_status) = (Self::statuses(self.ledger), Self::statuses(self.statement));
        let fee = self.magnitude(self.difference.fee_delta);
        let told = match code.family() {
            'F' => self.duplicates(&what, &what_zh),
            'E' => self.fees(&what, &what_zh, &fee),
            _ => None,
        };
        if let Some(told) = told {
            return told;
        }
        let is = |codes: &[Code]| codes.contains(&code);
        if is(&[
            Code::MissingInLedger,
            Code::RefundUnauthorised,
            Code::PayoutUnauthorised,
            Code::ChargebackUnbooked,
            Code::ChargebackReversalUnbooked,
        ]) {
            (
                format!("The provider has {what} over {theirs}; the ledger has nothing under its numbers."),
                format!("渠道有 {what_zh}，金额 {theirs}；平台按其单号查无记录。"),
            )
        } else if is(&[Code::MissingAtProvider, Code::RefundNotExecuted]) {
            (
                format!("The ledger has {what} over {ours}; the complete statement has nothing under its numbers."),
                format!("平台有 {what_zh}，金额 {ours}；完整账单中按其单号查无记录。"),
            )
        } else if is(&[Code::AmountOver, Code::AmountUnder, Code::RoundingVariance]) {
            (
                format!("{what}: the ledger says {ours}, the provider {theirs}, a difference of {exposure}."),
                format!("{what_zh}：平台 {ours}，渠道 {theirs}，相差 {exposure}。"),
            )
        } else if code == Code::AmountScale {
            (
                format!("{what}: {ours} against {theirs}, exactly a power of ten: major and minor units are confused."),
                format!("{what_zh}：{ours} 与 {theirs} 恰为十的整数次幂，疑似元分单位混淆。"),
            )
        } else if code == Code::DiscountAttribution {
            (
                format!(
                    "{what}: the provider settled {theirs} of an order over {ours}; discounts explain the gap of {exposure} exactly."
                ),
                format!("{what_zh}：订单金额 {ours}，渠道结算 {theirs}，差额 {exposure} 由优惠解释。"),
            )
        } else if is(&[
            Code::StatusProviderSuccess,
            Code::StatusLedgerSuccess,
            Code::LateSuccessAfterClose,
            Code::ReversalUnconfirmed,
            Code::PayoutFailed,
        ]) {
            (
                format!("{what}: the ledger says {ours_status}, the provider {theirs_status} over {theirs}."),
                format!("{what_zh}：平台状态 {ours_status}，渠道状态 {theirs_status}，金额 {theirs}。"),
            )
        } else if code == Code::ReversalUnbooked {
            (
                format!("{what}: the provider undid the payment, the ledger still has {ours} as a success."),
                format!("{what_zh}：渠道已撤销/冲正，平台仍记成功 {ours}。"),
            )
        } else if code == Code::CurrencyMismatch {
            (
                format!(
                    "{what}: the ledger says {ours}, the provider {theirs}; amounts in two currencies are not compared."
                ),
                format!("{what_zh}：平台 {ours}，渠道 {theirs}，币种不同，不作金额比较。"),
            )
        } else if code == Code::DirectionMismatch {
            (
                format!("{what}: the ledger books {ours}, the provider {theirs}: the other direction."),
                format!("{what_zh}：平台记 {ours}，渠道记 {theirs}，收支方向相反。"),
            )
        } else if code == Code::BeneficiaryMismatch {
            let party = |side: &[Record<'_>]| {
                side.first().and_then(|record| record.counterparty).map(masked).unwrap_or_default()
            };
            (
                format!(
                    "{what} over {at_risk}: the ledger names {}, the provider paid {}.",
                    party(self.ledger),
                    party(self.statement)
                ),
                format!(
                    "{what_zh}，金额 {at_risk}：平台收款方 {}，渠道收款方 {}。",
                    party(self.ledger),
                    party(self.statement)
                ),
            )
        } else if code == Code::MerchantMismatch {
            let account = |side: &[Record<'_>]| side.first().map_or(String::new(), |record| record.account.to_owned());
            (
                format!(
                    "{what}: the ledger books it under account {}, the provider under {}.",
                    account(self.ledger),
                    account(self.statement)
                ),
                format!("{what_zh}：平台记于商户号 {}，渠道记于 {}。", account(self.ledger), account(self.statement)),
            )
        } else if code == Code::PeriodMismatch {
            let day = |side: &[Record<'_>]| {
                side.first().and_then(|record| record.business_date).map_or(String::new(), |day| day.to_string())
            };
            (
                format!(
                    "{what}: the ledger books it on {}, the provider on {}.",
                    day(self.ledger),
                    day(self.statement)
                ),
                format!("{what_zh}：平台记账日 {}，渠道记账日 {}。", day(self.ledger), day(self.statement)),
            )
        } else if is(&[Code::OverRefund, Code::DoubleDip]) {
            (
                format!(
                    "{what}: with it, tonight's refunds and chargebacks of the order exceed its payment by {at_risk}."
                ),
                format!("{what_zh}：计入本笔后，该订单当晚退款与退单合计超过支付金额 {at_risk}。"),
            )
        } else if code == Code::KeyMissing {
            (
                format!("A {} over {} has no order, event or provider number.", self.any().kind, amount(self.any())),
                format!("一笔 {} {} 没有任何可用单号。", self.any().kind, amount(self.any())),
            )
        } else if code == Code::AmbiguousMatch {
            (
                format!(
                    "{} ledger and {} statement records fit each other by amount, party and time; none was picked.",
                    self.ledger.len(),
                    self.statement.len()
                ),
                format!(
                    "平台 {} 笔与渠道 {} 笔按金额、对方与时间均可匹配，未自动选择。",
                    self.ledger.len(),
                    self.statement.len()
                ),
            )
        } else {
            let shown = if self.statement.is_empty() { ours } else { theirs };
            (
                format!("{what} over {shown}: {}.", code.label_en()),
                format!("{what_zh}，金额 {shown}：{}。", code.label_zh()),
            )
        }
    }

    fn duplicates(&self, what: &str, what_zh: &str) -> Option<(String, String)> {
        let surplus = if self.statement.is_empty() { self.ledger } else { self.statement };
        let list = Self::list(surplus, amount);
        let good = if self.related.is_empty() { "" } else { " beside the one that matches" };
        let rows = if surplus.len() == 1 { "row" } else { "rows" };
        let good_zh = if self.related.is_empty() { "" } else { "（另有一笔已正常匹配）" };
        match self.difference.code {
            Code::DuplicatePayment | Code::DuplicateRefund | Code::DuplicatePayout => Some((
                format!(
                    "{what}: the provider has {} successful {rows} under this number{good}: {list}.",
                    self.statement.len()
                ),
                format!("{what_zh}：同一单号渠道成功 {} 笔{good_zh}：{list}。", self.statement.len()),
            )),
            Code::DuplicateLedgerEntry => Some((
                format!("{what}: the ledger booked {} {rows}{good}: {list}.", self.ledger.len()),
                format!("{what_zh}：平台多记 {} 笔{good_zh}：{list}。", self.ledger.len()),
            )),
            Code::DuplicateBoth => Some((
                format!(
                    "{what}: both sides have it more than once{good}; the books agree and somebody paid twice: {list}."
                ),
                format!("{what_zh}：双方均有多笔{good_zh}，账面相符但可能重复付款：{list}。"),
            )),
            Code::SuspectedDuplicate => Some((
                format!("{what}: the same party moved the same amount under another order within minutes: {list}."),
                format!("{what_zh}：同一对方短时间内在另一订单下发生同额交易：{list}。"),
            )),
            _ => None,
        }
    }

    fn fees(&self, what: &str, what_zh: &str, gap: &str) -> Option<(String, String)> {
        let charged = self.statement.first().map_or(Minor::ZERO, |record| record.fee.unwrap_or(Minor::ZERO));
        let charged_total = Total::from(charged);
        let expected = self.difference.fee_delta.map(|delta| charged_total - delta);
        // A charge is negative to us; people say what was charged.
        let turned = charged_total < Total::ZERO || expected.is_some_and(|expected| expected < Total::ZERO);
        let say = |total: Total| self.total(Some(if turned { -total } else { total }));
        let verb = if turned { "charged" } else { "returned" };
        let (charged, expected) = (say(charged_total), expected.map_or("?".to_owned(), say));
        match self.difference.code {
            Code::FeeOvercharged | Code::FeeUndercharged | Code::FeeMissing | Code::FeeRefundMismatch
                if self.difference.fee_delta.is_some() =>
            {
                Some((
                    format!("{what}: {charged} of fees {verb}, {expected} expected, a difference of {gap}."),
                    format!("{what_zh}：手续费 {charged}，应为 {expected}，相差 {gap}。"),
                ))
            }
            Code::FeeUnexpected if self.difference.fee_delta.is_some() => Some((
                format!("{what}: {charged} of fees {verb}, and no rule of the schedule covers it."),
                format!("{what_zh}：手续费 {charged}，费率表无对应规则。"),
            )),
            Code::NetArithmetic | Code::NetRounding => {
                let gap = self.magnitude(self.difference.net_gap);
                Some((
                    format!("{what}: the net that the provider prints is {gap} off its own gross, fee and tax."),
                    format!("{what_zh}：渠道净额与其总额、手续费、税费勾稽相差 {gap}。"),
                ))
            }
            _ => None,
        }
    }

    fn flags(&self) -> (String, String) {
        let flags: Vec<Code> = self.difference.flags.iter().collect();
        if flags.is_empty() {
            return (String::new(), String::new());
        }
        let en: Vec<&str> = flags.iter().map(|code| code.label_en()).collect();
        let zh: Vec<&str> = flags.iter().map(|code| code.label_zh()).collect();
        (format!(" Also: {}.", en.join("; ")), format!("另：{}。", zh.join("；")))
    }
}

/// An account number of which only the ends can be read; one that is masked already stays as it is.
#[must_use]
pub fn masked(party: &str) -> String {
    let characters: Vec<char> = party.chars().collect();
    if party.contains(['*', '＊', '•']) || characters.len() < 4 {
        return party.to_owned();
    }
    let shown = (characters.len() / 4).min(4);
    let start: String = characters[..shown].iter().collect();
    let end: String = characters[characters.len() - shown..].iter().collect();
    format!("{start}****{end}")
}
