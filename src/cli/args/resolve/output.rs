//! What becomes of the results.

use crate::cli::args::error::{ArgsError, OfFlag, ValueError};
use crate::cli::args::flags::{CaptureArgs, OutputArgs};
use crate::cli::args::{CaptureRule, Environment, Format, Inputs, Output, PacketList, StatusRule, Verbosity, body};

pub(super) fn output(
    flags: &OutputArgs,
    capture: &CaptureArgs,
    environment: &Environment,
    inputs: &dyn Inputs,
) -> Result<Output, ArgsError> {
    let write_out = flags.write_out.as_deref().map(|text| write_out(text, inputs)).transpose()?;
    Ok(Output {
        format: flags.format.or_else(|| write_out.is_none().then_some(Format::Pretty)),
        write_out,
        body: flags.output.clone().map(Into::into).unwrap_or_default(),
        heads: flags.dump_header.clone().map(Into::into).unwrap_or_default(),
        save: flags.save.clone(),
        chart: flags.chart.as_deref().map(str::parse).transpose().of("--chart")?,
        capture: capture_rule(capture)?,
        packets: if capture.packets { PacketList::List } else { PacketList::Omit },
        pcap: capture.pcap.clone(),
        verbosity: match (flags.verbose, flags.silent && !flags.show_error) {
            (true, _) => Verbosity::Verbose,
            (_, true) => Verbosity::Silent,
            _ => Verbosity::Normal,
        },
        color: super::color(flags.no_color, environment),
        status: if flags.fail { StatusRule::FailFrom400 } else { StatusRule::AnyIsFine },
        slo: flags.slo.as_deref().map(str::parse).transpose().of("--slo")?,
    })
}

/// Whoever wants packets wants to know where there can be none.
fn capture_rule(flags: &CaptureArgs) -> Result<CaptureRule, ArgsError> {
    let wanted = [("--pcap", flags.pcap.is_some()), ("--packets", flags.packets)];
    let wanted = wanted.into_iter().find_map(|(flag, given)| given.then_some(flag));
    match (flags.capture, wanted) {
        (Some(CaptureRule::Off), Some(flag)) => {
            Err(ArgsError::Conflict { flag, other: "--capture off", reason: "it shows what was captured" })
        }
        (_, Some(_)) => Ok(CaptureRule::Require),
        (rule, None) => Ok(rule.unwrap_or_default()),
    }
}

/// The text, or that of `@FILE`, whose line ends are dropped as curl does.
fn write_out(text: &str, inputs: &dyn Inputs) -> Result<String, ArgsError> {
    let Some(file) = text.strip_prefix('@') else { return Ok(text.to_owned()) };
    let mut bytes = body::read("-w", file, inputs)?;
    bytes.retain(|byte| !b"\r\n\0".contains(byte));
    String::from_utf8(bytes).map_err(|_| ValueError::Secret("a file in UTF-8")).of("-w")
}
