//! `imagecache plan` against a cluster and ECI: lists page by page, and what cannot be read.

use std::process::Output;

use crate::answer;
use crate::common::{imagecache, stderr, stdout};
use crate::server::{Answer, ListServer, Process, kubeconfig, object, on_cloud, simulate};
use serde_json::{Value, json};

fn deployment(name: &str, image: &str) -> Value {
    object(
        "apps/v1",
        "Deployment",
        name,
        &json!({"replicas": 2, "template": {"spec": {
        "containers": [{"name": "c", "image": image}]}}}),
    )
}

fn cache(name: &str, image: &str) -> Value {
    let mut cache = object(
        "eci.alibabacloud.com/v1",
        "ImageCache",
        name,
        &json!({"images": [image], "imageCacheSize": 20, "retentionDays": 30}),
    );
    cache["status"] = json!({"phase": "Ready", "imageCacheId": format!("imc-{name}")});
    cache
}

/// The arguments of `plan` for the server, with a size for each image.
fn plan(server: &ListServer, more: &[&str]) -> Output {
    let config = kubeconfig(server.url());
    let config = config.path().to_str().unwrap();
    let args = [
        "plan",
        "--against",
        "cluster",
        "--kubeconfig",
        config,
        "-o",
        "json",
        "--now",
        "2026-01-02T00:00:00Z",
    ];
    let size = ["--image-size", "web:1=1Gi", "--image-size", "api:1=1Gi"];
    imagecache(&[&args, &size[..], more].concat())
        .output()
        .unwrap()
}

fn actions(output: &Output) -> Vec<(String, String)> {
    let text = |cache: &Value, name: &str| cache[name].as_str().unwrap().to_owned();
    let caches = answer(output)["caches"].as_array().unwrap().clone();
    caches
        .iter()
        .map(|cache| (text(cache, "name"), text(cache, "action")))
        .collect()
}

#[test]
fn plan_of_a_cluster_as_planned_ends_with_0() {
    let server = ListServer::new();
    server.set(
        "deployments",
        Answer::List(vec![deployment("web", "web:1")]),
    );
    server.set("imagecaches", Answer::List(vec![cache("web", "web:1")]));
    let output = plan(&server, &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(actions(&output), [("web".to_owned(), "keep".to_owned())]);
    assert_eq!(stderr(&output), "");

    server.set("imagecaches", Answer::List(Vec::new()));
    let output = plan(&server, &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(actions(&output)[0].1, "create");
}

#[test]
fn plan_of_a_cluster_reads_every_page() {
    let server = ListServer::new();
    let all: Vec<Value> = (0..7)
        .map(|n| deployment(&format!("web-{n}"), "web:1"))
        .collect();
    server.set("deployments", Answer::Pages(all.clone(), 3));
    server.set("imagecaches", Answer::List(vec![cache("web", "web:1")]));
    let output = plan(&server, &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(answer(&output)["covered"].as_array().unwrap().len(), 7);
    // a token that is too old: the list is read again, all at once
    server.set("deployments", Answer::Forgets(all));
    let output = plan(&server, &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(answer(&output)["covered"].as_array().unwrap().len(), 7);
}

#[test]
fn plan_of_a_cluster_names_what_it_cannot_read() {
    for (plural, given, said) in [
        (
            "pods",
            Answer::Status(403, "pods is forbidden: User \"u\" cannot list resource"),
            "pods: not read: not permitted: pods is forbidden: User \"u\" cannot list resource",
        ),
        (
            "imagecaches",
            Answer::Status(403, "no"),
            "imagecaches.eci.alibabacloud.com: not read: not permitted: no",
        ),
        (
            "deployments",
            Answer::BreaksAfter(vec![deployment("web", "web:1")]),
            "deployments.apps: not read: the cluster responds 500 InternalError: page lost",
        ),
        (
            "nodes",
            Answer::Text("{\"kind\": \"NodeList\"}"),
            "nodes: not read: the answer is not a list",
        ),
        (
            "cronjobs",
            Answer::SamePage(vec![]),
            "cronjobs.batch: not read: the server gives the same page again",
        ),
    ] {
        let server = ListServer::new();
        server.set(
            "deployments",
            Answer::List(vec![deployment("web", "web:1")]),
        );
        server.set("imagecaches", Answer::List(vec![cache("web", "web:1")]));
        server.set(plural, given);
        let output = plan(&server, &[]);
        assert_eq!(output.status.code(), Some(3), "{plural}: {output:?}");
        assert!(
            stderr(&output).contains(said),
            "{plural}: {}",
            stderr(&output)
        );
        // the rest is planned
        assert_eq!(
            answer(&output)["covered"].as_array().unwrap().len(),
            1,
            "{plural}"
        );
    }
}

#[test]
fn plan_of_a_cluster_names_kinds_it_does_not_know() {
    let server = ListServer::new();
    server.set(
        "deployments",
        Answer::List(vec![deployment("web", "web:1")]),
    );
    server.without("imagecaches");
    let output = plan(&server, &[]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(
        stderr(&output).contains("the cluster has no ImageCache definition; install it"),
        "{}",
        stderr(&output)
    );
    server.serve("batch.volcano.sh", "v2", "Job", "jobs");
    let said = plan(&server, &[]);
    assert!(
        stderr(&said).contains("jobs.batch.volcano.sh: not read: served as v2, known is v1alpha1"),
        "{}",
        stderr(&said)
    );
}

#[test]
fn plan_of_a_cluster_reads_kinds_with_a_pod_path() {
    let server = ListServer::new();
    server.serve("example.com", "v3", "Farm", "farms");
    server.set("imagecaches", Answer::List(vec![cache("api", "api:1")]));
    let farm = object(
        "example.com/v3",
        "Farm",
        "f",
        &json!({"pods": [{"containers": [{"image": "api:1"}]}]}),
    );
    server.set("farms", Answer::List(vec![farm]));
    let output = plan(&server, &["--pod-path", "example.com/Farm=/spec/pods/*"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(answer(&output)["covered"][0]["pod"], "Farm/f");
    // without the option the kind is not read, and the cache is not needed
    let output = plan(&server, &[]);
    assert_eq!(actions(&output), [("api".to_owned(), "drop".to_owned())]);
}

#[test]
fn plan_of_a_cluster_that_does_not_answer_fails() {
    let server = ListServer::new();
    server.break_discovery();
    let output = plan(&server, &["--request-timeout", "1"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let said = format!(
        "cluster {}: not read: the cluster has not answered within 1s",
        server.url()
    );
    assert!(stderr(&output).contains(&said), "{}", stderr(&output));
    assert_eq!(stdout(&output), "");
}

#[test]
fn plan_of_our_own_api_server_and_simulator() {
    let mut serve = Process::start(&["serve", "--listen", "127.0.0.1:0", "--log-level", "off"]);
    let (_simulate, cloud) = simulate("1000");
    let cluster = serve.address();
    crate::server::post(
        &cluster,
        "/apis/apps/v1/namespaces/default/deployments",
        &deployment_in_full(),
    );
    let config = kubeconfig(&cluster);
    let config = config.path().to_str().unwrap();
    let eci = |args: &[&str]| {
        let output = on_cloud(args, &cloud).output().unwrap();
        (output.status.code(), output)
    };
    let plan = |more: &[&str]| {
        let args = [
            "plan",
            "--against",
            "cluster",
            "--kubeconfig",
            config,
            "-o",
            "json",
        ];
        eci(&[&args, &["--image-size", "nginx:1.27=1Gi"][..], more].concat())
    };
    let (code, output) = plan(&[]);
    assert_eq!(code, Some(1), "{output:?}");
    assert_eq!(actions(&output)[0].1, "create");
    // ECI has the cache, though no ImageCache of the cluster does
    let (code, made) = eci(&[
        "eci",
        "create",
        "--name",
        "web",
        "--image",
        "nginx:1.27",
        "--size",
        "20",
        "--retention-days",
        "30",
        "--watch",
    ]);
    assert_eq!(code, Some(0), "{made:?}");
    let (code, output) = plan(&["--cloud"]);
    assert_eq!(code, Some(0), "{output:?}");
    assert_eq!(actions(&output), [("web".to_owned(), "keep".to_owned())]);
    // a cloud that does not accept the key is named
    let output = imagecache(&[
        "plan",
        "--against",
        "cluster",
        "--kubeconfig",
        config,
        "--cloud",
        "--endpoint",
        &cloud,
        "--region",
        "cn-beijing",
    ])
    .env("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid")
    .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "wrong")
    .output()
    .unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(
        stderr(&output).contains(&format!(
            "image caches of ECI in cn-beijing, {cloud}: not read: "
        )),
        "{}",
        stderr(&output)
    );
}

fn deployment_in_full() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "default"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "c", "image": "nginx:1.27"}]}}}})
}

#[test]
fn plan_against_cluster_needs_a_kubeconfig() {
    let output = imagecache(&["plan", "--against", "cluster", "--kubeconfig", "none.yaml"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(
        stderr(&output).contains("none.yaml: cannot be read"),
        "{}",
        stderr(&output)
    );
    let output = imagecache(&["plan", "--cloud"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
