//! The settings of a simulated cloud.

use imagecache::matching::MatchRules;
use imagecache::resource::MAX_SIZE_GIB;

use crate::cloud::images::Images;

/// vCPUs of the instance that builds a cache. Source: the vendor's billing page (an older text says 1).
pub(super) const BUILDER_CPU: f64 = 2.0;

/// The settings of a simulated cloud.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How many there may be, in a region.
    pub quotas: Quotas,
    /// How fast caches are built.
    pub pace: Pace,
    /// What registries hold.
    pub images: Images,
    /// A size below the minimum is raised to it, with an event, as a user saw ECI do; else it is refused.
    pub raise_small: bool,
    /// Largest cache, in GiB. The vendor's API text of 2020 said 500.
    pub max_size_gib: i64,
    /// Make a cache when a group did not match fully.
    pub auto_create: bool,
    /// The rules of matching, for tests that change one. Its time is not used.
    pub rules: MatchRules,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            quotas: Quotas::default(),
            pace: Pace::default(),
            images: Images::default(),
            raise_small: true,
            max_size_gib: MAX_SIZE_GIB,
            auto_create: true,
            rules: MatchRules::default(),
        }
    }
}

/// Quotas of a region. The defaults are those of the vendor's samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// Most caches that somebody made.
    pub caches: usize,
    /// Most caches that came about by themselves.
    pub automatic_caches: usize,
    /// Most vCPUs.
    pub cpu: u32,
}

impl Default for Quotas {
    fn default() -> Self {
        Quotas {
            caches: 500,
            automatic_caches: 25,
            cpu: 1000,
        }
    }
}

/// How long things take, in seconds of the simulated clock. Documents name no times; a user saw 13 minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Seconds until a builder or an instance is ready.
    pub prepare: i64,
    /// Bytes that are pulled in a second.
    pub bytes_per_second: u64,
    /// Seconds of a local snapshot.
    pub flash: i64,
    /// Seconds of a snapshot.
    pub snapshot: i64,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            prepare: 5,
            bytes_per_second: 50 << 20,
            flash: 5,
            snapshot: 30,
        }
    }
}

impl Pace {
    /// Returns the seconds that a pull of this many bytes takes, at least one.
    pub(super) fn pull(&self, bytes: u64) -> i64 {
        let seconds = bytes.div_ceil(self.bytes_per_second.max(1));
        i64::try_from(seconds).unwrap_or(i64::MAX).max(1)
    }
}
