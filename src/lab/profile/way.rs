//! What lies between the client and the first layer: the name server, and how far the regions are.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::values::{millis, millis_by_name, percent};
use crate::lab::link::Share;
use crate::lab::place::RegionName;
use crate::time::Nanos;

/// The name server.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DnsProfile {
    /// From the query to its answer.
    #[serde(rename = "answer_ms", deserialize_with = "millis")]
    pub answer: Nanos,
    /// Lifetime of the records in seconds.
    pub ttl_s: u32,
}

/// How far the regions are.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DistanceProfile {
    /// Round trip to the name server.
    #[serde(rename = "dns_ms", deserialize_with = "millis")]
    pub dns: Nanos,
    /// How much later than anything else the answers to SYNs come.
    #[serde(rename = "accept_ms", deserialize_with = "millis")]
    pub accept: Nanos,
    /// Up to so much more for each packet and direction.
    #[serde(rename = "jitter_ms", deserialize_with = "millis")]
    pub jitter: Nanos,
    /// Packets lost by chance, in each direction.
    #[serde(rename = "loss_percent", deserialize_with = "percent")]
    pub loss: Share,
    /// Round trip to each region.
    #[serde(rename = "round_trip_ms", deserialize_with = "millis_by_name")]
    pub regions: BTreeMap<RegionName, Nanos>,
    /// The same from elsewhere, by the name of the place.
    #[serde(rename = "from")]
    pub places: BTreeMap<String, FromPlace>,
}

/// How far the regions are from a place.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FromPlace {
    /// Round trip to each region that there is.
    #[serde(rename = "round_trip_ms", deserialize_with = "millis_by_name")]
    pub regions: BTreeMap<RegionName, Nanos>,
}

/// A place that the profile does not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a place that the profile has in [distance.from], which are {known}; got {got:?}")]
pub struct PlaceError {
    got: String,
    known: String,
}

impl DistanceProfile {
    /// Puts the client into a place: the regions, and how far they are, are those of that place.
    pub fn put_client(&mut self, place: &str) -> Result<(), PlaceError> {
        let Some(from) = self.places.get(place) else {
            let known = self.places.keys().cloned().collect::<Vec<_>>().join(", ");
            return Err(PlaceError { got: place.to_owned(), known });
        };
        self.regions.clone_from(&from.regions);
        Ok(())
    }
}
