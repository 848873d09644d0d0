//! Records that take no part, and why.

use std::borrow::Cow;

use tieout_kernel::money::Minor;
use tieout_kernel::outcome::State;
use tieout_kernel::pass::outside_this_edge;
use tieout_kernel::record::Direction;

use super::{Held, NightFile};
use crate::expression::{Condition, Value};
use crate::normalise::Columns;

/// Whether records of an account take part.
pub(super) fn is_in_scope(file: &NightFile, account: &str) -> bool {
    file.accounts.is_empty() || file.accounts.iter().any(|one| one == account)
}

/// Why a record takes no part, if it does not.
pub(crate) fn aside(file: &NightFile, columns: &Columns<'_>, row: usize, account: &str) -> Option<State> {
    if let Some(state) = outside_this_edge(columns.kind[row]) {
        return Some(state);
    }
    if !is_in_scope(file, account) {
        return Some(State::OutOfScope);
    }
    if file.held == Held::All {
        return Some(State::Held);
    }
    let selected = file.filter.as_ref().is_none_or(|filter| selects(filter, file, columns, row));
    (!selected).then_some(State::Filtered)
}

fn selects(filter: &Condition, file: &NightFile, columns: &Columns<'_>, row: usize) -> bool {
    let text = |text: Option<Cow<'_, str>>| text.map_or(Value::Null, |text| Value::Text(text.into_owned()));
    let money = |minor: Option<Minor>| minor.map_or(Value::Null, |minor| Value::integer(i128::from(minor.get())));
    filter.selects(&|name| match name {
        "account" => Value::Text(columns.account(row).into_owned()),
        "kind" => Value::Text(columns.kind[row].word().to_owned()),
        "status" => Value::Text(columns.status[row].word().to_owned()),
        "direction" => Value::Text(columns.direction[row].word().to_owned()),
        "currency" => Value::Text(columns.currency[row].code().to_owned()),
        "amount_minor" => {
            let amount = columns.amount.get(row).copied().unwrap_or(columns.principal[row]);
            money(Some(if columns.direction[row] == Direction::Out { -amount } else { amount }))
        }
        "fee_minor" => money(columns.fee.get(row).copied().flatten()),
        "order_no" => text(columns.order_no(row)),
        "event_no" => text(columns.event_no(row)),
        "provider_txn_id" => text(columns.provider_txn_id(row)),
        "counterparty" => text(columns.counterparty(row)),
        "occurred_at" => columns.occurred_at.get(row).map_or(Value::Null, |instant| Value::Instant(instant.0)),
        "business_date" => columns.business_date.get(row).map_or(Value::Null, |day| Value::Date(i64::from(day.0))),
        extra => match file.extra.iter().position(|name| name == extra) {
            Some(at) => text(columns.extra(row, at)),
            None => Value::Null,
        },
    })
}
