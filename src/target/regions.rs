//! The regions of AWS, and where a service is in each of them.
//!
//! The table is `fixtures/aws-regions.csv`, from botocore's `partitions.json` and `endpoints.json` (Apache-2.0). It says of few
//! services in which regions they are; of the others it knows which regions are open at all.
//!
//! Invariant: a [`Region`] is a place. The pseudo-regions of global services (`aws-global`) are none, and are left out.
//!
//! Deliberately absent: how far regions are. That is measured.

use std::fmt;
use std::str::FromStr;

use super::hint::closest;
use super::{Location, LocationError};

/// Rows of partition, region, description, suffixes, and which services are there.
const TABLE: &str = include_str!("../../fixtures/aws-regions.csv");
/// Columns before those of services.
const COLUMNS: usize = 6;
/// How the names of pseudo-regions end.
const GLOBAL: &str = "-global";

/// A region, as the table has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// `aws`, `aws-cn`, `aws-us-gov`, …: regions of one partition share accounts and a domain.
    pub partition: &'static str,
    /// `eu-west-1`.
    pub name: &'static str,
    /// `Europe (Ireland)`.
    pub description: &'static str,
    /// The domain of its endpoints.
    pub dns_suffix: &'static str,
    /// The domain of its endpoints that have IPv6, too.
    pub dualstack_suffix: &'static str,
    /// Whether it is open: endpoints are known there.
    open: Endpoint,
    row: &'static str,
}

/// Whether a service has an endpoint in a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// As far as the table knows.
    Present,
    /// The service is not there, or the region is not open.
    Absent,
}

impl Endpoint {
    fn of(cell: &str) -> Self {
        if cell == "y" { Self::Present } else { Self::Absent }
    }
}

impl Region {
    fn read(row: &'static str) -> Option<Self> {
        let mut cells = row.split(',');
        let mut next = || cells.next();
        let (partition, name, description, dns_suffix, dualstack_suffix, open) =
            (next()?, next()?, next()?, next()?, next()?, next()?);
        let open = Endpoint::of(open);
        (!name.ends_with(GLOBAL)).then_some(Self {
            partition,
            name,
            description,
            dns_suffix,
            dualstack_suffix,
            open,
            row,
        })
    }

    /// Whether a service is there. Of a service that the table does not know, it is in every open region.
    #[must_use]
    pub fn endpoint(&self, service: &str) -> Endpoint {
        let column = header().split(',').skip(COLUMNS).position(|known| known == service);
        let cell = column.and_then(|column| self.row.split(',').nth(COLUMNS + column));
        cell.map_or(self.open, Endpoint::of)
    }
}

fn header() -> &'static str {
    TABLE.lines().next().unwrap_or_default()
}

/// All regions of all partitions, in the order of the table.
#[must_use = "an iterator does nothing by itself"]
pub fn regions() -> impl Iterator<Item = Region> {
    TABLE.lines().skip(1).filter_map(Region::read)
}

/// A partition that has regions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition(&'static str);

impl Default for Partition {
    fn default() -> Self {
        Self("aws")
    }
}

impl Partition {
    /// Its regions.
    #[must_use = "an iterator does nothing by itself"]
    pub fn regions(self) -> impl Iterator<Item = Region> {
        regions().filter(move |region| region.partition == self.0)
    }

    fn all() -> Vec<&'static str> {
        let mut all: Vec<&str> = regions().map(|region| region.partition).collect();
        all.dedup();
        all
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

/// There is no such partition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected one of {}, got {got:?}{}", Partition::all().join(", "), meant.map_or(String::new(), |meant| format!("; perhaps {meant}")))]
pub struct PartitionError {
    /// What was given.
    pub got: String,
    /// The one that was perhaps meant.
    pub meant: Option<&'static str>,
}

impl FromStr for Partition {
    type Err = PartitionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = Self::all();
        let found = all.iter().find(|name| **name == text);
        found.map(|name| Self(name)).ok_or_else(|| PartitionError { got: text.to_owned(), meant: closest(text, all) })
    }
}

/// A URL with `{region}` in it, and perhaps `{service}`, `{dns_suffix}` and `{dualstack_suffix}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointTemplate(String);

/// What stands in braces.
const PLACEHOLDERS: [&str; 4] = ["service", "region", "dns_suffix", "dualstack_suffix"];

/// Where AWS has the endpoints of its services.
impl Default for EndpointTemplate {
    fn default() -> Self {
        Self("https://{service}.{region}.{dns_suffix}/".to_owned())
    }
}

impl EndpointTemplate {
    /// Where a service is in a region.
    pub fn location(&self, service: &str, region: &Region) -> Result<Location, LocationError> {
        let value = |placeholder| match placeholder {
            "service" => service,
            "region" => region.name,
            "dns_suffix" => region.dns_suffix,
            _ => region.dualstack_suffix,
        };
        let url = PLACEHOLDERS
            .iter()
            .fold(self.0.clone(), |url, placeholder| url.replace(&format!("{{{placeholder}}}"), value(placeholder)));
        url.parse()
    }
}

/// Why a text is no [`EndpointTemplate`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointTemplateError {
    /// All regions would have the same URL.
    #[error("expected a URL with {{region}} in it, such as https://{{service}}.{{region}}.{{dns_suffix}}/, got {0:?}")]
    NoRegion(String),
    /// Something else in braces.
    #[error("expected one of {{service}}, {{region}}, {{dns_suffix}}, {{dualstack_suffix}} in braces, got {{{0}}}")]
    Placeholder(String),
    /// With a region in it, it is no URL.
    #[error(transparent)]
    Location(#[from] LocationError),
}

impl FromStr for EndpointTemplate {
    type Err = EndpointTemplateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        for part in text.split('{').skip(1) {
            let name = part.split_once('}').map_or(part, |(name, _)| name);
            if !PLACEHOLDERS.contains(&name) {
                return Err(EndpointTemplateError::Placeholder(name.to_owned()));
            }
        }
        let template = Self(text.to_owned());
        if !text.contains("{region}") {
            return Err(EndpointTemplateError::NoRegion(text.to_owned()));
        }
        if let Some(region) = regions().next() {
            template.location("service", &region)?;
        }
        Ok(template)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_whole() {
        let rows = TABLE.lines().skip(1).filter(|row| !row.contains("-global,")).count();
        assert_eq!((regions().count(), rows), (48, 48));
        assert_eq!(header().split(',').skip(COLUMNS).collect::<Vec<_>>(), ["dynamodb", "ec2", "lambda"]);
        let virginia = regions().find(|region| region.name == "us-east-1").unwrap();
        assert_eq!((virginia.description, virginia.dns_suffix), ("US East (N. Virginia)", "amazonaws.com"));
        let counts = ["aws", "aws-cn", "aws-us-gov"].map(|name| name.parse::<Partition>().unwrap().regions().count());
        assert_eq!(counts, [36, 2, 2]);
        for region in regions() {
            assert!(region.row.split(',').count() == COLUMNS + 3 && !region.name.is_empty(), "{region:?}");
        }
    }

    #[test]
    fn a_region_that_is_not_open_has_no_endpoint() {
        for (name, service, expect) in [
            ("us-east-1", "dynamodb", Endpoint::Present),
            ("us-east-1", "s3", Endpoint::Present),
            ("me-west-1", "dynamodb", Endpoint::Absent),
            ("me-west-1", "s3", Endpoint::Absent),
        ] {
            let region = regions().find(|region| region.name == name).unwrap();
            assert_eq!(region.endpoint(service), expect, "{name} {service}");
        }
    }

    #[test]
    fn templates_name_a_region_and_nothing_unknown() {
        let region = regions().find(|region| region.name == "cn-north-1").unwrap();
        let location = |template: &str| template.parse::<EndpointTemplate>().unwrap().location("ec2", &region).unwrap();
        for (template, expect) in [
            ("https://{service}.{region}.{dns_suffix}/", "https://ec2.cn-north-1.amazonaws.com.cn/"),
            ("{service}.{region}.{dualstack_suffix}", "http://ec2.cn-north-1.api.amazonwebservices.com.cn/"),
            ("http://h:8080/{region}?a={region}", "http://h:8080/cn-north-1?a=cn-north-1"),
        ] {
            assert_eq!(location(template).url.as_str(), expect);
        }
        for (template, expect) in [
            ("https://h/", EndpointTemplateError::NoRegion("https://h/".into())),
            ("https://{regoin}.h/", EndpointTemplateError::Placeholder("regoin".into())),
            ("https://{region", EndpointTemplateError::NoRegion("https://{region".into())),
            ("https://{}.{region}/", EndpointTemplateError::Placeholder(String::new())),
            ("ftp://{region}/", LocationError::Scheme { scheme: "ftp".into(), url: "ftp://af-south-1/".into() }.into()),
        ] {
            assert_eq!(template.parse::<EndpointTemplate>(), Err(expect), "{template}");
        }
        assert_eq!(
            "awss-cn".parse::<Partition>().unwrap_err().to_string(),
            "expected one of aws, aws-cn, aws-eusc, aws-iso, aws-iso-b, aws-iso-e, aws-iso-f, aws-us-gov, got \"awss-cn\"; \
             perhaps aws-cn"
        );
    }
}
