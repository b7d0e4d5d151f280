//! What becomes of the results.

use crate::cli::args::error::{ArgsError, OfFlag};
use crate::cli::args::flags::{CaptureArgs, KeepArgs, OutputArgs, StatusArgs, SubjectArgs, VoiceArgs};
use crate::cli::args::{
    CaptureRule, Color, Environment, Format, Inputs, Kept, Output, PacketList, Picture, StatusRule, Verbosity, body,
};
use crate::target::Secrets;

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
        kept: flags.keep.resolve()?,
        capture: capture_rule(capture)?,
        packets: if capture.packets { PacketList::List } else { PacketList::Omit },
        pcap: capture.pcap.clone(),
        verbosity: match (flags.verbose, flags.show_error) {
            (true, _) => Verbosity::Verbose,
            (_, true) => Verbosity::Normal,
            _ => flags.voice.verbosity(),
        },
        color: flags.voice.color(environment),
        status: flags.status.rule(),
        slo: flags.slo.as_deref().map(str::parse).transpose().of("--slo")?,
    })
}

impl KeepArgs {
    /// Which files traces are kept in.
    pub fn resolve(&self) -> Result<Kept, ArgsError> {
        let file = self.chart.as_deref().map(str::parse).transpose().of("--chart")?;
        let title = self.title.clone();
        if file.is_none() && title.is_some() {
            return Err(ArgsError::Needs { flag: "--title", needed: "--chart FILE" });
        }
        Ok(Kept { save: self.save.clone(), picture: file.map(|file| Picture { file, title }) })
    }
}

impl VoiceArgs {
    /// How much is said on standard error.
    #[must_use]
    pub fn verbosity(&self) -> Verbosity {
        if self.silent { Verbosity::Silent } else { Verbosity::Normal }
    }

    /// Whether colours are used: `--no-color` and `NO_COLOR` (<https://no-color.org>) both say no.
    #[must_use]
    pub fn color(&self, environment: &Environment) -> Color {
        let unwanted = self.no_color || environment.get_os("NO_COLOR").is_some();
        if unwanted { Color::Never } else { Color::Auto }
    }
}

impl SubjectArgs {
    /// Whether traces keep credentials.
    #[must_use]
    pub fn secrets(&self) -> Secrets {
        if self.show_secrets { Secrets::Show } else { Secrets::Redact }
    }
}

impl StatusArgs {
    /// Which statuses fail a run.
    #[must_use]
    pub fn rule(&self) -> StatusRule {
        if self.fail { StatusRule::FailFrom400 } else { StatusRule::AnyIsFine }
    }
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
    body::text(bytes, file).of("-w")
}
