//! AWS signature version 4 (IAM guide, "AWS Signature Version 4 for API requests").

use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials as AwsCredentials;
use aws_sigv4::http_request::{PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings};
use aws_sigv4::sign::v4;

use super::head::Head;
use super::keys::{TRACEPARENT, X_AMZN_TRACE_ID};
use crate::event::{Failure, FailureCode, Phase};
use crate::probe::clock;
use crate::probe::fault::fault;
use crate::target::{Credentials, Request};

/// The fields that sign a request: `x-amz-date`, `authorization` and, for temporary credentials, `x-amz-security-token`.
pub(super) fn sign(request: &Request, head: &Head) -> Result<Vec<(String, String)>, Failure> {
    let Some(Credentials::AwsSigV4 { region, service, access_key, secret_key, session_token }) = &request.credentials
    else {
        return Ok(Vec::new());
    };
    let failed =
        |why: String| fault(Phase::Send, FailureCode::ClientCannotSend, format!("the request cannot be signed: {why}"));
    let identity = AwsCredentials::new(access_key, secret_key, session_token.clone(), None, "the command line").into();
    let mut settings = SigningSettings::default();
    if service == "s3" {
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(UNIX_EPOCH + Duration::from_secs(u64::from(clock::epoch_seconds())))
        .settings(settings)
        .build()
        .map_err(|error| failed(error.to_string()))?
        .into();
    let host = ("host", head.authority.as_str());
    let fields = head.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let signable = SignableRequest::new(
        &head.method,
        request.url.as_str(),
        std::iter::once(host).chain(fields.filter(|(name, _)| is_signed(name))),
        SignableBody::Bytes(request.body.as_deref().unwrap_or_default()),
    )
    .map_err(|error| failed(error.to_string()))?;
    let (instructions, _) =
        aws_sigv4::http_request::sign(signable, &params).map_err(|error| failed(error.to_string()))?.into_parts();
    Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// Fields that balancers and proxies may change stay out of the signature: load balancers add to `X-Amzn-Trace-Id`, and
/// whoever takes part in a trace writes a `traceparent` of its own.
fn is_signed(name: &str) -> bool {
    const CHANGED: &[&str] =
        &["user-agent", "accept", "accept-encoding", "content-length", X_AMZN_TRACE_ID, TRACEPARENT];
    !CHANGED.iter().any(|other| name.eq_ignore_ascii_case(other))
}
