//! The world of the lab as a table: which servers there are, which one calls which, and which ones have a host name.

use super::profile::Profile;
use crate::time::Nanos;

/// What a server is. Its headers follow from that (`headers`), and its delay (`own`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ec2,
    Fargate,
    /// An AWS service with an HTTP API, as DynamoDB.
    Service,
    Lambda,
    /// An application load balancer.
    Elb,
    /// A load balancer whose listener rule is a redirect.
    RedirectingElb,
    ClassicElb,
    /// A network load balancer with a TLS listener: it passes bytes, and knows nothing of requests.
    NetworkElb,
    CloudFront,
    /// REST API, Lambda proxy integration.
    RestToLambda,
    /// REST API, AWS service integration.
    RestToService,
    /// REST API, HTTP proxy integration.
    RestToHttp,
    HttpApi,
    FunctionUrl,
}

/// The kinds of load balancers, each with logs of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Balancer {
    Application,
    Classic,
    Network,
}

impl Kind {
    /// Which load balancer it is, if it is one.
    pub(super) const fn balancer(self) -> Option<Balancer> {
        match self {
            Self::Elb | Self::RedirectingElb => Some(Balancer::Application),
            Self::ClassicElb => Some(Balancer::Classic),
            Self::NetworkElb => Some(Balancer::Network),
            _ => None,
        }
    }

    /// The layer's name in traces.
    pub(super) const fn layer(self) -> &'static str {
        match self {
            Self::Ec2 => "ec2",
            Self::Fargate => "fargate",
            Self::Service => "service",
            Self::Lambda => "lambda",
            Self::Elb | Self::RedirectingElb | Self::ClassicElb | Self::NetworkElb => "elb",
            Self::CloudFront => "cloudfront",
            Self::RestToLambda | Self::RestToService | Self::RestToHttp | Self::HttpApi => "apig",
            Self::FunctionUrl => "function-url",
        }
    }

    /// What a request has to pass before this layer does anything: a firewall and an authorizer.
    pub(super) fn guards(self, profile: &Profile) -> (Nanos, Nanos) {
        match self {
            Self::RestToLambda | Self::RestToService | Self::RestToHttp => {
                (profile.apig_rest.waf, profile.apig_rest.authorizer)
            }
            _ => (Nanos::ZERO, Nanos::ZERO),
        }
    }

    /// The layer's own delay; for Lambda that of a warm invocation.
    pub(super) fn own(self, profile: &Profile) -> Nanos {
        match self {
            Self::Ec2 => profile.ec2.app,
            Self::Fargate => profile.fargate.app,
            Self::Service => profile.service.app,
            Self::Lambda => profile.lambda.invoke + profile.lambda.function,
            Self::Elb | Self::RedirectingElb => profile.elb.own,
            Self::ClassicElb => profile.clb.own,
            Self::NetworkElb => profile.nlb.own,
            Self::CloudFront => profile.cloudfront.own,
            Self::RestToLambda | Self::RestToService | Self::RestToHttp => profile.apig_rest.own,
            Self::HttpApi => profile.apig_http.own,
            Self::FunctionUrl => profile.function_url.own,
        }
    }
}

/// One server.
#[derive(Debug)]
pub(super) struct Station {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Name of the server that this one calls.
    pub(super) upstream: Option<&'static str>,
    /// Where clients reach it; without one, only other servers do.
    pub(super) front: Option<Front>,
}

/// How clients reach a server, at `<name>.lab.test`.
#[derive(Debug)]
pub(super) struct Front {
    /// The names that the host name stands for, as AWS forms them.
    pub(super) aliases: &'static [&'static str],
    pub(super) description: &'static str,
}

const fn front(aliases: &'static [&'static str], description: &'static str) -> Front {
    Front { aliases, description }
}

/// Every server. One is listed after those that it calls.
pub(super) const STATIONS: &[Station] = &[
    Station {
        name: "ec2",
        kind: Kind::Ec2,
        upstream: None,
        front: Some(front(&["ec2-127-0-0-1.compute-1.amazonaws.com"], "The application server on its own machine.")),
    },
    Station { name: "container", kind: Kind::Fargate, upstream: None, front: None },
    Station { name: "table", kind: Kind::Service, upstream: None, front: None },
    Station { name: "function", kind: Kind::Lambda, upstream: None, front: None },
    Station { name: "function-with-url", kind: Kind::Lambda, upstream: None, front: None },
    Station {
        name: "elb",
        kind: Kind::Elb,
        upstream: Some("ec2"),
        front: Some(front(
            &["lab-elb-1469352201.us-east-1.elb.amazonaws.com"],
            "An application load balancer in front of the application server.",
        )),
    },
    Station {
        name: "clb",
        kind: Kind::ClassicElb,
        upstream: Some("ec2"),
        front: Some(front(
            &["lab-clb-1208847465.us-east-1.elb.amazonaws.com"],
            "A Classic Load Balancer in front of the application server: HTTP/1.1 and TLS 1.2 only.",
        )),
    },
    Station {
        name: "nlb",
        kind: Kind::NetworkElb,
        upstream: Some("ec2"),
        front: Some(front(
            &["lab-nlb-c6e77e28c25b2234.elb.us-east-1.amazonaws.com"],
            "A Network Load Balancer with a TLS listener in front of the application server.",
        )),
    },
    Station {
        name: "cloudfront",
        kind: Kind::CloudFront,
        upstream: Some("ec2"),
        front: Some(front(
            &["d111111abcdef8.cloudfront.net"],
            "The content delivery network in front of the application server, nothing cached.",
        )),
    },
    Station {
        name: "apig-http",
        kind: Kind::HttpApi,
        upstream: Some("elb"),
        front: Some(front(
            &["d-k2v9c0lab1.execute-api.us-east-1.amazonaws.com"],
            "API Gateway's HTTP API in front of the load balancer.",
        )),
    },
    Station {
        name: "apig-rest",
        kind: Kind::RestToHttp,
        upstream: Some("elb"),
        front: Some(front(
            &["d-m5x7q0lab2.execute-api.us-east-1.amazonaws.com"],
            "API Gateway's REST API as an HTTP proxy in front of the load balancer.",
        )),
    },
    Station {
        name: "apig-lambda",
        kind: Kind::RestToLambda,
        upstream: Some("function"),
        front: Some(front(
            &["d-p8z3w0lab3.execute-api.us-east-1.amazonaws.com"],
            "API Gateway's REST API in front of a Lambda function.",
        )),
    },
    Station {
        name: "apig-proxy",
        kind: Kind::RestToService,
        upstream: Some("table"),
        front: Some(front(
            &["d-r1t6y0lab4.execute-api.us-east-1.amazonaws.com"],
            "API Gateway's REST API as a proxy of an AWS service.",
        )),
    },
    Station {
        name: "function-url",
        kind: Kind::FunctionUrl,
        upstream: Some("function-with-url"),
        front: Some(front(
            &["w3kq7lab5mzx2hv9c4ty8nr6pe0dfgsj.lambda-url.us-east-1.on.aws"],
            "A Lambda function behind its own URL.",
        )),
    },
    Station {
        name: "fargate",
        kind: Kind::Elb,
        upstream: Some("container"),
        front: Some(front(
            &["lab-fargate-872035614.us-east-1.elb.amazonaws.com"],
            "An application load balancer in front of a container.",
        )),
    },
    Station {
        name: "redirect",
        kind: Kind::RedirectingElb,
        upstream: None,
        front: Some(front(
            &["lab-redirect-310577428.us-east-1.elb.amazonaws.com"],
            "A load balancer that redirects to the application server.",
        )),
    },
];

/// A second name of `ec2` whose DNS answer does not fit into 512 bytes: the aliases have 250 characters each.
pub(super) const BIG: (&str, &[&str]) = (
    "big",
    &[
        "a-name-that-is-as-long-as-a-label-may-be-and-is-only-the-first1.a-name-that-is-as-long-as-a-label-may-be-and-is-only-the-first2.a-name-that-is-as-long-as-a-label-may-be-and-is-only-the-first3.lab.test",
        "b-name-that-is-as-long-as-a-label-may-be-and-is-only-the-first1.b-name-that-is-as-long-as-a-label-may-be-and-is-only-the-first2.b-name-that-is-as-long-as-a-label-may-be-and-is-only-the-first3.lab.test",
        "c-name-that-is-as-long-as-a-label-may-be-and-is-only-the-first1.c-name-that-is-as-long-as-a-label-may-be-and-is-only-the-first2.c-name-that-is-as-long-as-a-label-may-be-and-is-only-the-first3.lab.test",
    ],
);

/// Which load balancer the server of that name is, if it is one.
pub(super) fn balancer(name: &str) -> Option<Balancer> {
    station(name)?.kind.balancer()
}

/// The server of that name.
pub(super) fn station(name: &str) -> Option<&'static Station> {
    STATIONS.iter().find(|station| station.name == name)
}

impl Station {
    /// The layers that a request passes from here on.
    pub(super) fn path(&'static self) -> Vec<&'static str> {
        std::iter::successors(Some(self), |at| at.upstream.and_then(station))
            .map(|station| station.kind.layer())
            .collect()
    }

    /// Whether another server calls it.
    pub(super) fn is_called(&self) -> bool {
        STATIONS.iter().any(|other| other.upstream == Some(self.name))
    }

    /// The name by which AWS would know it.
    pub(super) fn aws_name(&self) -> &'static str {
        self.front.as_ref().and_then(|front| front.aliases.last()).copied().unwrap_or(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_listed_after_those_it_calls() {
        for (index, station) in STATIONS.iter().enumerate() {
            let before = |name| STATIONS[..index].iter().any(|other| other.name == name);
            assert!(station.upstream.is_none_or(before), "{}", station.name);
            assert!(!before(station.name), "{} stands twice", station.name);
        }
    }

    #[test]
    fn paths_are_those_of_the_host_names() {
        let paths: Vec<_> = STATIONS
            .iter()
            .filter(|station| station.front.is_some())
            .map(|station| (station.name, station.path().join(" ")))
            .collect();
        let expect = [
            ("ec2", "ec2"),
            ("elb", "elb ec2"),
            ("clb", "elb ec2"),
            ("nlb", "elb ec2"),
            ("cloudfront", "cloudfront ec2"),
            ("apig-http", "apig elb ec2"),
            ("apig-rest", "apig elb ec2"),
            ("apig-lambda", "apig lambda"),
            ("apig-proxy", "apig service"),
            ("function-url", "function-url lambda"),
            ("fargate", "elb fargate"),
            ("redirect", "elb"),
        ];
        assert_eq!(paths, expect.map(|(name, path)| (name, path.to_owned())));
    }

    #[test]
    fn published_totals_are_sums_of_own_delays() {
        let profile = Profile::default();
        let total = |name: &str| {
            let stations = std::iter::successors(station(name), |station| station.upstream.and_then(super::station));
            stations.map(|station| station.kind.own(&profile)).sum::<Nanos>()
        };
        for (name, ms) in [("ec2", 1), ("cloudfront", 8), ("apig-lambda", 23)] {
            assert_eq!(total(name), Nanos::from_millis(ms), "{name}");
        }
    }
}
