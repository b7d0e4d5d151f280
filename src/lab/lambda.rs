//! The sandboxes of a function: which request meets a warm one, and what a cold start is made of.
//!
//! Pure: the caller hands in the time, and waits. Invariant: a sandbox serves one request at a time. Memory size changes
//! nothing here: AWS gives CPU in proportion to memory, but publishes no figure for how that bears on initialisation.

use std::collections::BTreeSet;

use super::profile::{LambdaProfile, Network, Range, StartKind};
use super::random::SplitMix64;
use crate::time::{Monotonic, Nanos, Timestamp};

/// The number of a sandbox, in the order in which they were made.
pub type Sandbox = u32;

/// A factor for times that are too long to wait for: cold starts, and idle sandboxes. Finite and above 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeScale(f64);

/// The factor is not a finite number above 0.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("expected a time scale above 0, got {0}")]
pub struct TimeScaleError(f64);

impl TimeScale {
    /// Times as they are.
    pub const REAL: Self = Self(1.0);

    /// Times multiplied by `factor`.
    pub fn new(factor: f64) -> Result<Self, TimeScaleError> {
        (factor.is_finite() && factor > 0.0).then_some(Self(factor)).ok_or(TimeScaleError(factor))
    }

    fn apply(self, length: Nanos) -> Nanos {
        multiplied(length, self.0)
    }
}

/// The length times a factor that is not negative, rounded to the nanosecond.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "both factors are at least 0, and the cast saturates"
)]
fn multiplied(length: Nanos, factor: f64) -> Nanos {
    Nanos::new((length.get() as f64 * factor).round() as u64)
}

/// What a request was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// A sandbox that has served before.
    Warm {
        /// Which one.
        sandbox: Sandbox,
    },
    /// A new sandbox, usable after these times, one after the other.
    Cold {
        /// Which one.
        sandbox: Sandbox,
        /// A place for it.
        placement: Nanos,
        /// Download of the deployment package.
        download: Nanos,
        /// The network interface, for functions in a VPC.
        vpc: Option<Nanos>,
        /// How it gets ready.
        start: Start,
    },
}

/// How a new sandbox gets ready to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The runtime starts, and the framework runs for the first time.
    Initialise {
        /// The runtime.
        runtime: Nanos,
        /// The framework.
        framework: Nanos,
    },
    /// A snapshot of both, made before, is restored (`SnapStart`).
    Restore(Nanos),
}

impl Start {
    /// In all.
    #[must_use]
    pub fn length(self) -> Nanos {
        match self {
            Self::Initialise { runtime, framework } => runtime + framework,
            Self::Restore(length) => length,
        }
    }
}

impl Placement {
    /// Which sandbox serves the request.
    #[must_use]
    pub const fn sandbox(&self) -> Sandbox {
        match self {
            Self::Warm { sandbox } | Self::Cold { sandbox, .. } => *sandbox,
        }
    }

    /// What the request waits before its sandbox can serve it; `None` if the sandbox is warm.
    #[must_use]
    pub fn cold_start(&self) -> Option<Nanos> {
        Some(self.placing()? + self.starting()?)
    }

    /// The part of it in which the sandbox comes to be: its place, the package, the network interface.
    #[must_use]
    pub fn placing(&self) -> Option<Nanos> {
        match *self {
            Self::Warm { .. } => None,
            Self::Cold { placement, download, vpc, .. } => Some(placement + download + vpc.unwrap_or_default()),
        }
    }

    /// The part of it in which the sandbox gets ready.
    #[must_use]
    pub fn starting(&self) -> Option<Nanos> {
        match *self {
            Self::Warm { .. } => None,
            Self::Cold { start, .. } => Some(start.length()),
        }
    }
}

/// As many requests are being served as may be: `TooManyRequestsException`, status 429.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the function already serves as many requests as its concurrency allows")]
pub struct Throttled;

/// The sandboxes of one function.
#[derive(Debug)]
pub struct Pool {
    profile: LambdaProfile,
    scale: TimeScale,
    random: SplitMix64,
    made: Sandbox,
    busy: BTreeSet<Sandbox>,
    /// Least recently released first.
    idle: Vec<Idle>,
}

#[derive(Debug)]
struct Idle {
    sandbox: Sandbox,
    reaped_after: Timestamp<Monotonic>,
}

impl Pool {
    /// No sandboxes yet. Draws from ranges depend on `seed` alone.
    #[must_use]
    pub fn new(profile: LambdaProfile, scale: TimeScale, seed: u64) -> Self {
        Self { profile, scale, random: SplitMix64::new(seed), made: 0, busy: BTreeSet::new(), idle: Vec::new() }
    }

    /// A sandbox for one request: the most recently released one that is still there, else a new one.
    pub fn acquire(&mut self, now: Timestamp<Monotonic>) -> Result<Placement, Throttled> {
        if self.busy.len() >= self.profile.concurrency {
            return Err(Throttled);
        }
        self.idle.retain(|idle| now <= idle.reaped_after);
        let placement = match self.idle.pop() {
            Some(Idle { sandbox, .. }) => Placement::Warm { sandbox },
            None => self.start(),
        };
        self.busy.insert(placement.sandbox());
        Ok(placement)
    }

    /// The request that `sandbox` served has ended. Without effect for a sandbox that serves none.
    pub fn release(&mut self, sandbox: Sandbox, now: Timestamp<Monotonic>) {
        if self.busy.remove(&sandbox) {
            let kept = self.draw(self.profile.idle);
            self.idle.push(Idle { sandbox, reaped_after: now + kept });
        }
    }

    fn start(&mut self) -> Placement {
        self.made += 1;
        let LambdaProfile { cold_base, runtime_share, vpc, network, start, restore, .. } = self.profile;
        let framework = self.profile.frameworks.get(&self.profile.framework).copied();
        let download = multiplied(self.profile.download_per_mb, self.profile.package_mb);
        let base = self.draw(cold_base);
        let runtime = multiplied(base, runtime_share);
        Placement::Cold {
            sandbox: self.made,
            placement: base.saturating_sub(runtime),
            download: self.scale.apply(download),
            vpc: (network == Network::Vpc).then(|| self.draw(vpc)),
            start: match start {
                StartKind::OnDemand => {
                    Start::Initialise { runtime, framework: self.scale.apply(framework.unwrap_or_default()) }
                }
                StartKind::SnapStart => Start::Restore(self.scale.apply(restore)),
            },
        }
    }

    fn draw(&mut self, range: Range) -> Nanos {
        self.scale.apply(self.random.between(range.low(), range.high()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::Profile;

    fn pool(toml: &str, scale: f64) -> Pool {
        let profile = Profile::parse(&format!("[lambda]\n{toml}"), "test.toml").unwrap();
        Pool::new(profile.lambda, TimeScale::new(scale).unwrap(), 42)
    }

    fn at(seconds: u64) -> Timestamp<Monotonic> {
        Timestamp::from_nanos(0) + Nanos::from_secs(seconds)
    }

    fn is_cold(placement: Placement) -> bool {
        placement.cold_start().is_some()
    }

    #[test]
    fn a_cold_start_is_the_sum_of_its_parts() {
        let mut pool = pool("cold_base_ms = [250, 250]\npackage_mb = 2.5\nframework = 'zappa_flask'", 1.0);
        let first = pool.acquire(at(0)).unwrap();
        let ms = Nanos::from_millis;
        let start = Start::Initialise { runtime: ms(100), framework: ms(750) };
        assert_eq!(first, Placement::Cold { sandbox: 1, placement: ms(150), download: ms(30), vpc: None, start });
        assert_eq!(first.cold_start(), Some(ms(1030)));
        assert_eq!((first.placing(), first.starting()), (Some(ms(180)), Some(ms(850))));
    }

    #[test]
    fn a_snapshot_takes_the_place_of_the_initialisation() {
        let toml = "cold_base_ms = [250, 250]\nframework = 'zappa_flask'\nstart = 'snap-start'\nrestore_ms = 300";
        let first = pool(toml, 0.1).acquire(at(0)).unwrap();
        let Placement::Cold { start, placement, .. } = first else { panic!("{first:?}") };
        assert_eq!((start, placement), (Start::Restore(Nanos::from_millis(30)), Nanos::from_millis(15)));
    }

    #[test]
    fn a_released_sandbox_is_warm_until_it_is_reaped() {
        let mut pool = pool("idle_s = [900, 900]", 1.0);
        let sandbox = pool.acquire(at(0)).unwrap().sandbox();
        for (released, acquired, cold) in [(1, 2, false), (10, 910, false), (1000, 1901, true)] {
            pool.release(sandbox, at(released));
            let next = pool.acquire(at(acquired)).unwrap();
            assert_eq!(is_cold(next), cold, "released at {released} s, wanted at {acquired} s");
            assert_eq!(next.sandbox() == sandbox, !cold);
        }
    }

    #[test]
    fn one_request_at_a_time_and_the_most_recently_used_first() {
        let mut pool = pool("", 1.0);
        let both: Vec<_> = (0..2).map(|_| pool.acquire(at(0)).unwrap()).collect();
        assert!(both.iter().copied().all(is_cold));
        pool.release(1, at(5));
        pool.release(2, at(6));
        assert_eq!(pool.acquire(at(7)), Ok(Placement::Warm { sandbox: 2 }));
        assert_eq!(pool.acquire(at(7)), Ok(Placement::Warm { sandbox: 1 }));
        assert!(is_cold(pool.acquire(at(7)).unwrap()));
    }

    #[test]
    fn beyond_its_concurrency_a_function_is_throttled() {
        let mut pool = pool("concurrency = 2", 1.0);
        let first = pool.acquire(at(0)).unwrap().sandbox();
        pool.acquire(at(0)).unwrap();
        assert_eq!(pool.acquire(at(0)), Err(Throttled));
        pool.release(first, at(1));
        pool.release(first, at(1));
        assert_eq!(pool.acquire(at(1)), Ok(Placement::Warm { sandbox: first }));
        assert_eq!(pool.acquire(at(1)), Err(Throttled));
    }

    #[test]
    fn ranges_are_drawn_from_a_seed() {
        let draw = |seed| {
            let lambda = Profile::parse("[lambda]\nnetwork = 'vpc'", "test.toml").unwrap().lambda;
            let mut pool = Pool::new(lambda, TimeScale::REAL, seed);
            (0..50).map(|_| pool.acquire(at(0)).unwrap()).collect::<Vec<_>>()
        };
        let placements = draw(1);
        assert_eq!(placements, draw(1));
        assert_ne!(placements, draw(2));
        for cold in placements {
            let Placement::Cold { placement, vpc: Some(vpc), .. } = cold else { panic!("{cold:?}") };
            assert!((150..=180).contains(&(placement.get() / 1_000_000)));
            assert!((500..=10_000).contains(&(vpc.get() / 1_000_000)));
        }
    }

    #[test]
    fn the_time_scale_shortens_cold_starts_and_idleness() {
        let mut pool = pool("cold_base_ms = [200, 200]\npackage_mb = 0\nidle_s = [1000, 1000]", 0.01);
        let first = pool.acquire(at(0)).unwrap();
        assert_eq!(first.cold_start(), Some(Nanos::from_millis(2)));
        pool.release(first.sandbox(), at(0));
        let kept = pool.acquire(at(10)).unwrap();
        assert!(!is_cold(kept));
        pool.release(kept.sandbox(), at(10));
        assert!(is_cold(pool.acquire(at(21)).unwrap()));
    }

    #[test]
    fn a_time_scale_is_finite_and_positive() {
        for factor in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(TimeScale::new(factor).is_err(), "{factor}");
        }
    }
}
