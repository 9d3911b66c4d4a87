//! The real kubectl against the process: what people type, and what they read.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::common;
use super::server::Server;

const CACHE: &str = "\
apiVersion: eci.alibabacloud.com/v1
kind: ImageCache
metadata:
  name: base
spec:
  images:
  - registry.cn-hangzhou.aliyuncs.com/eci_open/nginx:1.27
  imageCacheSize: 25
  retentionDays: 7
";

/// A server, and a kubectl that knows no other.
struct Cluster {
    _server: Server,
    home: TempDir,
}

impl Cluster {
    fn start() -> Cluster {
        let home = tempfile::tempdir().unwrap();
        let config = home.path().join("config");
        let server = Server::start(&["--kubeconfig-out", config.to_str().unwrap()]);
        std::fs::write(home.path().join("cache.yaml"), CACHE).unwrap();
        Cluster {
            _server: server,
            home,
        }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(common::kubectl());
        command
            .args(line.split_whitespace())
            .env("KUBECONFIG", self.home.path().join("config"))
            .env("HOME", self.home.path())
            .current_dir(self.home.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs a line; returns what it printed, ages as `AGE`.
    fn run(&self, line: &str) -> String {
        let output = self.command(line).output().unwrap();
        let (said, failed) = (common::stdout(&output), common::stderr(&output));
        assert!(output.status.success(), "kubectl {line}: {said}{failed}");
        said.to_owned()
    }

    /// Runs a line that fails; returns what it complained.
    fn fail(&self, line: &str) -> String {
        let output = self.command(line).output().unwrap();
        assert!(!output.status.success(), "kubectl {line} should fail");
        common::stderr(&output).to_owned()
    }
}

/// The words of each line of a table, without the age of a row.
fn words(table: &str) -> Vec<Vec<&str>> {
    table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect()
}

const READY: &str = r#"{"status":{"phase":"Ready","progress":"100%","imageCacheId":"imc-1"}}"#;

#[test]
fn a_cache_is_applied_read_changed_and_deleted() {
    let cluster = Cluster::start();
    assert_eq!(
        cluster.run("apply -f cache.yaml"),
        "imagecache.eci.alibabacloud.com/base created\n"
    );
    cluster.run(&format!(
        "patch ic base --subresource status --type merge -p {READY}"
    ));
    for name in [
        "imagecaches",
        "imagecache",
        "ic",
        "imc",
        "imagecaches.v1.eci.alibabacloud.com",
    ] {
        let table = cluster.run(&format!("get {name}"));
        let [head, row] = words(&table).try_into().unwrap();
        assert_eq!(head, ["NAME", "AGE", "CACHEID", "PHASE", "PROGRESS"]);
        assert_eq!(
            (row[0], &row[2..]),
            ("base", &["imc-1", "Ready", "100%"][..])
        );
    }
    assert!(
        cluster
            .run("get all")
            .contains("imagecache.eci.alibabacloud.com/base")
    );
    assert_eq!(
        cluster.run("get ic -o name"),
        "imagecache.eci.alibabacloud.com/base\n"
    );
    let yaml = cluster.run("get ic base -o yaml");
    for line in [
        "  generation: 1",
        "  imageCacheSize: 25",
        "  phase: Ready",
        "  progress: 100%",
    ] {
        assert!(yaml.contains(&format!("{line}\n")), "{yaml}");
    }
    let described = cluster.run("describe ic base");
    for line in [
        "Name:         base",
        "  Retention Days:  7",
        "  Image Cache Id:  imc-1",
        "Events:            <none>",
    ] {
        assert!(described.contains(&format!("{line}\n")), "{described}");
    }
    assert_eq!(
        cluster.run("apply -f cache.yaml"),
        "imagecache.eci.alibabacloud.com/base unchanged\n"
    );
    cluster.file("cache.yaml", &CACHE.replace("25", "30"));
    let differs = cluster.command("diff -f cache.yaml").output().unwrap();
    assert_eq!(differs.status.code(), Some(1));
    assert!(common::stdout(&differs).contains("+  imageCacheSize: 30\n"));
    assert_eq!(
        cluster.run("apply -f cache.yaml"),
        "imagecache.eci.alibabacloud.com/base configured\n"
    );
    let conditions = "wait ic/base --for=jsonpath={.status.phase}=Ready --timeout=10s";
    assert!(cluster.run(conditions).ends_with("condition met\n"));
    let days = r#"patch ic base --type merge -p {"spec":{"retentionDays":9}}"#;
    cluster.run(days);
    let days =
        r#"patch ic base --type json -p [{"op":"test","path":"/spec/retentionDays","value":9}]"#;
    cluster.run(days);
    let strategic = cluster.fail(r#"patch ic base -p {"spec":{"retentionDays":9}}"#);
    assert!(
        strategic.contains("the body of the request was in an unknown format"),
        "{strategic}"
    );
    cluster.run("label ic base team=a");
    assert_eq!(
        cluster.run("get ic -l team=a -o name"),
        "imagecache.eci.alibabacloud.com/base\n"
    );
    assert_eq!(cluster.run("get ic -l team!=a -o name"), "");
    assert_eq!(
        cluster.run("delete ic base"),
        "imagecache.eci.alibabacloud.com \"base\" deleted\n"
    );
    assert_eq!(
        cluster.fail("get ic base"),
        "Error from server (NotFound): imagecaches.eci.alibabacloud.com \"base\" not found\n"
    );
}

/// The jobs of `examples/cover` are what the server stores, and what the command understands. The server has no kind Job:
/// the pod that the job makes is applied instead.
#[test]
fn kubectl_applies_the_examples_of_cover() {
    let cluster = Cluster::start();
    cluster.run("create namespace shop");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/cover");
    for name in ["argo-cd-presync.yaml", "helm-pre-upgrade.yaml"] {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        let mut objects: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
        let job = objects.pop().unwrap();
        assert_eq!(job["kind"], "Job");
        let mut pod = job["spec"]["template"].clone();
        pod["apiVersion"] = json!("v1");
        pod["kind"] = json!("Pod");
        pod["metadata"] = json!({"name": "cover"});
        let release = objects.last().unwrap()["data"]["release.yaml"].clone();
        objects.push(pod);
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        cluster.file("example.json", &list.to_string());
        let apply = "apply -n shop --server-side --validate=strict -f example.json";
        let dry = cluster.run(&format!("{apply} --dry-run=server"));
        assert_eq!(dry.matches("(server dry run)").count(), 5, "{dry}");
        cluster.run(apply);

        let release = cluster.file("release.yaml", release.as_str().unwrap());
        let args = job["spec"]["template"]["spec"]["containers"][0]["args"].clone();
        let args: Vec<String> = serde_json::from_value(args).unwrap();
        let here = |arg: &String| arg.replace("/release/release.yaml", release.to_str().unwrap());
        let args: Vec<String> = args.iter().map(here).collect();
        let mut args: Vec<&str> = args.iter().map(String::as_str).collect();
        assert!(args.contains(&"--wait"), "{args:?}");
        // No controller runs here to make the caches.
        args.retain(|arg| *arg != "--wait");
        let output = common::imagecache(&args)
            .env("KUBECONFIG", cluster.home.path().join("config"))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(
            common::stdout(&output).contains("Deployment/shop/web"),
            "{output:?}"
        );
        cluster.run("delete -n shop pod cover --force --grace-period=0");
        cluster.run("delete ic --all");
    }
}

#[test]
fn server_side_apply_guards_the_fields_of_others() {
    let cluster = Cluster::start();
    cluster.run("apply --server-side --field-manager ci -f cache.yaml");
    cluster.file("other.yaml", &CACHE.replace("25", "40"));
    let conflict = cluster.fail("apply --server-side --field-manager ops -f other.yaml");
    assert!(
        conflict.contains("conflict with \"ci\": .spec.imageCacheSize"),
        "{conflict}"
    );
    cluster.run("apply --server-side --field-manager ops --force-conflicts -f other.yaml");
    let size = cluster.run("get ic base -o jsonpath={.spec.imageCacheSize}");
    assert_eq!(size, "40");
    // from client-side to server-side apply and on, without a conflict with oneself
    cluster.run("delete ic base");
    cluster.run("apply -f cache.yaml");
    cluster.run("apply --server-side -f cache.yaml");
}

#[test]
fn kubectl_invalid_object_is_refused_before_storing() {
    let cluster = Cluster::start();
    cluster.file("typo.yaml", &CACHE.replace("retentionDays", "retentionDay"));
    let typo = cluster.fail("create -f typo.yaml");
    assert!(
        typo.contains("unknown field \"spec.retentionDay\""),
        "{typo}"
    );
    cluster.file("small.yaml", &CACHE.replace("25", "5"));
    let small = cluster.fail("create -f small.yaml");
    assert!(
        small.contains("should be greater than or equal to 20"),
        "{small}"
    );
    assert_eq!(cluster.run("get ic -o name"), "");
    assert!(
        cluster
            .run("apply --dry-run=server -f cache.yaml")
            .contains("created (server dry run)")
    );
    assert_eq!(cluster.run("get ic -o name"), "");
}

#[test]
fn the_api_explains_itself() {
    let cluster = Cluster::start();
    let resources = cluster.run("api-resources --api-group eci.alibabacloud.com");
    let resources = words(&resources);
    assert_eq!(
        resources[1],
        [
            "imagecaches",
            "ic,imc",
            "eci.alibabacloud.com/v1",
            "false",
            "ImageCache"
        ]
    );
    let definition = "get crd/imagecaches.eci.alibabacloud.com -o name";
    assert_eq!(
        cluster.run(definition),
        "customresourcedefinition.apiextensions.k8s.io/imagecaches.eci.alibabacloud.com\n"
    );
    let established =
        "wait crd/imagecaches.eci.alibabacloud.com --for=condition=Established --timeout=10s";
    cluster.run(established);
    let explained = cluster.run("explain imagecache.spec.images");
    assert!(
        explained.contains("FIELD: images <[]string>"),
        "{explained}"
    );
    let all = cluster.run("explain ic --recursive");
    for field in [
        "spec\t<Object> -required-",
        "retentionDays\t<integer>",
        "expireDateTime\t<string>",
    ] {
        assert!(all.contains(field), "{field} in {all}");
    }
    assert!(cluster.run("version").contains("Server Version: v1.36."));
}

#[test]
fn other_kinds_come_and_go_with_their_definition() {
    let cluster = Cluster::start();
    cluster.file(
        "crd.yaml",
        r#"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: crontabs.stable.example.com}
spec:
  group: stable.example.com
  scope: Namespaced
  names: {plural: crontabs, singular: crontab, kind: CronTab, shortNames: [ct]}
  versions:
  - name: v1
    served: true
    storage: true
    additionalPrinterColumns:
    - {name: Spec, type: string, jsonPath: .spec.cronSpec, description: When it runs}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              cronSpec: {type: string, description: Five fields of cron.}
              replicas: {type: integer, default: 1}
"#,
    );
    cluster.file(
        "tab.yaml",
        r#"
apiVersion: stable.example.com/v1
kind: CronTab
metadata: {name: nightly}
spec: {cronSpec: "0 3 * * *"}
"#,
    );
    cluster.run("apply -f crd.yaml");
    cluster.run("wait crd/crontabs.stable.example.com --for=condition=Established --timeout=10s");
    cluster.run("apply -f tab.yaml");
    let table = cluster.run("get ct -A");
    assert_eq!(words(&table)[0], ["NAMESPACE", "NAME", "SPEC"]);
    assert_eq!(
        words(&table)[1],
        ["default", "nightly", "0", "3", "*", "*", "*"]
    );
    let replicas = cluster.run("get crontab nightly -o jsonpath={.spec.replicas}");
    assert_eq!(replicas, "1");
    let explained = cluster.run("explain crontab.spec.cronSpec");
    assert!(explained.contains("Five fields of cron."), "{explained}");
    assert!(cluster.run("apply -f crd.yaml").ends_with("unchanged\n"));
    cluster.run("delete -f crd.yaml --timeout=20s");
    let gone = cluster.fail("get crontabs.v1.stable.example.com");
    assert!(
        gone.contains("the server could not find the requested resource"),
        "{gone}"
    );
}

#[test]
fn access_reviews_allow_everything() {
    let cluster = Cluster::start();
    assert_eq!(cluster.run("auth can-i create imagecaches"), "yes\n");
    assert!(cluster.run("auth can-i --list").contains("*.*"));
    let user = cluster.run("auth whoami");
    assert!(user.contains("system:anonymous"), "{user}");
}

#[test]
fn kubectl_watch_shows_changes_as_they_happen() {
    let cluster = Cluster::start();
    let mut watch = cluster.command("get ic --watch --output-watch-events");
    let mut watch = watch.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut next = || -> Vec<String> {
        let line = lines.next().unwrap().unwrap();
        line.split_whitespace().map(str::to_owned).collect()
    };
    cluster.run("create -f cache.yaml");
    assert_eq!(
        next(),
        ["EVENT", "NAME", "AGE", "CACHEID", "PHASE", "PROGRESS"]
    );
    assert_eq!(next()[..2], ["ADDED", "base"]);
    cluster.run(&format!(
        "patch ic base --subresource status --type merge -p {READY}"
    ));
    let row = next();
    assert_eq!(
        (&row[..2], &row[3..]),
        (
            &["MODIFIED".to_owned(), "base".to_owned()][..],
            &["imc-1".to_owned(), "Ready".to_owned(), "100%".to_owned()][..]
        )
    );
    cluster.run("delete ic base");
    assert_eq!(next()[..2], ["DELETED", "base"]);
    watch.kill().unwrap();
    watch.wait().unwrap();
}

#[test]
fn kubectl_stores_other_built_in_kinds() {
    let cluster = Cluster::start();
    cluster.file(
        "all.yaml",
        r#"
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Secret
metadata: {name: acr, namespace: shop}
type: kubernetes.io/dockerconfigjson
data: {.dockerconfigjson: eyJhdXRocyI6eyJyZWdpc3RyeS5leGFtcGxlLmNvbSI6eyJhdXRoIjoiZFRwdyJ9fX0=}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "nginx:1.27"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: one, namespace: shop}
spec: {containers: [{name: one, image: "nginx:1.27"}]}
"#,
    );
    let applied = cluster.run("apply -f all.yaml");
    assert_eq!(
        applied,
        "namespace/shop created\nsecret/acr created\ndeployment.apps/web created\npod/one created\n"
    );
    let again = cluster.run("apply -f all.yaml");
    assert!(
        again.lines().all(|line| line.ends_with("unchanged")),
        "{again}"
    );
    let pods = cluster.run("get pods -A");
    assert_eq!(
        words(&pods)[0],
        ["NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    );
    assert_eq!(words(&pods)[1][..5], ["shop", "one", "0/1", "Pending", "0"]);
    // strategic merge knows the keys of lists
    cluster.run(r#"patch deployment web -n shop -p {"spec":{"template":{"spec":{"containers":[{"name":"side","image":"busybox:1.36"}]}}}}"#);
    let images = cluster
        .run("get deployment web -n shop -o jsonpath={.spec.template.spec.containers[*].name}");
    let mut images: Vec<_> = images.split(' ').collect();
    images.sort_unstable();
    assert_eq!(images, ["side", "web"]);
    cluster.run("delete pod one -n shop --timeout=10s");
    cluster.run("delete namespace shop --timeout=20s");
    let left = cluster
        .command("get secrets,deployments -n shop -o name")
        .output()
        .unwrap();
    assert_eq!(
        common::stdout(&left),
        "",
        "what was in the namespace has gone with it"
    );
}
