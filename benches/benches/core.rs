//! The core beside its peers. `cargo xtask bench` runs this and writes the table.
#![allow(missing_docs)] // criterion's macros make public functions
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a benchmark that cannot run should say so loudly

use std::collections::HashMap;
use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion, criterion_group, criterion_main};
use imagecache::document::TextFormat;
use imagecache::matching::{Cache, Image, Index, MatchRules, Pod, SearchBuffers};
use imagecache::reference::Named;
use imagecache::resource::{CrdVersion, crd};
use imagecache::validate::{self, ValidateOptions};
use imagecache_bench::{Find, MANIFEST, NAMES, Row, hostile, manifest_value, pods, world};
use roaring::RoaringBitmap;

fn reference(c: &mut Criterion) {
    for (name, text) in NAMES {
        let mut group = c.benchmark_group(format!("reference/{name}"));
        group.bench_function("imagecache", |b| {
            b.iter(|| Named::parse(black_box(text)).is_ok())
        });
        group.bench_function("oci-spec", |b| {
            b.iter(|| oci_spec::distribution::Reference::try_from(black_box(*text)).is_ok());
        });
    }
}

fn validation(c: &mut Criterion) {
    let options = ValidateOptions::default();
    let value = manifest_value();
    let json = value.to_string();
    assert!(
        validate::object(&value, &options).is_empty(),
        "the benchmark's manifest is clean"
    );

    let mut group = c.benchmark_group("validate/value");
    group.bench_function("imagecache", |b| {
        b.iter(|| validate::object(black_box(&value), &options))
    });
    let crd = crd(CrdVersion::V1);
    let schema = crd
        .pointer("/spec/versions/0/schema/openAPIV3Schema")
        .unwrap();
    let schema = jsonschema::validator_for(schema).unwrap();
    group.bench_function("jsonschema, the CRD's schema only", |b| {
        b.iter(|| schema.iter_errors(black_box(&value)).count());
    });
    group.finish();

    let mut group = c.benchmark_group("validate/json");
    group.bench_function("imagecache", |b| {
        b.iter(|| validate::text(black_box(&json), TextFormat::Auto, &options));
    });
    group.bench_function("serde_json, parse only", |b| {
        b.iter(|| serde_json::from_str::<serde_json::Value>(black_box(&json)).is_ok());
    });
    group.finish();

    let mut group = c.benchmark_group("validate/yaml");
    group.bench_function("imagecache", |b| {
        b.iter(|| validate::text(black_box(MANIFEST), TextFormat::Auto, &options));
    });
    group.bench_function("saphyr-parser, parse only", |b| {
        b.iter(|| saphyr_parser::Parser::new_from_str(black_box(MANIFEST)).count());
    });
    group.finish();
}

fn ours(row: &Row) -> Cache {
    let images = row.images.iter().map(|image| Image::new(image));
    Cache {
        size_gib: u64::from(row.size_gib),
        ..Cache::ready(&row.id, images)
    }
}

fn matching(c: &mut Criterion) {
    let (rules, mut scratch) = (MatchRules::default(), SearchBuffers::default());
    for (name, count) in [("10,000", 10_000), ("1,000,000", 1_000_000)] {
        let rows = world(count);
        let index: Index = rows.iter().map(ours).collect();
        for (found, find) in [
            ("none with an image", Find::Nothing),
            ("one with every image", Find::Exact),
            ("tens with another version", Find::Any),
        ] {
            let asked = pods(1_000, &rows, find);
            let mut group = c.benchmark_group(format!("match/{name} caches, {found}"));
            let pods: Vec<Pod> = asked
                .iter()
                .map(|images| Pod::new("web", images.iter().map(|i| Image::new(i))))
                .collect();
            let mut turn = pods.iter().cycle();
            group.bench_function("imagecache", |b| {
                b.iter(|| {
                    let pod = turn.next().unwrap();
                    index
                        .winner_with(black_box(pod), &rules, &mut scratch)
                        .winner
                        .is_some()
                });
            });
            if count <= 10_000 && find == Find::Exact {
                beside(&mut group, &rows, &asked);
            }
        }
    }

    let rows = world(10_000);
    let caches: Vec<Cache> = rows.iter().map(ours).collect();
    c.benchmark_group("index/build 10,000")
        .bench_function("imagecache", |b| {
            b.iter_batched(|| caches.clone(), Index::from_iter, BatchSize::LargeInput);
        });
    let mut index: Index = caches.iter().cloned().collect();
    let mut turn = caches.iter().cycle();
    c.benchmark_group("index/update one of 10,000")
        .bench_function("imagecache", |b| {
            b.iter_batched(
                || turn.next().unwrap().clone(),
                |cache| index.insert(cache),
                BatchSize::SmallInput,
            );
        });
}

/// Other ways to find a cache. The last two only look for exact matches, so they do less.
fn beside(group: &mut BenchmarkGroup<'_, WallTime>, rows: &[Row], asked: &[Vec<String>]) {
    let mut turn = asked.iter().cycle();
    group.bench_function("naive scan", |b| {
        b.iter(|| scan(rows, black_box(turn.next().unwrap())))
    });
    let bitmaps = bitmaps(rows);
    let mut turn = asked.iter().cycle();
    group.bench_function("roaring, exact matches only", |b| {
        b.iter(|| bitmap_winner(&bitmaps, black_box(turn.next().unwrap())));
    });
    let sqlite = sqlite(rows);
    let mut query = sqlite.prepare(SQL).unwrap();
    let mut turn = asked.iter().cycle();
    group.bench_function("SQLite, covering index, exact matches only", |b| {
        b.iter(|| {
            let [a, b, c] = &turn.next().unwrap()[..] else {
                panic!("three images")
            };
            query
                .query_row([a, b, c], |row| row.get::<_, String>(0))
                .ok()
        });
    });
}

/// The ranking by a loop over every cache.
fn scan<'r>(rows: &'r [Row], images: &[String]) -> Option<&'r str> {
    let repository = |image: &str| {
        image
            .rsplit_once(':')
            .map_or(image.to_owned(), |parts| parts.0.to_owned())
    };
    let wanted: Vec<String> = images.iter().map(|image| repository(image)).collect();
    let degree = |row: &Row| {
        let exact = images
            .iter()
            .filter(|image| row.images.contains(image))
            .count();
        let any = wanted
            .iter()
            .filter(|name| row.images.iter().any(|held| held.starts_with(*name)));
        (exact, any.count() - exact)
    };
    let best = rows
        .iter()
        .map(|row| (degree(row), row))
        .filter(|(degree, _)| *degree != (0, 0));
    best.max_by_key(|(degree, row)| (*degree, std::cmp::Reverse((row.size_gib, &row.id))))
        .map(|(_, row)| row.id.as_str())
}

fn bitmaps(rows: &[Row]) -> HashMap<&str, RoaringBitmap> {
    let mut bitmaps: HashMap<&str, RoaringBitmap> = HashMap::new();
    for (number, row) in rows.iter().enumerate() {
        for image in &row.images {
            bitmaps
                .entry(image)
                .or_default()
                .insert(u32::try_from(number).unwrap());
        }
    }
    bitmaps
}

fn bitmap_winner(bitmaps: &HashMap<&str, RoaringBitmap>, images: &[String]) -> Option<u32> {
    let found: Vec<_> = images
        .iter()
        .filter_map(|image| bitmaps.get(image.as_str()))
        .collect();
    let all = found
        .iter()
        .fold(RoaringBitmap::new(), |all, one| all | *one);
    all.iter()
        .max_by_key(|number| found.iter().filter(|one| one.contains(*number)).count())
}

const SQL: &str = "SELECT cache FROM image WHERE name IN (?1, ?2, ?3) \
                   GROUP BY cache ORDER BY COUNT(DISTINCT name) DESC, size, cache LIMIT 1";

fn sqlite(rows: &[Row]) -> rusqlite::Connection {
    let db = rusqlite::Connection::open_in_memory().unwrap();
    db.execute_batch(
        "CREATE TABLE image (name TEXT, size INTEGER, cache TEXT);
         CREATE INDEX covering ON image (name, size, cache);
         BEGIN",
    )
    .unwrap();
    let mut insert = db.prepare("INSERT INTO image VALUES (?1, ?2, ?3)").unwrap();
    for row in rows {
        for image in &row.images {
            insert.execute((image, row.size_gib, &row.id)).unwrap();
        }
    }
    drop(insert);
    db.execute_batch("COMMIT").unwrap();
    db
}

fn hostile_text(c: &mut Criterion) {
    let options = ValidateOptions::default();
    for (name, text) in hostile() {
        c.benchmark_group(format!("hostile/{name}"))
            .bench_function("imagecache", |b| {
                b.iter(|| {
                    let found = validate::text(black_box(&text), TextFormat::Auto, &options);
                    (
                        found.diagnostics.len(),
                        Named::parse(black_box(&text)).is_ok(),
                    )
                });
            });
    }
}

criterion_group!(core, reference, validation, matching, hostile_text);
criterion_main!(core);
