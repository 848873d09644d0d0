//! What happened, in words: one English and one Chinese sentence or two per difference.

use tieout_kernel::calendar::Day;
use tieout_kernel::code::Code;
use tieout_kernel::currency::Currency;
use tieout_kernel::money::{Minor, Total};
use tieout_kernel::outcome::Difference;
use tieout_kernel::policy::ComparedColumn;
use tieout_kernel::record::Record;

use crate::formats::Cut as _;
use crate::normalise::push_decimal;

/// Characters of a compared column that are shown.
const SHOWN_OF_A_COLUMN: usize = 60;

/// Records of a side of which the amounts are listed.
const LISTED: usize = 3;

/// Adds money as people write it: `CNY 100.00`; `?` where nobody knows how much.
fn put_money(text: &mut String, total: Option<Total>, currency: Currency) {
    let Some(total) = total else { return text.push('?') };
    text.push_str(currency.code());
    text.push(' ');
    push_decimal(text, total.get(), currency.exponent());
}

const fn amount(record: &Record<'_>) -> Minor {
    record.principal
}

fn signed(record: &Record<'_>) -> Minor {
    record.signed()
}

/// English and Chinese.
pub type Told = (String, String);

/// What happened, for people. `columns` are the further ones that are compared; `since` is the first day that the history
/// knows: what looks back says how far.
#[must_use]
pub fn explain(
    difference: &Difference,
    records: &[Record<'_>],
    columns: &[ComparedColumn],
    since: Option<Day>,
) -> Told {
    let side = |members: &[u32]| members.iter().map(|&at| &records[at as usize]).collect::<Vec<_>>();
    let (ledger, statement) = (side(&difference.ledger), side(&difference.statement));
    let related = side(&difference.related);
    let [ours, theirs] = [&ledger, &statement].map(|side| Story::list(side, amount));
    let (ledger, statement, related) = (&ledger, &statement, &related);
    let story = Story { difference, columns, ledger, statement, related, ours, theirs };
    let (mut en, mut zh) = story.tell();
    let (flags_en, flags_zh) = story.flags();
    en.push_str(&flags_en);
    zh.push_str(&flags_zh);
    let looks_back = [Code::OverRefund, Code::DoubleDip, Code::OrphanEvent];
    if let Some(since) = since.filter(|_| looks_back.contains(&difference.code)) {
        en.push_str(&format!(" Nights since {since} were looked at."));
        zh.push_str(&format!("已回溯至 {since}。"));
    }
    (en, zh)
}

struct Story<'s, 'r> {
    difference: &'s Difference,
    columns: &'s [ComparedColumn],
    ledger: &'s [&'s Record<'r>],
    statement: &'s [&'s Record<'r>],
    related: &'s [&'s Record<'r>],
    /// The amounts of the ledger's records.
    ours: String,
    /// The amounts of the statement's records.
    theirs: String,
}

impl Story<'_, '_> {
    fn any(&self) -> &Record<'_> {
        self.statement.first().or(self.ledger.first()).copied().expect("a difference has records")
    }

    fn total(&self, total: Option<Total>) -> String {
        let mut text = String::new();
        put_money(&mut text, total, self.any().currency);
        text
    }

    fn magnitude(&self, total: Option<Total>) -> String {
        self.total(total.map(Total::magnitude))
    }

    fn subject(&self) -> (String, String) {
        let record = self.any();
        let number = record.event_no.or(record.order_no).or(record.provider_txn_id).unwrap_or("without a number");
        let plain = |letter: char| if letter == '_' { ' ' } else { letter.to_ascii_lowercase() };
        let kind: String = record.kind.word().chars().map(plain).collect();
        (format!("{kind} {number}"), format!("{}（{}）", number, record.kind.word()))
    }

    /// What the first records of a side come to one by one, and how many more there are.
    fn list(side: &[&Record<'_>], amount: fn(&Record<'_>) -> Minor) -> String {
        let mut text = String::new();
        for record in side.iter().take(LISTED) {
            if !text.is_empty() {
                text.push_str(", ");
            }
            put_money(&mut text, Some(amount(record).into()), record.currency);
        }
        let more = side.len().saturating_sub(LISTED);
        if more > 0 {
            text += &format!(" and {more} more");
        }
        text
    }

    fn words_of_status(side: &[&Record<'_>]) -> String {
        let mut words: Vec<&str> = side.iter().map(|record| record.status.word()).collect();
        words.dedup();
        words.join(", ")
    }

    /// What the code says of this group. Codes that say enough by their label share the last line.
    fn tell(&self) -> Told {
        let (what, what_zh) = self.subject();
        let told = match self.difference.code.family() {
            'F' => self.duplicates(&what, &what_zh),
            'E' => self.fees(&what, &what_zh),
            _ => None,
        };
        told.or_else(|| self.existence(&what, &what_zh))
            .or_else(|| self.amounts(&what, &what_zh))
            .or_else(|| self.statuses(&what, &what_zh))
            .or_else(|| self.fields(&what, &what_zh))
            .or_else(|| self.places(&what, &what_zh))
            .unwrap_or_else(|| {
                let shown = if self.statement.is_empty() { &self.ours } else { &self.theirs };
                let code = self.difference.code;
                (
                    format!("{what} over {shown}: {}.", code.label_en()),
                    format!("{what_zh}，金额 {shown}：{}。", code.label_zh()),
                )
            })
    }

    /// Records of one side only, and records that nothing brings together.
    fn existence(&self, what: &str, what_zh: &str) -> Option<Told> {
        let (ours, theirs) = (&self.ours, &self.theirs);
        let told = match self.difference.code {
            Code::MissingInLedger
            | Code::RefundUnauthorised
            | Code::PayoutUnauthorised
            | Code::ChargebackUnbooked
            | Code::ChargebackReversalUnbooked => (
                format!("The provider has {what} over {theirs}; the ledger has nothing under its numbers."),
                format!("渠道有 {what_zh}，金额 {theirs}；平台按其单号查无记录。"),
            ),
            Code::MissingAtProvider | Code::RefundNotExecuted => (
                format!("The ledger has {what} over {ours}; the complete statement has nothing under its numbers."),
                format!("平台有 {what_zh}，金额 {ours}；完整账单中按其单号查无记录。"),
            ),
            Code::KeyMissing => {
                let (kind, shown) = (self.any().kind, self.total(Some(amount(self.any()).into())));
                (
                    format!("A {kind} over {shown} has no order, event or provider number."),
                    format!("一笔 {kind} {shown} 没有任何可用单号。"),
                )
            }
            Code::AmbiguousMatch => {
                let (ours, theirs) = (self.ledger.len(), self.statement.len());
                (
                    format!(
                        "{ours} ledger and {theirs} statement records fit each other by amount, party and time; \
                         none was picked."
                    ),
                    format!("平台 {ours} 笔与渠道 {theirs} 笔按金额、对方与时间均可匹配，未自动选择。"),
                )
            }
            Code::OverRefund | Code::DoubleDip => {
                let excess = self.magnitude(self.difference.at_risk);
                (
                    format!(
                        "{what}: with it, the refunds and chargebacks of the order exceed its payment by {excess}."
                    ),
                    format!("{what_zh}：计入本笔后，该订单退款与退单合计超过支付金额 {excess}。"),
                )
            }
            _ => return None,
        };
        Some(told)
    }

    /// Both sides have it, and the money is not the same.
    fn amounts(&self, what: &str, what_zh: &str) -> Option<Told> {
        let code = self.difference.code;
        let (ours, theirs) = (&self.ours, &self.theirs);
        let gap = self.magnitude(self.difference.exposure);
        let told = match code {
            Code::AmountOver | Code::AmountUnder | Code::RoundingVariance => (
                format!("{what}: the ledger says {ours}, the provider {theirs}, a difference of {gap}."),
                format!("{what_zh}：平台 {ours}，渠道 {theirs}，相差 {gap}。"),
            ),
            Code::AmountScale => (
                format!("{what}: {ours} against {theirs}, exactly a power of ten: major and minor units are confused."),
                format!("{what_zh}：{ours} 与 {theirs} 恰为十的整数次幂，疑似元分单位混淆。"),
            ),
            Code::DiscountAttribution => (
                format!(
                    "{what}: the provider settled {theirs} of an order over {ours}; discounts explain the gap of {gap} \
                     exactly."
                ),
                format!("{what_zh}：订单金额 {ours}，渠道结算 {theirs}，差额 {gap} 由优惠解释。"),
            ),
            Code::CurrencyMismatch => (
                format!(
                    "{what}: the ledger says {ours}, the provider {theirs}; amounts in two currencies are not compared."
                ),
                format!("{what_zh}：平台 {ours}，渠道 {theirs}，币种不同，不作金额比较。"),
            ),
            Code::DirectionMismatch => {
                let [ours, theirs] = [self.ledger, self.statement].map(|side| Self::list(side, signed));
                (
                    format!("{what}: the ledger books {ours}, the provider {theirs}: the other direction."),
                    format!("{what_zh}：平台记 {ours}，渠道记 {theirs}，收支方向相反。"),
                )
            }
            _ => return None,
        };
        Some(told)
    }

    /// Both sides have it, in different states.
    fn statuses(&self, what: &str, what_zh: &str) -> Option<Told> {
        let told = match self.difference.code {
            Code::StatusProviderSuccess
            | Code::StatusLedgerSuccess
            | Code::LateSuccessAfterClose
            | Code::ReversalUnconfirmed
            | Code::PayoutFailed => {
                let (ours, theirs) = (Self::words_of_status(self.ledger), Self::words_of_status(self.statement));
                let shown = &self.theirs;
                let ours = if ours.is_empty() { "REVERSED".to_owned() } else { ours };
                (
                    format!("{what}: the ledger says {ours}, the provider {theirs} over {shown}."),
                    format!("{what_zh}：平台状态 {ours}，渠道状态 {theirs}，金额 {shown}。"),
                )
            }
            Code::ReversalUnbooked => {
                let shown = &self.ours;
                (
                    format!("{what}: the provider undid the payment, the ledger still has {shown} as a success."),
                    format!("{what_zh}：渠道已撤销/冲正，平台仍记成功 {shown}。"),
                )
            }
            _ => return None,
        };
        Some(told)
    }

    /// Both sides have it, and a further compared column is not the same.
    fn fields(&self, what: &str, what_zh: &str) -> Option<Told> {
        let (en, zh) = self.differing(self.difference.code)?;
        Some((format!("{what}: {en}."), format!("{what_zh}：{zh}。")))
    }

    /// The further compared columns that give a code, each with what both sides have in it. Of several records on a
    /// side nobody can tell here which was held against which.
    fn differing(&self, code: Code) -> Option<Told> {
        let ([ours], [theirs]) = (self.ledger, self.statement) else { return None };
        if code == Code::BeneficiaryMismatch && ours.counterparty.is_some() && theirs.counterparty.is_some() {
            return None;
        }
        let (ours, theirs) = (ours.compared, theirs.compared);
        let column = |(at, column): (usize, &ComparedColumn)| {
            let (ours, theirs) = (*ours.get(at)?, *theirs.get(at)?);
            let shown = |text: Option<&str>, nothing: &str| match text {
                None => nothing.to_owned(),
                Some(party) if code == Code::BeneficiaryMismatch || column.name == "counterparty" => masked(party),
                Some(text) => text.cut(SHOWN_OF_A_COLUMN),
            };
            let (name, en, zh) = (&column.name, "nothing", "（空）");
            // What is cut or masked may look the same.
            let look_apart = column.code == code && shown(ours, en) != shown(theirs, en);
            look_apart.then(|| {
                (
                    format!("{name} is {} in the ledger, {} at the provider", shown(ours, en), shown(theirs, en)),
                    format!("{name} 平台为 {}，渠道为 {}", shown(ours, zh), shown(theirs, zh)),
                )
            })
        };
        let (en, zh): (Vec<String>, Vec<String>) = self.columns.iter().enumerate().filter_map(column).unzip();
        (!en.is_empty()).then(|| (en.join("; "), zh.join("；")))
    }

    /// Both sides have it, with another party, account or day.
    fn places(&self, what: &str, what_zh: &str) -> Option<Told> {
        let both = |of: fn(&Record<'_>) -> String| {
            let side = |side: &[&Record<'_>]| side.first().map(|record| of(record)).unwrap_or_default();
            (side(self.ledger), side(self.statement))
        };
        let told = match self.difference.code {
            Code::BeneficiaryMismatch => {
                let (ours, theirs) = both(|record| record.counterparty.map(masked).unwrap_or_default());
                let at_risk = self.magnitude(self.difference.at_risk);
                (
                    format!("{what} over {at_risk}: the ledger names {ours}, the provider paid {theirs}."),
                    format!("{what_zh}，金额 {at_risk}：平台收款方 {ours}，渠道收款方 {theirs}。"),
                )
            }
            Code::MerchantMismatch => {
                let (ours, theirs) = both(|record| record.account.to_owned());
                (
                    format!("{what}: the ledger books it under account {ours}, the provider under {theirs}."),
                    format!("{what_zh}：平台记于商户号 {ours}，渠道记于 {theirs}。"),
                )
            }
            Code::PeriodMismatch => {
                let (ours, theirs) = both(|record| record.business_date.map_or(String::new(), |day| day.to_string()));
                (
                    format!("{what}: the ledger books it on {ours}, the provider on {theirs}."),
                    format!("{what_zh}：平台记账日 {ours}，渠道记账日 {theirs}。"),
                )
            }
            _ => return None,
        };
        Some(told)
    }

    fn duplicates(&self, what: &str, what_zh: &str) -> Option<Told> {
        let surplus = if self.statement.is_empty() { self.ledger } else { self.statement };
        let list = if self.statement.is_empty() { &self.ours } else { &self.theirs };
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

    fn fees(&self, what: &str, what_zh: &str) -> Option<Told> {
        let gap = self.magnitude(self.difference.fee_delta);
        let charged = self.statement.first().map_or(Minor::ZERO, |record| record.fee.unwrap_or(Minor::ZERO));
        let charged_total = Total::from(charged);
        let expected = self.difference.fee_delta.map(|delta| charged_total - delta);
        // A charge is negative to us; people say what was charged.
        let turned = charged_total < Total::ZERO || expected.is_some_and(|expected| expected < Total::ZERO);
        let say = |total: Option<Total>| self.total(total.map(|total| if turned { -total } else { total }));
        let verb = if turned { "charged" } else { "returned" };
        let (charged, expected) = (say(Some(charged_total)), say(expected));
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

    fn flags(&self) -> Told {
        let flags: Vec<Code> = self.difference.flags.iter().collect();
        if flags.is_empty() {
            return (String::new(), String::new());
        }
        let told = |code: &Code| {
            let labels = || (code.label_en().to_owned(), code.label_zh().to_owned());
            self.differing(*code).unwrap_or_else(labels)
        };
        let (en, zh): (Vec<String>, Vec<String>) = flags.iter().map(told).unzip();
        let (mut en, mut zh) = (format!(" Also: {}", en.join("; ")), format!("另：{}", zh.join("；")));
        // What a second fault comes to, where the first is of another kind.
        let fee = self.difference.fee_delta.filter(|_| self.difference.code.family() != 'E');
        let net = self.difference.net_gap.filter(|_| flags.iter().any(|flag| flag.word().starts_with("NET_")));
        for (delta, what, what_zh) in [(fee, "fees", "手续费"), (net, "net", "净额")] {
            if let Some(delta) = delta {
                en += &format!(", {what} off by {}", self.magnitude(Some(delta)));
                zh += &format!("，{what_zh}相差 {}", self.magnitude(Some(delta)));
            }
        }
        (en + ".", zh + "。")
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
