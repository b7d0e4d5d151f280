//! The `$context` variables that say something of a request's time or identity (API Gateway developer guide, "Variables for
//! access logging for API Gateway").

/// A `$context` variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    RequestId,
    ExtendedRequestId,
    InvocationId,
    TraceId,
    ResponseLatency,
    IntegrationLatency,
    WafLatency,
    AuthenticateLatency,
    AuthorizerLatency,
    /// Of the authorizer's function alone: taken where the authorizer's whole is not there.
    AuthorizerIntegrationLatency,
    AuthorizeLatency,
    TransferMode,
    TimeToAllHeaders,
    TimeToFirstContent,
    Agent,
    SourceAddress,
    Method,
    Path,
    Domain,
    Status,
    Stage,
    RequestTime,
    RequestTimeEpoch,
    /// Anything else.
    Other,
}

impl Variable {
    /// By its name in a format string: `integration.latency`.
    pub(super) fn named(name: &str) -> Self {
        Self::squeezed(&squeeze(name))
    }

    /// By the name that a user chose, where that is the variable's own in any spelling: `requestId`, `request_id`,
    /// `context.requestId`, `integration-latency`.
    pub(super) fn recognised(key: &str) -> Self {
        let squeezed = squeeze(key);
        Self::squeezed(squeezed.strip_prefix("context").unwrap_or(&squeezed))
    }

    fn squeezed(name: &str) -> Self {
        match name {
            "requestid" => Self::RequestId,
            "extendedrequestid" => Self::ExtendedRequestId,
            "integrationrequestid" | "awsendpointrequestid" => Self::InvocationId,
            "xraytraceid" => Self::TraceId,
            "responselatency" => Self::ResponseLatency,
            "integrationlatency" => Self::IntegrationLatency,
            "waflatency" => Self::WafLatency,
            "authenticatelatency" => Self::AuthenticateLatency,
            "authorizerlatency" => Self::AuthorizerLatency,
            "authorizerintegrationlatency" => Self::AuthorizerIntegrationLatency,
            "authorizelatency" => Self::AuthorizeLatency,
            "integrationresponsetransfermode" | "responsetransfermode" => Self::TransferMode,
            "integrationtimetoallheaders" | "timetoallheaders" => Self::TimeToAllHeaders,
            "integrationtimetofirstcontent" | "timetofirstcontent" => Self::TimeToFirstContent,
            "identityuseragent" | "useragent" => Self::Agent,
            "identitysourceip" | "sourceip" | "ip" => Self::SourceAddress,
            "httpmethod" => Self::Method,
            "path" => Self::Path,
            "domainname" => Self::Domain,
            "status" => Self::Status,
            "stage" => Self::Stage,
            "requesttime" => Self::RequestTime,
            "requesttimeepoch" => Self::RequestTimeEpoch,
            _ => Self::Other,
        }
    }

    /// Whether it tells requests apart or times them: the others have names that any log of requests may have.
    pub(super) const fn is_gateways(self) -> bool {
        !matches!(
            self,
            Self::Agent
                | Self::SourceAddress
                | Self::Method
                | Self::Path
                | Self::Domain
                | Self::Status
                | Self::Stage
                | Self::RequestTime
                | Self::RequestTimeEpoch
                | Self::Other
        )
    }

    /// Whether its values may contain spaces.
    pub(super) const fn may_have_spaces(self) -> bool {
        matches!(self, Self::Agent | Self::RequestTime | Self::Path | Self::Other)
    }
}

/// Letters and digits alone, in lower case.
fn squeeze(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_known_by_their_names_in_any_spelling() {
        let cases = [
            ("requestId", Variable::RequestId),
            ("request_id", Variable::RequestId),
            ("context.requestId", Variable::RequestId),
            ("integration.latency", Variable::IntegrationLatency),
            ("integrationLatency", Variable::IntegrationLatency),
            ("Integration-Latency", Variable::IntegrationLatency),
            ("authorizer.latency", Variable::AuthorizerLatency),
            ("authorizer.integrationLatency", Variable::AuthorizerIntegrationLatency),
            ("integration.requestId", Variable::InvocationId),
            ("awsEndpointRequestId", Variable::InvocationId),
            ("latency", Variable::Other),
            ("authorizer.requestId", Variable::Other),
            ("", Variable::Other),
        ];
        for (key, expected) in cases {
            assert_eq!(Variable::recognised(key), expected, "{key}");
        }
    }
}
