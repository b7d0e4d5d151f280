//! The region and the service that an AWS signature is made for.
//!
//! Deliberately absent: the signature itself, and credentials.

use std::str::FromStr;

use url::{Host, Url};

/// What `--aws-sigv4` says: either part may be left to the host name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SigV4Scope {
    /// `us-east-1`.
    pub region: Option<String>,
    /// `execute-api`.
    pub service: Option<String>,
}

/// Why no region and service are known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigV4ScopeError {
    /// Another provider than AWS, or too many parts.
    #[error("expected aws:amz[:REGION[:SERVICE]], got {0:?}")]
    Form(String),
    /// The host name has too few labels, or is an address.
    #[error("expected aws:amz:REGION:SERVICE, because {0:?} does not name region and service")]
    Host(String),
}

/// Reads `aws:amz[:REGION[:SERVICE]]`; an empty text stands for `aws:amz`, as in curl.
impl FromStr for SigV4Scope {
    type Err = SigV4ScopeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || SigV4ScopeError::Form(text.to_owned());
        if text.is_empty() {
            return Ok(Self::default());
        }
        let parts = text.strip_prefix("aws:amz").ok_or_else(form)?;
        let mut parts = match parts {
            "" => "",
            _ => parts.strip_prefix(':').ok_or_else(form)?,
        }
        .split(':');
        let mut part = || parts.next().filter(|part| !part.is_empty()).map(str::to_owned);
        let scope = Self { region: part(), service: part() };
        if parts.next().is_some() { Err(form()) } else { Ok(scope) }
    }
}

impl SigV4Scope {
    /// Region and service for a request to `url`, what is missing taken from its host name.
    ///
    /// As in curl, the first label is the service and the second the region. Names of AWS that begin with an identifier
    /// (`ID.execute-api.REGION.amazonaws.com`, `ID.lambda-url.REGION.on.aws`) are read from their end instead: there, the
    /// first label would yield a signature that AWS never accepts.
    pub fn for_url(&self, url: &Url) -> Result<(String, String), SigV4ScopeError> {
        if let (Some(region), Some(service)) = (&self.region, &self.service) {
            return Ok((region.clone(), service.clone()));
        }
        let unnamed = || SigV4ScopeError::Host(url.host_str().unwrap_or_default().to_owned());
        let Some(Host::Domain(name)) = url.host() else { return Err(unnamed()) };
        let (service, region) = service_and_region(name);
        let given_or = |given: &Option<String>, found: Option<&str>| {
            given.clone().or_else(|| found.filter(|label| !label.is_empty()).map(str::to_owned)).ok_or_else(unnamed)
        };
        Ok((given_or(&self.region, region)?, given_or(&self.service, service)?))
    }
}

fn service_and_region(name: &str) -> (Option<&str>, Option<&str>) {
    let of_aws = [".amazonaws.com", ".amazonaws.com.cn", ".on.aws"].iter().find_map(|suffix| name.strip_suffix(suffix));
    if let Some((before, region)) = of_aws.and_then(|labels| labels.rsplit_once('.')) {
        let service = match before.rsplit('.').next() {
            // A function URL is signed for the service that it calls.
            Some("lambda-url") => Some("lambda"),
            service => service,
        };
        return (service, Some(region));
    }
    let mut labels = name.split('.');
    let (service, region, after) = (labels.next(), labels.next(), labels.next());
    // curl wants a dot after each of the two labels that it takes.
    (service.filter(|_| region.is_some()), region.filter(|_| after.is_some()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, host: &str, expect: Result<(&str, &str), SigV4ScopeError>) {
        let url = Url::parse(&format!("https://{host}/")).unwrap();
        let found = text.parse::<SigV4Scope>().and_then(|scope| scope.for_url(&url));
        assert_eq!(found, expect.map(|(region, service)| (region.into(), service.into())), "{text} {host}");
    }

    #[test]
    fn region_and_service_are_given_or_named_by_the_host() {
        check("aws:amz", "execute-api.us-east-1.amazonaws.com", Ok(("us-east-1", "execute-api")));
        check("", "s3.eu-west-1.amazonaws.com", Ok(("eu-west-1", "s3")));
        check("aws:amz", "id.execute-api.us-east-1.amazonaws.com", Ok(("us-east-1", "execute-api")));
        check("aws:amz", "id.lambda-url.us-east-1.on.aws", Ok(("us-east-1", "lambda")));
        check("aws:amz", "b.a.example", Ok(("a", "b")));
        check("aws:amz:r", "b.a.example", Ok(("r", "b")));
        check("aws:amz:r", "b.a", Ok(("r", "b")));
        check("aws:amz::s", "b.a.example", Ok(("a", "s")));
        check("aws:amz:r:s", "127.0.0.1", Ok(("r", "s")));
        check("aws:amz:", "b.a.example", Ok(("a", "b")));
        for host in ["h", "b.a", "127.0.0.1", "[::1]"] {
            check("aws:amz", host, Err(SigV4ScopeError::Host(host.into())));
        }
        for text in ["aws", "goog:goog", "aws:amzn", "aws:amz:r:s:t"] {
            check(text, "h", Err(SigV4ScopeError::Form(text.into())));
        }
    }

    proptest! {
        #[test]
        fn any_text_parses_or_is_refused(text in any::<String>(), near in "aws:amz[a-z0-9:-]{0,20}", host in "[a-z0-9.]{1,20}") {
            let url = Url::parse(&format!("https://{host}/"));
            for text in [text, near] {
                if let (Ok(scope), Ok(url)) = (text.parse::<SigV4Scope>(), &url) {
                    let _ = scope.for_url(url);
                }
            }
        }
    }
}
