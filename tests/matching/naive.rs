//! The rules once more, slow and obvious: plain vectors, every cache looked at for every pod.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use imagecache::matching::{Cache, Image, ImageFacts, MatchRules, Pod, SizeTie};
use imagecache::resource::Phase;
use imagecache::time::Timestamp;

pub(crate) const DIGEST: &str =
    "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// Ways to write images, with the repository and the version that they mean, read by a person. An empty repository
/// is not a reference.
pub(crate) const WRITTEN: [(&str, &str, &str); 18] = [
    ("nginx", "docker.io/library/nginx", ":latest"),
    ("nginx:latest", "docker.io/library/nginx", ":latest"),
    ("docker.io/nginx", "docker.io/library/nginx", ":latest"),
    (
        "index.docker.io/library/nginx:1",
        "docker.io/library/nginx",
        ":1",
    ),
    ("nginx:1", "docker.io/library/nginx", ":1"),
    ("nginx:2", "docker.io/library/nginx", ":2"),
    ("a.io/app:1", "a.io/app", ":1"),
    ("a.io/app:2", "a.io/app", ":2"),
    ("a.io/app@DIGEST", "a.io/app", "@DIGEST"),
    ("a.io/app:1@DIGEST", "a.io/app", ":1@DIGEST"),
    ("vpc.a.io/app:1", "vpc.a.io/app", ":1"),
    ("vpc.a.io/app:3", "vpc.a.io/app", ":3"),
    ("a.io:443/app:1", "a.io:443/app", ":1"),
    ("a.io/app/deeper:1", "a.io/app/deeper", ":1"),
    ("a.io/pause:3", "a.io/pause", ":3"),
    ("a.io/pause", "a.io/pause", ":latest"),
    ("BAD", "", ""),
    ("a.io/app:1:2", "", ""),
];

pub(crate) fn written(number: usize) -> String {
    WRITTEN[number].0.replace("DIGEST", DIGEST)
}

/// What registries would answer if they were asked: `a.io` is `vpc.a.io`, `nginx:1` is what `latest` is,
/// `a.io/app:2` is the content DIGEST.
pub(crate) fn facts() -> ImageFacts {
    let mut facts = ImageFacts::default();
    facts.alias("vpc.a.io", "a.io");
    facts.digest("nginx", "sha256:1").unwrap();
    facts.digest("nginx:1", "sha256:1").unwrap();
    facts.digest("vpc.a.io/app:2", DIGEST).unwrap();
    facts.size("nginx", 10).unwrap();
    facts.size("nginx:2", 20).unwrap();
    facts.size(&format!("a.io/app@{DIGEST}"), 5).unwrap();
    facts.size("a.io/pause:3", 1).unwrap();
    facts
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Meaning {
    repository: String,
    version: String,
    content: Option<String>,
    bytes: u64,
}

fn meaning(number: usize, facts: bool) -> Option<Meaning> {
    let (_, repository, version) = WRITTEN[number];
    let version = version.replace("DIGEST", DIGEST);
    if repository.is_empty() {
        return None;
    }
    let mut meaning = Meaning {
        repository: repository.to_owned(),
        version,
        content: None,
        bytes: 0,
    };
    if facts {
        meaning.repository = meaning.repository.replace("vpc.a.io", "a.io");
        let (content, bytes) = match (meaning.repository.as_str(), meaning.version.as_str()) {
            ("docker.io/library/nginx", ":latest") => (Some("sha256:1"), 10),
            ("docker.io/library/nginx", ":1") => (Some("sha256:1"), 0),
            ("docker.io/library/nginx", ":2") => (None, 20),
            ("a.io/app", ":2") => (Some(DIGEST), 5),
            ("a.io/app", version) if version.contains('@') => (Some(DIGEST), 5),
            ("a.io/pause", ":3") => (None, 1),
            _ => (None, 0),
        };
        meaning.content = content.map(str::to_owned);
        meaning.bytes = bytes;
    }
    Some(meaning)
}

fn same(a: &Meaning, b: &Meaning) -> bool {
    a.repository == b.repository
        && (a.version == b.version || (a.content.is_some() && a.content == b.content))
}

/// A cache in small words, so that ties and collisions happen.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SmallCache {
    pub(crate) id: Option<u8>,
    pub(crate) name: u8,
    pub(crate) images: Vec<usize>,
    pub(crate) size: u8,
    pub(crate) created: Option<u8>,
    pub(crate) expires: Option<u8>,
    pub(crate) phase: u8,
    pub(crate) region: Option<u8>,
    pub(crate) arch: Option<u8>,
    pub(crate) os: Option<u8>,
}

const PHASES: [&str; 6] = [
    "Ready",
    "Ready",
    "Ready",
    "Creating",
    "Updating",
    "UpdateFailed",
];
const REGIONS: [&str; 2] = ["cn-beijing", "cn-hangzhou"];
const ARCHS: [&str; 2] = ["amd64", "arm64"];
const SYSTEMS: [&str; 2] = ["linux", "windows"];

fn word(words: [&str; 2], number: u8) -> String {
    words[usize::from(number)].to_owned()
}

fn time(number: u8) -> Timestamp {
    Timestamp::from_seconds(1_000 + i64::from(number))
}

impl SmallCache {
    pub(crate) fn key(&self) -> (Option<u8>, Option<u8>) {
        (
            self.id,
            if self.id.is_some() {
                None
            } else {
                Some(self.name)
            },
        )
    }

    pub(crate) fn id_text(&self) -> Option<String> {
        self.id.map(|id| format!("imc-{id}"))
    }

    pub(crate) fn name_text(&self) -> String {
        format!("name-{}", self.name)
    }

    pub(crate) fn real(&self, facts: Option<&ImageFacts>) -> Cache {
        let mut cache = Cache {
            id: self.id_text(),
            name: self.name_text(),
            images: self
                .images
                .iter()
                .map(|number| Image::new(&written(*number)))
                .collect(),
            size_gib: 20 + u64::from(self.size),
            phase: Some(Phase::from(PHASES[usize::from(self.phase)])),
            created: self.created.map(time),
            expires: self.expires.map(time),
            region: self.region.map(|region| word(REGIONS, region)),
            arch: self.arch.map(|arch| word(ARCHS, arch)),
            os: self.os.map(|os| word(SYSTEMS, os)),
            ..Cache::default()
        };
        facts.into_iter().for_each(|facts| cache.apply(facts));
        cache
    }
}

#[derive(Debug, Clone)]
pub(crate) struct SmallPod {
    pub(crate) images: Vec<usize>,
    pub(crate) explicit: Option<u8>,
    pub(crate) auto: Option<bool>,
    pub(crate) perfect: bool,
    pub(crate) count: Option<usize>,
    pub(crate) storage: Option<u8>,
    pub(crate) region: Option<u8>,
    pub(crate) arch: Option<u8>,
    pub(crate) os: Option<u8>,
}

impl SmallPod {
    pub(crate) fn real(&self, facts: Option<&ImageFacts>) -> Pod {
        let mut pod = Pod::new(
            "p",
            self.images
                .iter()
                .map(|number| Image::new(&written(*number))),
        );
        pod.wish.explicit = self.explicit.map(|id| format!("imc-{id}"));
        pod.wish.auto = self.auto;
        pod.wish.perfect = self.perfect;
        pod.wish.count = self.count;
        pod.storage_gib = self.storage.map_or(0, |storage| 20 + u64::from(storage));
        pod.region = self.region.map(|region| word(REGIONS, region));
        pod.arch = self.arch.map(|arch| word(ARCHS, arch));
        pod.os = self.os.map(|os| word(SYSTEMS, os));
        facts.into_iter().for_each(|facts| pod.apply(facts));
        pod
    }
}

/// What the rules say: decision, winner, and every cache that shares a repository with its degree.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) decision: &'static str,
    pub(crate) winner: Option<(Option<String>, String)>,
    pub(crate) auto_create: bool,
    pub(crate) sharing: Vec<((Option<String>, String), usize, usize)>,
    /// Those that could have been taken, in rank order.
    pub(crate) ranked: Vec<(Option<String>, String)>,
}

pub(crate) fn decide(
    caches: &[SmallCache],
    pod: &SmallPod,
    rules: &MatchRules,
    facts: bool,
) -> Outcome {
    let mut images: Vec<Meaning> = Vec::new();
    let mut unreadable: BTreeSet<usize> = BTreeSet::new();
    for number in &pod.images {
        match meaning(*number, facts) {
            None => {
                unreadable.insert(*number);
            }
            Some(image) => {
                let known = |other: &Meaning| {
                    other.repository == image.repository && other.version == image.version
                };
                if !images.iter().any(known) {
                    images.push(image);
                }
            }
        }
    }
    let distinct = images.len() + unreadable.len();

    // The degree of every cache.
    let mut sharing = Vec::new();
    for cache in caches {
        let held: Vec<Meaning> = cache
            .images
            .iter()
            .filter_map(|number| meaning(*number, facts))
            .collect();
        let (mut exact, mut repository_only, mut bytes) = (0, 0, 0);
        for image in &images {
            if held.iter().any(|held| same(held, image)) {
                exact += 1;
                bytes += image.bytes;
            } else if held.iter().any(|held| held.repository == image.repository) {
                repository_only += 1;
            }
        }
        sharing.push((cache, exact, repository_only, bytes));
    }
    let name = |cache: &SmallCache| (cache.id_text(), cache.name_text());
    let mut outcome = Outcome {
        decision: "Miss",
        winner: None,
        auto_create: false,
        sharing: Vec::new(),
        ranked: Vec::new(),
    };
    for (cache, exact, repository_only, _) in &sharing {
        let named = pod.explicit.is_some() && cache.id == pod.explicit;
        if exact + repository_only > 0 || named {
            outcome
                .sharing
                .push((name(cache), *exact, *repository_only));
        }
    }
    outcome.sharing.sort();

    let region_fits = |cache: &SmallCache| {
        cache.region.is_none() || pod.region.is_none() || cache.region == pod.region
    };
    let phase_fits = |cache: &SmallCache| match PHASES[usize::from(cache.phase)] {
        "Ready" => true,
        "Updating" | "UpdateFailed" => rules.serve_stale_while_updating,
        _ => false,
    };
    let lives = |cache: &SmallCache| match (cache.expires, rules.now) {
        (Some(expires), Some(now)) => now < time(expires),
        _ => true,
    };

    if let Some(id) = pod.explicit {
        let named = sharing.iter().find(|(cache, ..)| cache.id == Some(id));
        match named.filter(|(cache, ..)| region_fits(cache) && (!phase_fits(cache) || lives(cache)))
        {
            Some((cache, exact, ..)) if phase_fits(cache) => {
                outcome.decision = if *exact == distinct { "Hit" } else { "Partial" };
                outcome.winner = Some(name(cache));
            }
            _ => outcome.decision = "Refused",
        }
        return outcome;
    }
    if !pod.auto.or(rules.auto_match).unwrap_or(true) {
        return outcome;
    }

    let need = pod
        .storage
        .map_or(0, |storage| 20 + u64::from(storage))
        .max(rules.require_storage);
    let mut candidates: Vec<_> = sharing
        .into_iter()
        .filter(|(cache, exact, repository_only, _)| {
            region_fits(cache)
                && phase_fits(cache)
                && lives(cache)
                && cache.arch.unwrap_or(0) == pod.arch.unwrap_or(0)
                && cache.os.unwrap_or(0) == pod.os.unwrap_or(0)
                && 20 + u64::from(cache.size) >= need
                && exact + repository_only > 0
                && (*exact > 0 || !rules.strict)
                && if pod.perfect {
                    *exact == distinct
                } else {
                    *exact >= pod.count.unwrap_or(0)
                }
        })
        .collect();
    candidates.sort_by_key(|(cache, exact, repository_only, bytes)| {
        let by_repository = if rules.strict { 0 } else { *repository_only };
        let size = match rules.size_tie {
            SizeTie::Closest => u64::from(cache.size),
            SizeTie::MatchedBytes => u64::MAX - bytes,
            other => panic!("{other:?}"),
        };
        (
            Reverse(*exact),
            Reverse(by_repository),
            size,
            Reverse(cache.created),
            (cache.id.is_none(), cache.id, cache.name),
        )
    });
    outcome.ranked = candidates.iter().map(|(cache, ..)| name(cache)).collect();
    let best = candidates.first();
    let all = best.is_some_and(|(_, exact, ..)| *exact == distinct);
    outcome.decision = match best {
        None => "Miss",
        Some(_) if all => "Hit",
        Some(_) => "Partial",
    };
    outcome.winner = best.map(|(cache, ..)| name(cache));
    outcome.auto_create = rules.auto_create && !all && distinct > 0;
    outcome
}
