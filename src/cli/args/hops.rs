//! Whether and how the path to the other end is looked at.

use crate::hops::Rounds;

/// The hops that are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HopsWanted {
    /// How often each is probed.
    pub rounds: Rounds,
    /// Whether their names are wanted.
    pub names: HopNames,
}

/// Whether DNS servers are asked for the names of hops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HopNames {
    /// They are not: nobody learns of the addresses.
    #[default]
    Unasked,
    /// `--hops-names`.
    Asked,
}
