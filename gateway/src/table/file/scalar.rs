//! Booleans, numbers, durations and weights as they are written.

use std::time::Duration;

use schemars::{Schema, json_schema};

use crate::table::file::read::{Word, Wrong, excerpt};
use crate::table::file::tree::Scalar;

/// No duration in the file may be longer.
const LONGEST: Duration = Duration::from_hours(24);

/// A schema that also takes a text with `${…}`, which has its type only once it is filled.
pub fn or_variable(mut schema: Schema) -> Schema {
    let title = schema.remove("title");
    let mut either = json_schema!({ "anyOf": [schema, { "type": "string", "pattern": "\\$\\{" }] });
    if let Some(title) = title {
        either.insert("title".into(), title);
    }
    either
}

impl Word for bool {
    const WHAT: &'static str = "true or false";

    fn parse(scalar: &Scalar) -> Result<Self, Wrong> {
        let text = scalar.text.to_ascii_lowercase();
        match text.as_str() {
            "true" if scalar.plain => Ok(true),
            "false" if scalar.plain => Ok(false),
            "true" | "false" => {
                Err(Wrong::new(format!("\"{text}\" is a text"), format!("write `{text}`, without quotes")))
            }
            "yes" | "on" | "1" => {
                Err(Wrong::new(format!("`{}` is neither true nor false", scalar.text), "write `true`"))
            }
            "no" | "off" | "0" => {
                Err(Wrong::new(format!("`{}` is neither true nor false", scalar.text), "write `false`"))
            }
            _ => Err(Wrong::new(
                format!("`{}` is neither true nor false", excerpt(&scalar.text)),
                "write `true` or `false`",
            )),
        }
    }

    fn schema() -> Schema {
        or_variable(json_schema!({ "title": "true or false", "type": "boolean" }))
    }
}

/// A whole number within the range that its bounds say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number<const LOW: u32, const HIGH: u32>(pub u32);

impl<const LOW: u32, const HIGH: u32> Word for Number<LOW, HIGH> {
    const WHAT: &'static str = "a whole number";

    fn parse(scalar: &Scalar) -> Result<Self, Wrong> {
        let help = format!("write a whole number from {LOW} to {HIGH}");
        let shown = excerpt(&scalar.text);
        if !scalar.plain {
            return Err(Wrong::new(format!("\"{shown}\" is a text, not a number"), format!("{help}, without quotes")));
        }
        let digits = !scalar.text.is_empty() && scalar.text.bytes().all(|byte| byte.is_ascii_digit());
        match scalar.text.parse::<u32>() {
            Ok(number) if digits && (LOW..=HIGH).contains(&number) => Ok(Self(number)),
            _ => Err(Wrong::new(format!("`{shown}` is not a whole number from {LOW} to {HIGH}"), help)),
        }
    }

    fn schema() -> Schema {
        or_variable(json_schema!({ "title": "whole number", "type": "integer", "minimum": LOW, "maximum": HIGH }))
    }
}

impl Word for Duration {
    const WHAT: &'static str = "a duration like `250ms`, `5s` or `10m`";

    fn parse(scalar: &Scalar) -> Result<Self, Wrong> {
        let text = scalar.text.as_str();
        let shown = excerpt(text);
        let no = || Wrong::new(format!("`{shown}` is not a duration"), "write it like `250ms`, `5s`, `10m` or `1h`");
        let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        if digits.is_empty() {
            return Err(no());
        }
        let number: u64 = digits.parse().map_err(|_| no())?;
        let millis = match unit {
            "ms" => Some(number),
            "s" => number.checked_mul(1_000),
            "m" => number.checked_mul(60_000),
            "h" => number.checked_mul(3_600_000),
            "" => {
                return Err(Wrong::new(
                    format!("`{shown}` has no unit"),
                    format!("write `{digits}s`, or `{digits}ms`"),
                ));
            }
            _ => return Err(no()),
        };
        millis.map(Self::from_millis).filter(|duration| *duration <= LONGEST).ok_or_else(|| {
            Wrong::new(format!("`{shown}` is longer than a day"), "write at most `24h`; `0s` means none")
        })
    }

    fn schema() -> Schema {
        json_schema!({ "title": "duration", "type": "string", "pattern": "^[0-9]+(ms|s|m|h)$|\\$\\{" })
    }
}

/// A side's part of a split as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Hundredths of a per cent: 0 to 10,000.
    Hundredths(u16),
    /// Whatever the others leave.
    Rest,
}

impl Word for Weight {
    const WHAT: &'static str = "a weight: a per cent like `20` or `12.5`, or `rest`";

    fn parse(scalar: &Scalar) -> Result<Self, Wrong> {
        let text = scalar.text.as_str();
        let shown = excerpt(text);
        if text == "rest" {
            return Ok(Self::Rest);
        }
        if let Some(number) = text.strip_suffix('%') {
            return Err(Wrong::new(
                format!("`{shown}` is not a weight"),
                format!("write `{}`: weights are per cent anyway", number.trim()),
            ));
        }
        if !scalar.plain {
            return Err(Wrong::new(format!("\"{shown}\" is a text, not a weight"), "write it without quotes"));
        }
        if text.strip_prefix('-').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
            return Err(Wrong::new(
                format!("the weight {shown} is below 0"),
                "write a per cent from 0 to 100, or `rest`",
            ));
        }
        let no = || {
            Wrong::new(
                format!("`{shown}` is not a weight"),
                "write a per cent from 0 to 100 with up to two decimals, or `rest`",
            )
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return Err(no());
        }
        if fraction.len() > 2 {
            return Err(Wrong::new(
                format!("the weight {shown} has more than two decimals"),
                format!("write `{whole}.{}`", &fraction[..2]),
            ));
        }
        let number = |digits: &str| digits.parse().unwrap_or(u16::MAX);
        let hundredths = number(fraction) * if fraction.len() == 1 { 10 } else { 1 };
        match number(whole).checked_mul(100).and_then(|whole| whole.checked_add(hundredths)) {
            Some(hundredths @ 0..=10_000) => Ok(Self::Hundredths(hundredths)),
            _ => {
                Err(Wrong::new(format!("the weight {shown} is over 100"), "write a per cent from 0 to 100, or `rest`"))
            }
        }
    }

    fn schema() -> Schema {
        let number = json_schema!({ "type": "number", "minimum": 0, "maximum": 100 });
        json_schema!({ "title": "weight", "anyOf": [number, { "const": "rest" }, { "type": "string", "pattern": "\\$\\{" }] })
    }
}
