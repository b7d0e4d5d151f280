//! The formats of logs that are read here, and what tells their lines apart.

use super::apig::AccessFormat;
use super::cloudfront::Columns;
use crate::attribute::record::Source;
use crate::attribute::wanted::{PortAt, Trust};

/// A format of logs, and what the user has to say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// Access log of an Application Load Balancer.
    AlbAccess,
    /// Connection log of an Application Load Balancer.
    AlbConnection,
    /// Access log of a Classic Load Balancer.
    ClassicElb,
    /// TLS access log of a Network Load Balancer.
    NlbTls,
    /// Standard log of CloudFront.
    CloudFrontStandard,
    /// Real-time log of CloudFront with the fields that the user chose.
    CloudFrontRealtime(Columns),
    /// Access log of API Gateway, in JSON with the variables' own names or in the user's format.
    ApiGateway(Option<AccessFormat>),
    /// Lambda's log, text and JSON in any mixture.
    Lambda,
    /// Documents of X-Ray.
    XRay,
}

impl Format {
    /// Where its lines have the client's port.
    pub(super) fn port(&self, columns: &Columns) -> Option<PortAt> {
        let spaced = |field, trust| Some(PortAt { separator: b' ', field, trust });
        match self {
            Self::AlbAccess => spaced(3, Trust::LastResort),
            Self::AlbConnection => spaced(2, Trust::OnlyKey),
            Self::ClassicElb => spaced(2, Trust::LastResort),
            Self::NlbTls => spaced(5, Trust::OnlyKey),
            Self::CloudFrontStandard | Self::CloudFrontRealtime(_) => {
                columns.client_port().map(|field| PortAt { separator: b'\t', field, trust: Trust::LastResort })
            }
            Self::ApiGateway(_) | Self::Lambda | Self::XRay => None,
        }
    }

    /// Whether a kind of log is what this reads.
    pub(super) fn reads(&self, kind: Source) -> bool {
        match kind {
            Source::AlbAccess => *self == Self::AlbAccess,
            Source::AlbConnection => *self == Self::AlbConnection,
            Source::ClassicElb => *self == Self::ClassicElb,
            Source::NlbTls => *self == Self::NlbTls,
            Source::CloudFrontStandard => *self == Self::CloudFrontStandard,
            Source::CloudFrontRealtime => matches!(self, Self::CloudFrontRealtime(_)),
            Source::ApiGateway => matches!(self, Self::ApiGateway(_)),
            Source::LambdaText | Source::LambdaJson => *self == Self::Lambda,
            Source::XRay => *self == Self::XRay,
        }
    }

    /// Whether ids can be told from what surrounds them: a user may write two of them without anything between.
    pub(super) fn parts_ids(&self) -> bool {
        match self {
            Self::ApiGateway(Some(format)) => format.parts_ids(),
            _ => true,
        }
    }

    /// The columns that CloudFront's lines have unless they say otherwise; none of other formats.
    pub(super) fn columns(&self) -> Columns {
        match self {
            Self::CloudFrontStandard => Columns::standard(),
            Self::CloudFrontRealtime(columns) => columns.clone(),
            _ => Columns::none(),
        }
    }
}
