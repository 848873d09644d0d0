//! Which call of a provider's API an item means, and with which numbers.
//!
//! Takes the format of the statement, the verb, the kind and the numbers of the records; gives the
//! provider's own name of the call and the parameters that say *which* payment or refund is meant,
//! under the provider's own names. Nothing is sent from here.
//!
//! What is not here: credentials, signatures and amounts. A repair tool takes the amount from the
//! item, never more than its limit. Nor is the number of a refund that is made for the first time: the
//! item gives it its own id, because both providers pay one number once.
//!
//! A call that would not name exactly one movement is not made up: then there is none, and a
//! person works in the portal.
//!
//! Sources: opendocs.alipay.com (`alipay.trade.query`, `alipay.trade.refund`,
//! `alipay.trade.fastpay.refund.query`), pay.weixin.qq.com (API v3, direct merchants and service
//! providers).

/// The numbers of what an item is about: as the statement has them, and the ledger's where it has none.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Ids<'a> {
    /// The provider account; for WeChat the merchant number, of a service provider `merchant/sub-merchant`.
    pub account: &'a str,
    /// The order.
    pub order_no: Option<&'a str>,
    /// The merchant's number of the event: of a refund its refund number.
    pub event_no: Option<&'a str>,
    /// The provider's number of the row.
    pub provider_txn_id: Option<&'a str>,
    /// The provider's number of the payment that the event goes back to.
    pub original_txn_id: Option<&'a str>,
    /// The settlement batch; no call here takes it.
    pub batch_id: Option<&'a str>,
}

/// A call of a provider's API.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call {
    /// Its name: a method of Alipay's gateway, or method and path of WeChat Pay's API v3.
    pub api: &'static str,
    /// The parameters that name what is meant, in the provider's spelling.
    pub parameters: Vec<(&'static str, String)>,
}

impl Call {
    /// Under what name a refund call takes the number of the refund; none for calls that refund nothing.
    #[must_use]
    pub fn refund_number(&self) -> Option<&'static str> {
        match self.api {
            "alipay.trade.refund" => Some("out_request_no"),
            REFUND => Some("out_refund_no"),
            _ => None,
        }
    }
}

/// What a call asks for.
#[derive(Clone, Copy)]
enum Request {
    /// The state of a payment.
    QueryPayment,
    /// The state of a refund.
    QueryRefund,
    /// Money of a payment back to the customer, for the first time; of two payments of one order only
    /// the provider's own number says which.
    Refund,
    /// A refund that did not happen, once more under its own number.
    RefundAgain,
}

/// The call for a verb, or `None` where the provider has none or the numbers do not name one movement.
#[must_use]
pub fn call(format: &str, verb: &str, kind: &str, ids: &Ids<'_>) -> Option<Call> {
    let request = match (verb, kind) {
        ("QUERY", "PAYMENT" | "REVERSAL") => Request::QueryPayment,
        ("QUERY", "REFUND") => Request::QueryRefund,
        ("REFUND", "PAYMENT") => Request::Refund,
        ("REFUND", "REFUND") => Request::RefundAgain,
        _ => return None,
    };
    let payment_no = payment_no(format, kind, ids);
    match format {
        "alipay.trade" | "alipay.fundflow" => alipay(request, payment_no, ids),
        "wechat.trade" | "wechat.fundflow" => wechat(request, payment_no, ids),
        _ => None,
    }
}

/// The provider's number of the payment itself, which stands elsewhere in each bill.
fn payment_no<'a>(format: &str, kind: &str, ids: &Ids<'a>) -> Option<&'a str> {
    match (format, kind) {
        ("alipay.trade" | "wechat.trade", "PAYMENT") => ids.provider_txn_id,
        // The rows of a fund bill have numbers of their own; the payment is what they refer to.
        ("alipay.fundflow", _) | ("wechat.fundflow", "PAYMENT") => ids.original_txn_id,
        // WeChat's fund bill refers a refund to itself, not to its payment.
        ("wechat.fundflow", _) => None,
        _ => ids.original_txn_id,
    }
}

fn alipay(request: Request, trade_no: Option<&str>, ids: &Ids<'_>) -> Option<Call> {
    // Where both are given Alipay goes by its own number.
    let mut parameters = present([("trade_no", trade_no), ("out_trade_no", ids.order_no)]);
    if parameters.is_empty() || (matches!(request, Request::Refund) && trade_no.is_none()) {
        return None;
    }
    let api = match request {
        Request::QueryPayment => "alipay.trade.query",
        Request::QueryRefund => "alipay.trade.fastpay.refund.query",
        Request::Refund | Request::RefundAgain => "alipay.trade.refund",
    };
    if matches!(request, Request::QueryRefund | Request::RefundAgain) {
        parameters.push(("out_request_no", ids.event_no?.to_owned()));
    }
    Some(Call { api, parameters })
}

/// Both a first refund and its repetition; WeChat tells them apart by the refund number.
const REFUND: &str = "POST /v3/refund/domestic/refunds";

fn wechat(request: Request, transaction_id: Option<&str>, ids: &Ids<'_>) -> Option<Call> {
    let merchant = Merchant::of(ids.account)?;
    // Exactly one of the two is allowed, and only WeChat's own number tells two payments of one order apart.
    let payment = match (transaction_id, ids.order_no) {
        (Some(number), _) => Some(("transaction_id", number.to_owned())),
        (None, Some(number)) => Some(("out_trade_no", number.to_owned())),
        (None, None) => None,
    };
    match request {
        Request::QueryPayment => {
            let payment = payment?;
            let api = match (merchant, payment.0) {
                (Merchant::Partner(..), "transaction_id") => "GET /v3/pay/partner/transactions/id/{transaction_id}",
                (Merchant::Partner(..), _) => "GET /v3/pay/partner/transactions/out-trade-no/{out_trade_no}",
                (_, "transaction_id") => "GET /v3/pay/transactions/id/{transaction_id}",
                (_, _) => "GET /v3/pay/transactions/out-trade-no/{out_trade_no}",
            };
            let mut parameters = vec![payment];
            parameters.extend(merchant.of_query());
            Some(Call { api, parameters })
        }
        Request::QueryRefund => {
            let mut parameters = vec![("out_refund_no", ids.event_no?.to_owned())];
            parameters.extend(merchant.of_refund());
            Some(Call { api: "GET /v3/refund/domestic/refunds/{out_refund_no}", parameters })
        }
        Request::Refund => {
            let mut parameters = present([("transaction_id", Some(transaction_id?))]);
            parameters.extend(merchant.of_refund());
            Some(Call { api: REFUND, parameters })
        }
        Request::RefundAgain => {
            let mut parameters = vec![payment?, ("out_refund_no", ids.event_no?.to_owned())];
            parameters.extend(merchant.of_refund());
            Some(Call { api: REFUND, parameters })
        }
    }
}

/// Whose payments a WeChat account has.
#[derive(Clone, Copy)]
enum Merchant<'a> {
    /// A merchant's own.
    Direct(&'a str),
    /// Those of a merchant under a service provider.
    Partner(&'a str, &'a str),
    /// The job names the account otherwise, so the tool must know its number.
    Unnumbered,
}

impl<'a> Merchant<'a> {
    /// `None` where the account has two parts that are no numbers: nobody can say whose payments these are.
    fn of(account: &'a str) -> Option<Self> {
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match account.split_once('/') {
            Some((provider, merchant)) => {
                (is_number(provider) && is_number(merchant)).then_some(Self::Partner(provider, merchant))
            }
            None if is_number(account) => Some(Self::Direct(account)),
            None => Some(Self::Unnumbered),
        }
    }

    fn of_query(self) -> Vec<(&'static str, String)> {
        match self {
            Self::Direct(merchant) => present([("mchid", Some(merchant))]),
            Self::Partner(provider, merchant) => present([("sp_mchid", Some(provider)), ("sub_mchid", Some(merchant))]),
            Self::Unnumbered => Vec::new(),
        }
    }

    /// Refunds name only the merchant under a service provider.
    fn of_refund(self) -> Vec<(&'static str, String)> {
        match self {
            Self::Partner(_, merchant) => present([("sub_mchid", Some(merchant))]),
            Self::Direct(_) | Self::Unnumbered => Vec::new(),
        }
    }
}

fn present<const N: usize>(parameters: [(&'static str, Option<&str>); N]) -> Vec<(&'static str, String)> {
    parameters.into_iter().filter_map(|(name, value)| Some((name, value?.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAID: Ids<'_> = Ids {
        account: "1900000109",
        order_no: Some("A1"),
        event_no: Some("A1"),
        provider_txn_id: Some("T1"),
        original_txn_id: None,
        batch_id: Some("1900000109-20260821"),
    };

    const RETURNED: Ids<'_> =
        Ids { event_no: Some("R1"), provider_txn_id: Some("T1#R1"), original_txn_id: Some("T1"), ..PAID };

    fn shown(format: &str, verb: &str, kind: &str, ids: &Ids<'_>) -> String {
        let Some(call) = call(format, verb, kind, ids) else { return "none".to_owned() };
        call.parameters.iter().fold(call.api.to_owned(), |text, (name, value)| format!("{text} {name}={value}"))
    }

    #[test]
    fn alipay_knows_a_payment_by_trade_and_order_and_a_refund_also_by_its_request() {
        let payment = |verb| shown("alipay.trade", verb, "PAYMENT", &PAID);
        assert_eq!(payment("QUERY"), "alipay.trade.query trade_no=T1 out_trade_no=A1");
        assert_eq!(payment("REFUND"), "alipay.trade.refund trade_no=T1 out_trade_no=A1");
        let refund = |verb| shown("alipay.trade", verb, "REFUND", &RETURNED);
        assert_eq!(refund("QUERY"), "alipay.trade.fastpay.refund.query trade_no=T1 out_trade_no=A1 out_request_no=R1");
        assert_eq!(refund("REFUND"), "alipay.trade.refund trade_no=T1 out_trade_no=A1 out_request_no=R1");
    }

    #[test]
    fn a_fund_bill_names_the_payment_it_refers_to_and_not_its_own_row() {
        let row = Ids { provider_txn_id: Some("F9"), original_txn_id: Some("T1"), ..PAID };
        assert_eq!(
            shown("alipay.fundflow", "QUERY", "PAYMENT", &row),
            "alipay.trade.query trade_no=T1 out_trade_no=A1"
        );
        let row = Ids { provider_txn_id: Some("T1/F9/交易"), ..row };
        assert_eq!(
            shown("wechat.fundflow", "QUERY", "PAYMENT", &row),
            "GET /v3/pay/transactions/id/{transaction_id} transaction_id=T1 mchid=1900000109"
        );
        // There a refund refers to itself.
        let refund = Ids { event_no: Some("R1"), original_txn_id: Some("W1"), order_no: None, ..row };
        assert_eq!(
            shown("wechat.fundflow", "QUERY", "REFUND", &refund),
            "GET /v3/refund/domestic/refunds/{out_refund_no} out_refund_no=R1"
        );
        assert_eq!(shown("wechat.fundflow", "REFUND", "REFUND", &refund), "none");
    }

    #[test]
    fn wechat_takes_one_number_of_a_payment_and_its_own_comes_first() {
        assert_eq!(
            shown("wechat.trade", "QUERY", "PAYMENT", &PAID),
            "GET /v3/pay/transactions/id/{transaction_id} transaction_id=T1 mchid=1900000109"
        );
        let unknown = Ids { provider_txn_id: None, ..PAID };
        assert_eq!(
            shown("wechat.trade", "QUERY", "PAYMENT", &unknown),
            "GET /v3/pay/transactions/out-trade-no/{out_trade_no} out_trade_no=A1 mchid=1900000109"
        );
        assert_eq!(
            shown("wechat.trade", "REFUND", "PAYMENT", &PAID),
            "POST /v3/refund/domestic/refunds transaction_id=T1"
        );
        let refund = Ids { provider_txn_id: Some("W1"), ..RETURNED };
        assert_eq!(
            shown("wechat.trade", "REFUND", "REFUND", &refund),
            "POST /v3/refund/domestic/refunds transaction_id=T1 out_refund_no=R1"
        );
        assert_eq!(
            shown("wechat.trade", "QUERY", "REVERSAL", &refund),
            "GET /v3/pay/transactions/id/{transaction_id} transaction_id=T1 mchid=1900000109"
        );
    }

    #[test]
    fn a_service_provider_names_the_merchant_under_it_and_an_odd_account_none() {
        let partner = Ids { account: "1900000100/1900000109", ..PAID };
        assert_eq!(
            shown("wechat.trade", "QUERY", "PAYMENT", &partner),
            "GET /v3/pay/partner/transactions/id/{transaction_id} transaction_id=T1 sp_mchid=1900000100 \
             sub_mchid=1900000109"
        );
        let unknown = Ids { provider_txn_id: None, ..partner };
        assert_eq!(
            shown("wechat.trade", "QUERY", "PAYMENT", &unknown),
            "GET /v3/pay/partner/transactions/out-trade-no/{out_trade_no} out_trade_no=A1 sp_mchid=1900000100 \
             sub_mchid=1900000109"
        );
        let refund = Ids { account: "1900000100/1900000109", ..RETURNED };
        assert_eq!(
            shown("wechat.trade", "QUERY", "REFUND", &refund),
            "GET /v3/refund/domestic/refunds/{out_refund_no} out_refund_no=R1 sub_mchid=1900000109"
        );
        let odd = Ids { account: "shop", ..PAID };
        assert_eq!(
            shown("wechat.trade", "QUERY", "PAYMENT", &odd),
            "GET /v3/pay/transactions/id/{transaction_id} transaction_id=T1"
        );
        let odd = Ids { account: "shop/1900000109", ..PAID };
        assert_eq!(shown("wechat.trade", "QUERY", "PAYMENT", &odd), "none");
    }

    #[test]
    fn without_the_number_that_names_one_movement_there_is_no_call() {
        let nothing = Ids { order_no: None, event_no: None, provider_txn_id: None, original_txn_id: None, ..PAID };
        let no_refund_no = Ids { event_no: None, ..RETURNED };
        let no_payment_no = Ids { provider_txn_id: None, ..PAID };
        for format in ["alipay.trade", "alipay.fundflow", "wechat.trade", "wechat.fundflow"] {
            assert_eq!(shown(format, "REFUND", "PAYMENT", &no_payment_no), "none", "{format}");
            for verb in ["QUERY", "REFUND"] {
                for kind in ["PAYMENT", "REFUND"] {
                    assert_eq!(shown(format, verb, kind, &nothing), "none", "{format} {verb} {kind}");
                }
                assert_eq!(shown(format, verb, "REFUND", &no_refund_no), "none", "{format} {verb}");
            }
        }
    }

    #[test]
    fn other_formats_verbs_and_kinds_have_no_call() {
        for (format, verb, kind) in [
            ("delimited", "QUERY", "PAYMENT"),
            ("parquet", "REFUND", "PAYMENT"),
            ("alipay.trade", "BOOK", "PAYMENT"),
            ("alipay.trade", "REPAY", "REFUND"),
            ("wechat.trade", "QUERY", "PAYOUT"),
            ("wechat.trade", "QUERY", "FEE"),
            ("wechat.trade", "REFUND", "CHARGEBACK"),
            ("wechat.trade", "query", "PAYMENT"),
        ] {
            assert_eq!(call(format, verb, kind, &PAID), None, "{format} {verb} {kind}");
        }
    }
}
