//! Raw flags → what they mean.
//!
//! Invariant: the result depends on the flags, the environment and the files alone.

use crate::target::{Limits, Plan, Redirects, Repeat, Secrets, Target, TraceHeaders};
use crate::time::Nanos;

use super::error::{ArgsError, OfFlag, ValueError};
use super::flags::{ClientArgs, HttpArgs, LimitArgs, TraceArgs};
use super::{Environment, Inputs, Output};

mod compare;
mod hops;
mod network;
mod output;
mod regions;
mod request;
mod targets;

use request::Template;
use targets::Chosen;

/// curl's `--max-redirs` where its user gives none.
const MAX_REDIRECTS: u32 = 50;

impl TraceArgs {
    /// What to do, and what becomes of the results.
    pub fn resolve(self, environment: &Environment, inputs: &dyn Inputs) -> Result<(Plan, Output), ArgsError> {
        let output = output::output(&self.output, &self.capture, environment, inputs)?;
        let template = self.client.template(environment, inputs)?;
        let Chosen { targets, .. } = self.targets.resolve(&template, inputs)?;
        let plan = self.client.plan(targets, environment)?;
        let plan = Plan {
            repeat: if self.client.connection.reuse { Repeat::ColdThenWarm } else { Repeat::Cold },
            secrets: self.output.subject.secrets(),
            vantage: self.output.subject.vantage,
            ..plan
        };
        Ok((plan, output))
    }
}

impl ClientArgs {
    fn template(&self, environment: &Environment, inputs: &dyn Inputs) -> Result<Template, ArgsError> {
        Template::read(&self.request, &self.body, environment, inputs)
    }

    /// The plan for these targets, once each.
    fn plan(&self, targets: Vec<Target>, environment: &Environment) -> Result<Plan, ArgsError> {
        Ok(Plan {
            targets,
            resolution: network::resolution(&self.names)?,
            route: network::route(&self.connection, environment)?,
            tls: network::tls(&self.tls, environment)?,
            http: network::http(&self.http),
            redirects: redirects(&self.http)?,
            repeat: Repeat::Cold,
            limits: limits(&self.limits)?,
            vantage: None,
            secrets: Secrets::Redact,
            trace_headers: if self.request.no_trace_headers { TraceHeaders::Omit } else { TraceHeaders::Send },
        })
    }
}

fn redirects(flags: &HttpArgs) -> Result<Redirects, ArgsError> {
    let most = match flags.max_redirs.as_deref() {
        None => Some(MAX_REDIRECTS),
        Some("-1") => None,
        Some(text) => Some(number(text, "a number of redirects, or -1").of("--max-redirs")?),
    };
    Ok(if flags.location { Redirects::Follow { most } } else { Redirects::Stay })
}

fn limits(flags: &LimitArgs) -> Result<Limits, ArgsError> {
    let or_default = |text: &Option<String>, default, flag| match text {
        None => Ok(default),
        Some(text) => limit(text).of(flag),
    };
    let Limits { connect, total } = Limits::default();
    Ok(Limits {
        connect: or_default(&flags.connect_timeout, connect, "--connect-timeout")?,
        total: or_default(&flags.max_time, total, "-m/--max-time")?,
    })
}

/// Seconds with up to nine decimals; further ones are dropped. As in curl, 0 stands for no limit: the longest [`Nanos`].
fn limit(text: &str) -> Result<Nanos, ValueError> {
    let unreadable = || ValueError::Form { expected: "seconds such as 10 or 0.5", got: text.to_owned() };
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && decimals.is_empty()) || !digits(whole) || !digits(decimals) {
        return Err(unreadable());
    }
    let seconds: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| unreadable())? };
    let fraction: u64 = format!("{decimals:0<9.9}").parse().map_err(|_| unreadable())?;
    let length = Nanos::from_secs(seconds) + Nanos::new(fraction);
    Ok(if length == Nanos::ZERO { Nanos::new(u64::MAX) } else { length })
}

/// A number of digits alone.
fn number<N: std::str::FromStr>(text: &str, expected: &'static str) -> Result<N, ValueError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = if digits { text.parse().ok() } else { None };
    number.ok_or_else(|| ValueError::Form { expected, got: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn limits_are_seconds_with_decimals() {
        for (text, expect) in [
            ("10", Some(10_000_000_000)),
            ("0.5", Some(500_000_000)),
            (".5", Some(500_000_000)),
            ("1.", Some(1_000_000_000)),
            ("1.0000000019", Some(1_000_000_001)),
            ("0", Some(u64::MAX)),
            ("0.0", Some(u64::MAX)),
            ("99999999999", Some(u64::MAX)),
            ("99999999999999999999", None),
            ("", None),
            (".", None),
            ("-1", None),
            ("+1", None),
            ("1e1", None),
            ("1s", None),
            ("1,5", None),
            ("NaN", None),
        ] {
            assert_eq!(limit(text).ok(), expect.map(Nanos::new), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_limit_or_refused(text in any::<String>(), near in "[0-9.]{0,25}") {
            for text in [text, near] {
                let _ = limit(&text);
                let _ = number::<u32>(&text, "");
            }
        }
    }
}
