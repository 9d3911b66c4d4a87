//! Lists of a cluster: discovery, then every kind that is served, page by page.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use imagecache::resource::workload::{PodPaths, WORKLOADS};
use imagecache::resource::{GROUP, KIND, PLURAL, VERSION};
use imagecache_controller::cluster::{Client, chain};
use kube::api::{GetParams, ListParams};
use kube::core::Request;
use serde_json::Value;

use super::{Live, LiveObject};
use crate::kubeconfig::Kubeconfig;

/// Items of a page.
const PAGE: u32 = 500;
/// Lists that are read at once.
const AT_ONCE: usize = 8;
/// The status code for a token that is too old.
const GONE: u16 = 410;
const NOT_FOUND: u16 = 404;
/// Pods that have ended use no cache.
const LIVING: &str = "status.phase!=Succeeded,status.phase!=Failed";

/// A kind to read, in the versions that are known, newest first; none: in any version.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kind {
    group: String,
    kind: String,
    versions: Vec<String>,
}

/// What gives pods annotations.
const SELECTOR: (&str, &str, &[&str]) = ("eci.aliyun.com", "Selector", &["v1beta1"]);

/// What besides ImageCaches is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope {
    /// Container groups of ECI.
    pub(super) groups: bool,
    /// The quotas of ECI.
    pub(super) usage: bool,
    /// Pods that have ended.
    ended: bool,
    /// Workloads.
    workloads: bool,
    kinds: &'static [(&'static str, &'static str, &'static [&'static str])],
}

impl Scope {
    /// For plans: what scales workloads, and the sizes of images.
    pub(crate) const PLAN: Self = Scope {
        kinds: &[
            ("autoscaling", "HorizontalPodAutoscaler", &["v2", "v1"]),
            ("keda.sh", "ScaledObject", &["v1alpha1"]),
            ("", "Node", &["v1"]),
            SELECTOR,
        ],
        groups: false,
        usage: false,
        ended: false,
        workloads: true,
    };

    /// For a release, whose workloads are not in the cluster yet. A selector may need the labels of its namespaces.
    pub(crate) const CACHES: Self = Scope {
        kinds: &[SELECTOR, ("", "Namespace", &["v1"])],
        groups: false,
        usage: false,
        ended: false,
        workloads: false,
    };

    /// For the use of caches.
    pub(crate) const USE: Self = Scope {
        kinds: &[SELECTOR],
        groups: true,
        usage: true,
        ended: false,
        workloads: true,
    };

    /// For the tags in caches: ImageCaches and pods.
    pub(crate) const TAGS: Self = Scope {
        kinds: &[("", "Pod", &["v1"])],
        groups: false,
        usage: false,
        ended: false,
        workloads: false,
    };

    /// For what happened to pods.
    pub(crate) const PAST: Self = Scope {
        kinds: &[SELECTOR, ("", "Event", &["v1"])],
        groups: true,
        usage: false,
        ended: true,
        workloads: true,
    };
}

/// A kind that the cluster serves.
#[derive(Debug)]
struct Served {
    api_version: String,
    kind: String,
    plural: String,
    /// `deployments.apps`, for messages.
    name: String,
}

impl Served {
    fn path(&self) -> String {
        let root = if self.api_version.contains('/') {
            "apis"
        } else {
            "api"
        };
        format!("/{root}/{}/{}", self.api_version, self.plural)
    }
}

/// Asks a cluster, for a limited time each.
pub(crate) struct Reader {
    pub(crate) client: Client,
    /// The address, for messages.
    pub(crate) server: String,
    /// Longest wait for an answer, with the attempts that the client repeats.
    pub(crate) time: Duration,
}

/// Why there is no answer.
struct Unanswered {
    /// The status code, if there is one.
    code: Option<u16>,
    why: String,
}

impl Reader {
    /// Creates a reader of the cluster of a kubeconfig.
    pub(super) async fn new(cluster: &Kubeconfig, seconds: u32) -> anyhow::Result<Self> {
        Ok(Reader {
            client: cluster.client().await?,
            server: cluster.server().await?,
            time: Duration::from_secs(seconds.into()),
        })
    }

    async fn get(&self, path: &str) -> Result<Value, Unanswered> {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        self.send(Request::new(parent).get(name, &GetParams::default()))
            .await
    }

    async fn send<E: std::error::Error>(
        &self,
        request: Result<http::Request<Vec<u8>>, E>,
    ) -> Result<Value, Unanswered> {
        let unanswered = |code, why| Unanswered { code, why };
        let request = request.map_err(|error| unanswered(None, chain(&error)))?;
        match tokio::time::timeout(self.time, self.client.request(request)).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                let code = match &error {
                    kube::Error::Api(status) => Some(status.code),
                    _ => None,
                };
                Err(unanswered(code, why(&error)))
            }
            Err(_) => {
                let why = format!("the cluster has not answered within {:?}", self.time);
                Err(unanswered(None, why))
            }
        }
    }
}

/// Returns the items of a member that is a list.
fn items<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    value
        .get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// Returns a member that is a string; empty if there is none.
fn word<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

impl Live {
    /// Reads the workloads and ImageCaches of a cluster, the defaults that it gives pods, and what `scope` names.
    pub(crate) async fn add_cluster(&mut self, reader: &Reader, scope: Scope, paths: &PodPaths) {
        let served = match self.served(reader, &wanted(scope, paths)).await {
            Ok(served) => served,
            Err(why) => return self.unread(&format!("cluster {}", reader.server), &why),
        };
        let lists: Vec<(Served, Listed)> = stream::iter(served)
            .map(|served| async {
                let listed = list(reader, &served, scope.ended).await;
                (served, listed)
            })
            .buffered(AT_ONCE)
            .collect()
            .await;
        for (served, listed) in lists {
            if let Some(why) = listed.unread {
                self.unread(&served.name, &why);
            }
            for item in listed.items {
                self.objects.push(named(&served, item));
            }
        }
        // It gives pods annotations, as selectors do.
        if scope.kinds.contains(&SELECTOR) {
            self.add_profile(reader).await;
        }
    }

    /// Asks the cluster in which version it serves each kind. A kind that it does not serve has no objects; only
    /// ImageCaches are missed.
    async fn served(&mut self, reader: &Reader, wanted: &[Kind]) -> Result<Vec<Served>, String> {
        let groups = reader.get("/apis").await.map_err(|error| error.why)?;
        let asked: BTreeSet<&str> = wanted.iter().map(|kind| kind.group.as_str()).collect();
        let mut versions = vec![("", "v1")];
        for group in items(&groups, "groups") {
            let name = word(group, "name");
            let served = items(group, "versions").filter(|_| asked.contains(name));
            versions.extend(served.map(|served| (name, word(served, "version"))));
        }
        let answers: Vec<_> = stream::iter(versions)
            .map(|(group, version)| async move {
                let path = match group {
                    "" => format!("/api/{version}"),
                    group => format!("/apis/{group}/{version}"),
                };
                (group, version, reader.get(&path).await)
            })
            .buffered(AT_ONCE)
            .collect()
            .await;
        // The versions of each kind in the server's order, with the plural.
        let mut found: BTreeMap<(&str, String), Vec<(&str, String)>> = BTreeMap::new();
        for (group, version, answer) in answers {
            let list = match answer {
                Ok(list) => list,
                Err(error) => {
                    self.unread(&format!("kinds of {group}/{version}"), &error.why);
                    continue;
                }
            };
            for resource in items(&list, "resources") {
                let (name, kind) = (word(resource, "name"), word(resource, "kind"));
                let lists = items(resource, "verbs").any(|verb| verb == "list");
                if lists && !name.contains('/') {
                    let versions = found.entry((group, kind.to_owned())).or_default();
                    versions.push((version, name.to_owned()));
                }
            }
        }
        let mut served = Vec::new();
        for Kind {
            group,
            kind,
            versions,
        } in wanted
        {
            let Some(there) = found.get(&(group.as_str(), kind.clone())) else {
                if kind == KIND {
                    let why = "the cluster has no ImageCache definition; install it with `imagecache crd | kubectl apply -f -`";
                    self.unread(&format!("{PLURAL}.{GROUP}"), why);
                }
                continue;
            };
            let known = versions.iter().find_map(|known| {
                let mut there = there.iter();
                there.find(|(version, _)| version == known)
            });
            let any = there.first().filter(|_| versions.is_empty());
            match known.or(any) {
                Some((version, plural)) => served.push(Served {
                    api_version: if group.is_empty() {
                        (*version).to_owned()
                    } else {
                        format!("{group}/{version}")
                    },
                    kind: kind.clone(),
                    plural: plural.clone(),
                    name: full(plural, group),
                }),
                None => {
                    let (has, plural) =
                        there.first().map_or(("", kind), |(has, name)| (*has, name));
                    let why = format!("served as {has}, known is {}", versions.join(", "));
                    self.unread(&full(plural, group), &why);
                }
            }
        }
        Ok(served)
    }

    /// Reads the ConfigMap `eci-profile`, if there is one.
    async fn add_profile(&mut self, reader: &Reader) {
        let name = "configmap kube-system/eci-profile".to_owned();
        let path = "/api/v1/namespaces/kube-system/configmaps/eci-profile";
        match reader.get(path).await {
            Ok(value) => self.objects.push(LiveObject { name, value }),
            Err(error) if error.code == Some(NOT_FOUND) => {}
            Err(error) => self.unread(&name, &error.why),
        }
    }
}

fn full(plural: &str, group: &str) -> String {
    if group.is_empty() {
        plural.to_owned()
    } else {
        format!("{plural}.{group}")
    }
}

/// Returns the kinds to read, each once.
fn wanted(scope: Scope, paths: &PodPaths) -> Vec<Kind> {
    let kind = |group: &str, kind: &str, versions: &[&str]| Kind {
        group: group.to_owned(),
        kind: kind.to_owned(),
        versions: versions.iter().map(|&version| version.to_owned()).collect(),
    };
    let mut kinds = vec![kind(GROUP, KIND, &[VERSION])];
    let workloads = WORKLOADS.iter().filter(|_| scope.workloads);
    kinds.extend(workloads.map(|row| kind(row.group, row.kind, row.versions)));
    let others = scope.kinds.iter();
    kinds.extend(others.map(|(group, name, versions)| kind(group, name, versions)));
    let paths = paths.as_slice().iter();
    let paths = paths.filter(|_| scope.workloads);
    kinds.extend(paths.map(|path| kind(path.group(), path.kind(), &[])));
    let mut seen = BTreeSet::new();
    kinds.retain(|kind| seen.insert((kind.group.clone(), kind.kind.clone())));
    kinds
}

/// The items of a list, and why it is not whole.
#[derive(Debug, Default)]
struct Listed {
    items: Vec<Value>,
    unread: Option<String>,
}

/// Reads all pages of a list. A server that has forgotten the list in between is asked once more, for all of it at once.
async fn list(reader: &Reader, served: &Served, ended: bool) -> Listed {
    let request = Request::new(served.path());
    let living = (served.name == "pods" && !ended).then_some(LIVING);
    let params = living.map_or_else(ListParams::default, |living| {
        ListParams::default().fields(living)
    });
    let mut page = params.clone().limit(PAGE);
    let mut listed = Listed::default();
    loop {
        let mut answer = match reader.send(request.list(&page)).await {
            Ok(answer) => answer,
            Err(error) if error.code == Some(GONE) && page.continue_token.is_some() => {
                page = params.clone();
                listed.items.clear();
                continue;
            }
            Err(error) => {
                listed.unread = Some(error.why);
                return listed;
            }
        };
        match answer.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) => listed.items.extend(items),
            _ => {
                listed.unread = Some("the answer is not a list".to_owned());
                return listed;
            }
        }
        let token = answer.pointer("/metadata/continue").and_then(Value::as_str);
        match token.filter(|token| !token.is_empty()) {
            None => return listed,
            Some(token) if page.continue_token.as_deref() == Some(token) => {
                listed.unread = Some("the server gives the same page again".to_owned());
                return listed;
            }
            Some(token) => page = page.continue_token(token),
        }
    }
}

/// Returns an item of a typed list as an object with its own type.
fn named(served: &Served, mut item: Value) -> LiveObject {
    if let Some(fields) = item.as_object_mut() {
        fields.insert("apiVersion".to_owned(), served.api_version.clone().into());
        fields.insert("kind".to_owned(), served.kind.clone().into());
    }
    let text = |name: &str| {
        let text = item.get("metadata")?.get(name)?.as_str();
        text.filter(|text| !text.is_empty())
    };
    let name = text("name").unwrap_or_default();
    let name = match text("namespace") {
        Some(namespace) => format!("{} {namespace}/{name}", served.name),
        None => format!("{} {name}", served.name),
    };
    LiveObject { name, value: item }
}

/// Returns the reason why the cluster does not answer, in one line.
pub(crate) fn why(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => match status.code {
            401 => format!(
                "the cluster does not accept these credentials: {}",
                status.message
            ),
            403 => format!("not permitted: {}", status.message),
            code => format!(
                "the cluster responds {code} {}: {}",
                status.reason, status.message
            ),
        },
        error => format!("the cluster does not respond: {}", chain(error)),
    }
}
