//! What layers are called, and who speaks of them.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::event::Evidence;

macro_rules! layers {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// A layer that a request passes, or a part of one; in the order in which a request meets them.
        ///
        /// Every name is a layer: users call theirs what they like ([`crate::target::LayerPath`]).
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(into = "String", from = "String")]
        pub enum Layer {
            $($(#[doc = $doc])+ $variant,)+
            /// Any other, by its name.
            Named(String),
        }

        impl Layer {
            /// All that have a meaning here, in the order in which a request meets them.
            pub const KNOWN: &'static [Self] = &[$(Self::$variant,)+];

            /// The name used in JSON, charts and on the terminal.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Named(name) => name,
                }
            }
        }

        impl From<String> for Layer {
            fn from(name: String) -> Self {
                match name.as_str() {
                    $($name => Self::$variant,)+
                    _ => Self::Named(name),
                }
            }
        }
    };
}

layers! {
    /// A round trip between the client and what ends its connection.
    Network = "network",
    /// What passed because lost packets were sent again.
    Retransmission = "retransmission",
    /// AWS Global Accelerator.
    GlobalAccelerator = "global-accelerator",
    /// An edge of CloudFront, whoever runs the distribution.
    CloudFront = "cloudfront",
    /// What lies between an edge of CloudFront and the clock of what stands behind it: the network to the origin.
    CloudFrontOrigin = "cloudfront.origin",
    /// API Gateway, what is told apart below excepted.
    Apig = "apig",
    /// The firewall in front of API Gateway.
    ApigWaf = "apig.waf",
    /// API Gateway asks who calls: authentication, the authorizer, authorization.
    ApigAuthorizer = "apig.authorizer",
    /// A Lambda function URL's front door.
    FunctionUrl = "function-url",
    /// A load balancer: application, network or classic.
    Elb = "elb",
    /// Lambda, as a whole.
    Lambda = "lambda",
    /// Lambda has received the request, makes a sandbox and loads the code into it, until the runtime starts; no log reports it.
    LambdaPlacement = "lambda.placement",
    /// The runtime starts and the function's own initialisation runs.
    LambdaInit = "lambda.init",
    /// A snapshot is restored in place of an initialisation.
    LambdaRestore = "lambda.restore",
    /// The function's handler.
    LambdaHandler = "lambda.handler",
    /// The rest of Lambda's own time between its caller and the function: dispatch, gaps, what follows the handler. Behind a
    /// function URL, of which no clock speaks, it begins when Lambda receives the request.
    LambdaInvoke = "lambda.invoke",
    /// A virtual machine.
    Ec2 = "ec2",
    /// A container.
    Fargate = "fargate",
    /// Another service that answers, such as DynamoDB or S3.
    Service = "service",
    /// What stands behind a layer whose own evidence is the only one: nothing says what it is.
    Target = "target",
    /// What no evidence speaks of.
    Unattributed = "unattributed",
}

impl Layer {
    /// The layer that this one is a part of; a whole layer is its own.
    #[must_use]
    pub fn whole(&self) -> Self {
        match self {
            Self::CloudFrontOrigin => Self::CloudFront,
            Self::ApigWaf | Self::ApigAuthorizer => Self::Apig,
            Self::LambdaPlacement
            | Self::LambdaInit
            | Self::LambdaRestore
            | Self::LambdaHandler
            | Self::LambdaInvoke => Self::Lambda,
            whole => whole.clone(),
        }
    }
}

impl From<Layer> for String {
    fn from(layer: Layer) -> Self {
        match layer {
            Layer::Named(name) => name,
            known => known.as_str().to_owned(),
        }
    }
}

impl FromStr for Layer {
    type Err = Infallible;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Ok(name.to_owned().into())
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

macro_rules! evidence {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// Who says how long a layer took.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum LayerEvidence {
            $($(#[doc = $doc])+ #[serde(rename = $name)] $variant,)+
        }

        impl LayerEvidence {
            /// The words used in JSON, charts and on the terminal.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

evidence! {
    /// This process's own clock.
    User = "user",
    /// The kernel's stamps and counters.
    Kernel = "kernel",
    /// Packets that were captured.
    Wire = "wire",
    /// A field of the response that states a duration, such as `x-envoy-upstream-service-time`.
    Header = "header",
    /// The response's `Server-Timing`.
    ServerTiming = "server-timing",
    /// An application load balancer's access log.
    AlbLog = "alb log",
    /// An application load balancer's connection log.
    AlbConnectionLog = "alb connection log",
    /// A classic load balancer's access log.
    ClbLog = "classic elb log",
    /// A network load balancer's TLS log.
    NlbLog = "nlb tls log",
    /// CloudFront's standard log.
    CloudFrontLog = "cloudfront log",
    /// CloudFront's real-time log.
    CloudFrontRealtimeLog = "cloudfront real-time log",
    /// API Gateway's access log.
    ApigLog = "apig log",
    /// Lambda's log in text.
    LambdaLog = "lambda log",
    /// Lambda's log, or telemetry, in JSON.
    LambdaJsonLog = "lambda json log",
    /// X-Ray's documents.
    XRay = "xray",
}

impl From<Evidence> for LayerEvidence {
    fn from(evidence: Evidence) -> Self {
        match evidence {
            Evidence::User => Self::User,
            Evidence::Kernel => Self::Kernel,
            Evidence::Wire => Self::Wire,
        }
    }
}

impl fmt::Display for LayerEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_any_name_is_a_layer() {
        for layer in Layer::KNOWN {
            assert_eq!(layer.as_str().parse::<Layer>().unwrap(), *layer);
        }
        let own: Layer = "nginx".parse().unwrap();
        assert_eq!(own, Layer::Named("nginx".to_owned()));
        assert_eq!(serde_json::to_string(&own).unwrap(), "\"nginx\"");
        assert_eq!(
            serde_json::to_string(&LayerEvidence::CloudFrontRealtimeLog).unwrap(),
            "\"cloudfront real-time log\""
        );
    }
}
