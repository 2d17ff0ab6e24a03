//! From `[cost]` and the terms beside prices to what a run needs to know of money.

use super::raw::{self, Scenario};
use crate::document::Findings;
use crate::plan::CostPlan;
use crate::prices::{Fx, FxTable, PaymentTerms};
use crate::units::Currency;
use jiff::Timestamp;
use rust_decimal::Decimal;
use std::str::FromStr;

pub(super) const FX: &str =
    "write it as CNY = { rate = \"7.30\", date = \"2026-11-20\" }: how much a US dollar buys";

/// Builds it.
pub(super) fn build(scenario: &Scenario, findings: &mut Findings<'_>) -> CostPlan {
    let raw = &scenario.cost;
    let mut fx = FxTable::new();
    for (name, rate) in &raw.fx.0 {
        let path = ["cost", "fx", name];
        let Ok(currency) = Currency::from_str(name) else {
            findings.sense(&path, format!("`{name}` is no ISO 4217 code"), FX);
            continue;
        };
        if name == "USD" {
            findings.sense(&path, "a US dollar buys one US dollar", "leave it out");
        } else if let Some(rate) = build_fx(rate, &path, findings) {
            fx.insert(currency, rate);
        }
    }
    let currency = raw.currency.as_ref().and_then(|text| {
        let parsed = Currency::from_str(text);
        if parsed.is_err() {
            let help = "write three capital letters, such as \"CNY\"";
            findings.sense(&["cost", "currency"], format!("`{text}` is no ISO 4217 code"), help);
        }
        parsed.ok()
    });
    let start_utc_s = raw.start.as_ref().and_then(|text| {
        let parsed = text.parse::<Timestamp>();
        if parsed.is_err() {
            let help = "write it in UTC, such as \"2026-11-24T02:00:00Z\"";
            findings.sense(&["cost", "start"], format!("`{text}` is no moment"), help);
        }
        parsed.ok().map(Timestamp::as_second)
    });
    CostPlan { currency, fx, jobs_per_month: raw.jobs_per_month, start_utc_s }
}

pub(super) fn terms(name: &str, price: &raw::Price, findings: &mut Findings<'_>) -> PaymentTerms {
    let blank = PaymentTerms::default();
    let mut number =
        |field: &str, text: &Option<String>, blank: Decimal, fits: fn(Decimal) -> bool, range| {
            let Some(text) = text else { return blank };
            let parsed = Decimal::from_str_exact(text).ok().filter(|number| fits(*number));
            if parsed.is_none() {
                let what = format!("`{field}` is {text}");
                findings.sense(&["target", name, "price", field], what, format!("write {range}"));
            }
            parsed.unwrap_or(blank)
        };
    let share = |number: Decimal| number < Decimal::ONE;
    let positive = |number: Decimal| number > Decimal::ZERO;
    let any = |_: Decimal| true;
    let below = "a share from \"0\" to below \"1\", such as \"0.15\" for 15 percent";
    let (fixed, prepaid) = (&price.fixed_per_month, &price.prepaid_per_month);
    let terms = PaymentTerms {
        discount: number("discount", &price.discount, blank.discount, share, below),
        top_up: number("top_up", &price.top_up, blank.top_up, positive, "a number above \"0\""),
        fee: number("fee", &price.fee, blank.fee, share, below),
        tax: number("tax", &price.tax, blank.tax, share, below),
        fixed_per_month: number("fixed_per_month", fixed, blank.fixed_per_month, any, "a number"),
        prepaid_per_month: number("prepaid_per_month", prepaid, blank.prepaid_per_month, any, "a number"),
        fx: None,
    };
    let fx = price.fx.as_ref().and_then(|fx| build_fx(fx, &["target", name, "price", "fx"], findings));
    PaymentTerms { fx, ..terms }
}

fn build_fx(raw: &raw::Fx, path: &[&str], findings: &mut Findings<'_>) -> Option<Fx> {
    let rate = Decimal::from_str_exact(&raw.rate).ok().filter(|rate| *rate > Decimal::ZERO);
    if rate.is_none() {
        findings.sense(path, format!("`rate` is {}", raw.rate), "write a decimal number above 0 in quotes");
    }
    let dated = is_date(&raw.date);
    if !dated {
        findings.sense(path, format!("`date` is {}", raw.date), "write a day, such as \"2026-11-20\"");
    }
    rate.filter(|_| dated).map(|rate| Fx { rate, date: raw.date.clone() })
}

fn is_date(text: &str) -> bool {
    let mut parts = text.split('-').map(|part| part.parse::<u16>().unwrap_or(0));
    let (year, month, day) = (parts.next(), parts.next(), parts.next());
    let leap = |year: u16| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let (Some(year), Some(month), Some(day), None) = (year, month, day, parts.next()) else { return false };
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap(year) => 29,
        2 => 28,
        1..=12 => 31,
        _ => 0,
    };
    year >= 1900 && (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::is_date;

    #[test]
    fn a_date_is_a_day_that_there_is() {
        for day in ["2026-11-20", "2024-02-29", "2026-12-31"] {
            assert!(is_date(day), "{day}");
        }
        for no in ["2026-02-29", "2026-13-01", "2026-00-10", "2026-04-31", "20-1-1", "2026-11-20-1", ""] {
            assert!(!is_date(no), "{no}");
        }
    }
}
