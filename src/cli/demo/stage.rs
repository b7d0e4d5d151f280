//! Where the demo's requests are made: in a lab with distance, or on loopback where nobody lets it have one.

use std::path::Path;

use crate::cli::console::Console;
use crate::cli::{CommandError, chain};
use crate::lab::link::acquire;
use crate::lab::{DistantLab, Endpoint, Lab, LabError, LabOptions, Profile};

/// The path that is traced in every region.
pub(super) const EVERYWHERE: &str = "ec2";

/// A running lab.
pub(super) enum Stage {
    /// With regions.
    Distance(Box<DistantLab>),
    /// With none.
    Loopback(Lab),
}

impl Stage {
    /// With distance if it can be had; a sentence says so if not. Before anything has a thread: see [`acquire`].
    /// The lab writes its logs into `logs`.
    pub(super) fn set(logs: &Path, console: &mut Console) -> Result<Self, CommandError> {
        let profile = Profile::default();
        let options = LabOptions { logs: Some(logs.to_owned()), ..LabOptions::default() };
        let distant = acquire()
            .map_err(CommandError::from)
            .and_then(|_| Lab::start_at_distance(&profile, &options).map_err(CommandError::from));
        match distant {
            Ok(lab) => Ok(Self::Distance(Box::new(lab))),
            Err(error @ (CommandError::Privilege(_) | CommandError::Lab(LabError::Link(_)))) => {
                console.note(&format!("The demo runs on loopback, without distance: {}.\n", chain(&error)));
                Ok(Self::Loopback(Lab::start(&profile, &options)?))
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn lab(&self) -> &Lab {
        match self {
            Self::Distance(distant) => distant.lab(),
            Self::Loopback(lab) => lab,
        }
    }

    /// What is traced: every path in the nearest region, and one path in all the others, nearest first.
    pub(super) fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        let nearest = self.nearest();
        let is_near = move |endpoint: &&Endpoint| endpoint.region.as_deref() == nearest;
        let far = self.lab().endpoints().iter().filter(move |at| !is_near(at) && at.name == EVERYWHERE);
        self.lab().endpoints().iter().filter(is_near).chain(far)
    }

    /// `None` where there are no regions.
    pub(super) fn nearest(&self) -> Option<&str> {
        match self {
            Self::Distance(distant) => distant.regions().first().map(|region| region.name.as_str()),
            Self::Loopback(_) => None,
        }
    }

    /// Where the client is, as traces call it.
    pub(super) const fn vantage(&self) -> &'static str {
        match self {
            Self::Distance(_) => "the lab's client",
            Self::Loopback(_) => "this machine",
        }
    }

    /// Does something where the lab can be reached.
    pub(super) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, CommandError> {
        match self {
            Self::Distance(distant) => Ok(distant.network().client().run(work)?),
            Self::Loopback(_) => Ok(work()),
        }
    }
}
