//! Inputs of the benchmarks: the same in every run.

/// Image names as people write them, from short to long.
pub const NAMES: &[(&str, &str)] = &[
    ("short", "nginx"),
    (
        "typical",
        "registry.cn-hangzhou.aliyuncs.com/acme/web:1.4.2",
    ),
    (
        "digest",
        "registry.cn-hangzhou.aliyuncs.com/acme/web:1.4.2@sha256:e6693c20186f837fc393390135d8a598a96a833917917789d63766cab6c59582",
    ),
    (
        "invalid",
        "registry.cn-hangzhou.aliyuncs.com/Acme/web:1.4.2",
    ),
];

/// An `ImageCache` of about 600 bytes, as YAML.
pub const MANIFEST: &str = r#"apiVersion: eci.alibabacloud.com/v1
kind: ImageCache
metadata:
  name: web-release-2026-11
  annotations:
    k8s.aliyun.com/vswitch-ids: "vsw-bp1example1,vsw-bp1example2"
    k8s.aliyun.com/security-group-id: "sg-bp1example"
    k8s.aliyun.com/imc-enable-reuse: "true"
spec:
  images:
  - registry.cn-hangzhou.aliyuncs.com/acme/web:1.4.2
  - registry.cn-hangzhou.aliyuncs.com/acme/worker:1.4.2
  - registry.cn-hangzhou.aliyuncs.com/acme/proxy:2.0.0
  imagePullSecrets:
  - default:registry-login
  imageCacheSize: 40
  retentionDays: 30
"#;

/// A set of caches, as plain rows that ours and the peers are built from: `count` caches of five images each, drawn
/// from `count / 2` repositories of twenty versions, so that a pod finds some tens of caches that share a repository.
#[must_use]
pub fn world(count: usize) -> Vec<Row> {
    let mut draw = Draw(0x5eed);
    let repositories = (count / 2).max(10);
    (0..count)
        .map(|number| Row {
            id: format!("imc-{number:08}"),
            images: (0..5)
                .map(|_| image(draw.below(repositories), draw.below(20)))
                .collect(),
            size_gib: 20 + u32::try_from(draw.below(10)).unwrap_or(0) * 10,
        })
        .collect()
}

/// What pods of three images match in a [`world`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Find {
    /// No repository of theirs is cached.
    Nothing,
    /// One cache has all three images; others share a repository.
    Exact,
    /// Any images of the set: mostly caches with another version, some tens of them.
    Any,
}

/// Pods of three images.
#[must_use]
pub fn pods(count: usize, rows: &[Row], find: Find) -> Vec<Vec<String>> {
    let mut draw = Draw(0xbeef);
    let repositories = (rows.len() / 2).max(10);
    let mut pod = || match find {
        Find::Nothing => (0..3)
            .map(|_| image(repositories + draw.below(repositories), 1))
            .collect(),
        Find::Any => (0..3)
            .map(|_| image(draw.below(repositories), draw.below(20)))
            .collect(),
        Find::Exact => {
            let row = rows.get(draw.below(rows.len()));
            row.map(|row| row.images.iter().take(3).cloned().collect())
                .unwrap_or_default()
        }
    };
    (0..count).map(|_| pod()).collect()
}

fn image(repository: usize, version: usize) -> String {
    format!("registry.cn-hangzhou.aliyuncs.com/acme/app-{repository}:1.{version}")
}

/// One cache of a [`world`].
#[derive(Debug, Clone)]
pub struct Row {
    /// `imc-…`.
    pub id: String,
    /// Its five images.
    pub images: Vec<String>,
    /// 20 to 110 GiB.
    pub size_gib: u32,
}

/// A small generator of numbers that are the same in every run (xorshift).
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit.max(1)).unwrap_or(1)).unwrap_or(0)
    }
}

/// The manifest as a JSON value.
#[must_use]
pub fn manifest_value() -> serde_json::Value {
    let levels = imagecache::diagnostic::Levels::default();
    let (documents, _) =
        imagecache::document::read(MANIFEST, imagecache::document::TextFormat::Yaml, &levels);
    documents
        .first()
        .map(|document| document.value().clone())
        .unwrap_or_default()
}

/// Megabytes that want to be slow.
#[must_use]
pub fn hostile() -> Vec<(&'static str, String)> {
    const MEGABYTE: usize = 1 << 20;
    let repeat = |part: &str| part.repeat(MEGABYTE / part.len());
    let head = "apiVersion: eci.alibabacloud.com/v1, kind: ImageCache, metadata: {name: a}";
    let json_head = r#""apiVersion":"eci.alibabacloud.com/v1","kind":"ImageCache""#;
    let bad_images = vec![r#""Bad:Image""#; MEGABYTE / 12].join(",");
    let doubling = (1..40).map(|n| format!("a{n}: &a{n} [*a{p}, *a{p}]\n", p = n - 1));
    vec![
        ("open brackets", repeat("[")),
        ("open braces", repeat("{")),
        ("open braces with keys", repeat("{\"a\":")),
        ("dashes", repeat("- ")),
        ("list items", repeat("\n- ")),
        ("documents", repeat("---\n")),
        ("quotes", repeat("\"")),
        ("backslashes", format!("\"{}", repeat("\\"))),
        ("colons", repeat(":")),
        (
            "keys",
            (0..MEGABYTE / 10).map(|n| format!("k{n:07}: \n")).collect(),
        ),
        ("one key again and again", repeat("a: 1\n")),
        ("anchors", repeat("- &a a\n")),
        (
            "aliases that double",
            format!("a0: &a0 [a, a]\n{}", doubling.collect::<String>()),
        ),
        ("one long word", repeat("a")),
        ("path of short parts", repeat("a/")),
        ("not ASCII", repeat("\u{ff0f}")),
        ("NUL", repeat("\0")),
        ("comments", repeat("#\n")),
        (
            "images",
            format!("{{{head}, spec: {{images: [{}]}}}}", repeat("a,")),
        ),
        (
            "images as JSON",
            format!("{{{json_head},\"spec\":{{\"images\":[{bad_images}]}}}}"),
        ),
    ]
}
