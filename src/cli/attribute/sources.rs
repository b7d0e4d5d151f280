//! Which inputs are of which format, in the order in which they are read.

use super::inputs::{Input, find};
use crate::attribute::aws::{Columns, Format};
use crate::cli::CommandError;
use crate::cli::args::{ArgsError, AttributeArgs};

/// Inputs of one format.
pub(super) struct Source {
    pub(super) flag: &'static str,
    pub(super) format: Format,
    /// By what its records are found, for people.
    pub(super) looks_for: &'static str,
    /// What to try where nothing is found, or not all is read.
    pub(super) hint: Option<&'static str>,
    pub(super) inputs: Vec<Input>,
}

/// Edges and gateways before functions: what the ones call a request, the others know it by.
pub(super) fn sources(args: &AttributeArgs) -> Result<Vec<Source>, CommandError> {
    let given = &args.evidence;
    let columns = given.cloudfront_fields.clone().unwrap_or_else(Columns::realtime);
    let root = "the X-Ray root and the token in User-Agent that the requests carried, else their addresses and ports as they \
                were before any NAT";
    let port = "the clients' addresses and ports, as they were before any NAT";
    let edge = "x-amz-cf-id of the responses, the token in User-Agent, else the clients' addresses and ports";
    let gateway = "x-amz-apigw-id, apigw-requestid and x-amzn-requestid of the responses, and the X-Ray root";
    let invocation = "the X-Ray root, and the request ids that API Gateway's logs and X-Ray name";
    let table = [
        ("--cloudfront", Format::CloudFrontStandard, edge, &given.cloudfront),
        ("--cloudfront-realtime", Format::CloudFrontRealtime(columns), edge, &given.cloudfront_realtime),
        ("--alb", Format::AlbAccess, root, &given.alb),
        (
            "--alb-connections",
            Format::AlbConnection,
            "the connections that the access logs name",
            &given.alb_connections,
        ),
        ("--clb", Format::ClassicElb, port, &given.clb),
        ("--nlb", Format::NlbTls, port, &given.nlb),
        ("--apig", Format::ApiGateway(given.apig_format.clone()), gateway, &given.apig),
        ("--xray", Format::XRay, "the X-Ray root that the requests carried", &given.xray),
        ("--lambda", Format::Lambda, invocation, &given.lambda),
    ];
    let stdin = args.traces.iter().filter(|path| path.as_os_str() == "-").count();
    let stdin = stdin + table.iter().flat_map(|(.., words)| *words).filter(|word| *word == "-").count();
    if stdin > 1 {
        let reason = "standard input can be read once";
        return Err(ArgsError::Conflict { flag: "-", other: "another -", reason }.into());
    }
    let mut sources = Vec::new();
    for (flag, format, looks_for, words) in table {
        let mut inputs = Vec::new();
        for word in words {
            inputs.extend(find(word)?);
        }
        if !words.is_empty() {
            let hint = match flag {
                "--cloudfront-realtime" if given.cloudfront_fields.is_none() => Some(
                    "the lines are taken to have all of the documented fields: --cloudfront-fields names those that were chosen",
                ),
                "--apig" if given.apig_format.is_none() => {
                    Some("JSON is expected, with the variables' own names: --apig-format names another format")
                }
                _ => None,
            };
            sources.push(Source { flag, format, looks_for, hint, inputs });
        }
    }
    Ok(sources)
}
