//! The cloud as an oracle for audits: one rule of it is changed, and the audit names exactly this rule.

use imagecache::audit::{Audit, AuditInput, AuditOptions, AuditRule, audit};
use imagecache::diagnostic::{Levels, Report};
use imagecache::eci::request::*;
use imagecache::matching::MatchRules;
use imagecache_simulator::cloud::Cloud;
use imagecache_simulator::cloud::world::Settings;
use serde_json::json;

use crate::{REGION, create, get, list, stepped};

fn group(cloud: &Cloud, name: &str, image: &str) {
    let call = CreateContainerGroup {
        region_id: REGION.into(),
        container_group_name: name.into(),
        match_image_cache: Some(true),
        container: vec![Container {
            name: "main".into(),
            image: image.into(),
            cpu: Some("0.5".into()),
            ..Default::default()
        }],
        ..Default::default()
    };
    cloud.call(&call).unwrap();
}

/// A day in a cloud with these rules, in which every rule decides about a group, and the audit of it.
fn audited(rules: MatchRules) -> Audit {
    let (cloud, hand) = stepped(Settings {
        rules,
        ..Settings::default()
    });
    let make = |name: &str, image: &str, size: i32| {
        let call = CreateImageCache {
            image_cache_size: Some(size),
            ..create(name, &[image])
        };
        let id = cloud.call(&call).unwrap().image_cache_id;
        hand.pass(4_000);
        assert_eq!(get(&cloud, &id).status.as_str(), "Ready", "{name}");
        id
    };
    make("old", "registry.example.com/demo/version:1", 20);
    make("small", "registry.example.com/demo/tie:1", 20);
    make("large", "registry.example.com/demo/tie:1", 40);
    make("name", "docker.io/library/nginx:1.27", 20);
    let stale = make("stale", "registry.example.com/demo/stale:1", 20);
    make("plain", "registry.example.com/demo/plain:1", 20);
    hand.pass(4_000);
    let update = UpdateImageCache {
        region_id: REGION.into(),
        image_cache_id: stale.clone(),
        image: vec![
            "registry.example.com/demo/stale:1".into(),
            "registry.example.com/demo/more:1".into(),
        ],
        ..Default::default()
    };
    cloud.call(&update).unwrap();
    assert_eq!(get(&cloud, &stale).status.as_str(), "Updating");
    group(&cloud, "version", "registry.example.com/demo/version:2");
    group(&cloud, "tie", "registry.example.com/demo/tie:1");
    group(&cloud, "name", "nginx:1.27");
    group(&cloud, "stale", "registry.example.com/demo/stale:1");
    group(&cloud, "plain", "registry.example.com/demo/plain:1");
    group(&cloud, "none", "registry.example.com/demo/none:1");
    hand.pass(5);
    assert_eq!(get(&cloud, &stale).status.as_str(), "Updating");
    let groups = DescribeContainerGroups {
        region_id: REGION.into(),
        ..Default::default()
    };
    let groups = cloud.call(&groups).unwrap().container_groups;
    let caches = list(&cloud, DescribeImageCaches::default());
    let mut input = AuditInput::default();
    let mut report = Report::new(&Levels::DEFAULT);
    input.add(&json!({"ImageCaches": caches}), &mut report);
    input.add(&json!({"ContainerGroups": groups}), &mut report);
    assert_eq!(report.finish(), []);
    assert_eq!(input.unread(), 0);
    audit(&input, &AuditOptions::default())
}

#[test]
fn audit_of_an_unchanged_cloud_agrees() {
    let audit = audited(MatchRules::default());
    assert_eq!(audit.disagreements, []);
    assert_eq!((audit.compared, audit.agreed), (6, 6));
    assert_eq!(audit.suspects, []);
}

#[test]
fn audit_names_exactly_the_changed_rule() {
    for rule in AuditRule::ALL {
        let audit = audited(rule.changed(&MatchRules::default()));
        assert!(!audit.disagreements.is_empty(), "{rule}");
        assert_eq!(audit.suspects, [rule], "{rule}: {audit:#?}");
    }
}

#[test]
fn audit_of_two_changed_rules_names_no_single_one_for_all() {
    let both = AuditRule::Strict.changed(&AuditRule::SizeTie.changed(&MatchRules::default()));
    let audit = audited(both);
    let explained = |rule: AuditRule| {
        let of = |evidence: &&imagecache::audit::RuleEvidence| evidence.rule == rule;
        audit.rules.iter().find(of).unwrap().explains
    };
    assert_eq!(
        (explained(AuditRule::Strict), explained(AuditRule::SizeTie)),
        (1, 1)
    );
    assert_eq!(audit.disagreements.len(), 2);
}
