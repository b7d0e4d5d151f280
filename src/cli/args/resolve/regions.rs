//! Which regions are asked, and how.

use std::collections::BTreeMap;

use super::compare::{at_once, positive};
use crate::cli::args::error::{ArgsError, OfFlag, ValueError};
use crate::cli::args::flags::RegionsArgs;
use crate::cli::args::{Environment, Inputs, RegionSurvey, SurveyDepth};
use crate::target::{Endpoint, EndpointTemplate, Limits, Partition, Plan, Region, Target};
use crate::time::Nanos;

/// The service that is asked where nobody says which: it is in every region, and answers anybody.
const SERVICE: &str = "dynamodb";
/// Requests to each region where nobody says how many.
const REQUESTS: usize = 5;
/// Regions asked at once where nobody says how many: a SYN now and then is no burden for anybody's link.
const AT_ONCE: usize = 8;
/// As long as the farthest place on earth may take, with two SYNs lost; the whole would else wait for regions that are closed.
const CONNECT: Nanos = Nanos::from_secs(5);

impl RegionsArgs {
    /// Which regions to ask, how, and what to show.
    pub fn resolve(self, environment: &Environment, inputs: &dyn Inputs) -> Result<RegionSurvey, ArgsError> {
        for (flag, given) in [("--reuse", self.client.connection.reuse), ("-L", self.client.http.location)] {
            if given {
                let reason = "each request is one of its own";
                return Err(ArgsError::Conflict { flag, other: "regions", reason });
            }
        }
        let service = service(self.service.as_deref().unwrap_or(SERVICE)).of("--service")?;
        let partition = self.partition.as_deref().map(str::parse::<Partition>).transpose().of("--partition")?;
        let partition = partition.unwrap_or_default();
        let own = self.endpoint_template.as_deref().map(str::parse::<EndpointTemplate>);
        let own = own.transpose().of("--endpoint-template")?;
        // What AWS has where says nothing of somebody's own names.
        let is_asked = |region: &Region| own.is_some() || region.endpoint(service) == Endpoint::Present;
        let (asked, without_endpoint): (Vec<Region>, Vec<Region>) = partition.regions().partition(is_asked);
        let endpoints = own.clone().unwrap_or_else(EndpointTemplate::default);
        let template = self.client.template(environment, inputs)?;
        let target = |region: &Region| {
            let location = endpoints.location(service, region).of("--endpoint-template")?;
            let (_, request) = template.request_to(location)?;
            let tags = BTreeMap::from([("region".to_owned(), region.name.to_owned())]);
            let name = Some(region.name.to_owned());
            Ok(Target { name, tags, path: None, request, resolve: Vec::new(), expect_status: None })
        };
        let plan = self.client.plan(asked.iter().map(target).collect::<Result<_, ArgsError>>()?, environment)?;
        let is_behind_proxy = |target: &Target| plan.route.proxies.for_url(&target.request.url).is_some();
        if plan.targets.iter().any(is_behind_proxy) {
            let flag = "a proxy (-x, or a variable such as https_proxy)";
            let reason = "all regions would be as far as the proxy; -x \"\" asks them directly";
            return Err(ArgsError::Conflict { flag, other: "regions", reason });
        }
        if plan.route.unix_socket.is_some() {
            let reason = "all regions would be as far as the socket";
            return Err(ArgsError::Conflict { flag: "--unix-socket", other: "regions", reason });
        }
        let limits = match self.client.limits.connect_timeout {
            Some(_) => plan.limits,
            None => Limits { connect: CONNECT, ..plan.limits },
        };
        Ok(RegionSurvey {
            plan: Plan {
                limits,
                vantage: self.output.subject.vantage.clone(),
                secrets: self.output.subject.secrets(),
                ..plan
            },
            asked,
            without_endpoint,
            requests: positive(self.requests.as_deref(), REQUESTS, "-n")?,
            at_once: at_once(self.concurrency.as_deref(), AT_ONCE)?,
            depth: if self.phases { SurveyDepth::Phases } else { SurveyDepth::RoundTrip },
            output: self.output.resolve(environment)?,
        })
    }
}

/// A word that can stand in a host name.
fn service(text: &str) -> Result<&str, ValueError> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    plain
        .then_some(text)
        .ok_or_else(|| ValueError::Form { expected: "a service such as dynamodb", got: text.to_owned() })
}
