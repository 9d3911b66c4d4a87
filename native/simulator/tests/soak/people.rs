//! Everybody else: authors of ImageCaches, some of them hostile, other clusters, and people at the cloud's console.

use imagecache::eci::request::{DeleteImageCache, Operation};
use imagecache::resource::annotation::{
    ADOPT, DELETION_POLICY, PAUSED, PLAIN_HTTP_REGISTRY, VSWITCH_IDS,
};
use imagecache_apiserver::api::ApiError;
use imagecache_apiserver::api::write::Subresource;
use serde_json::{Value, json};

use crate::cloud::{REGION, owner};
use crate::soak::{Soak, Wish, annotation, of};

const NAMES: [&str; 4] = ["base", "web", "job", STORMY];
const STORMY: &str = "evil";

/// Whether an object asks for what it may have and what there is: then it has a cache in the end.
pub(crate) fn is_good(object: &Value) -> bool {
    let images = object["spec"]["images"].as_array().unwrap();
    let all = |part: &str| {
        !images.is_empty()
            && images
                .iter()
                .all(|image| image.as_str().unwrap().contains(part))
    };
    let logins = object["spec"].get("imagePullSecrets");
    let with_login = logins == Some(&json!(["default:registry"]));
    let readable =
        all("/demo/") && (logins.is_none() || with_login) || all("/private/") && with_login;
    let hostile = [ADOPT, PLAIN_HTTP_REGISTRY, VSWITCH_IDS];
    let hostile = hostile
        .iter()
        .any(|name| annotation(object, name).is_some());
    readable
        && !hostile
        && object["spec"]
            .get("imageCacheSize")
            .is_none_or(|size| size != 5)
}

impl Soak {
    /// Somebody does something.
    pub(crate) fn act(&mut self) {
        if self.storm && self.chance.one_in(2) {
            return self.storm();
        }
        let names = if self.storm { &NAMES[..1] } else { &NAMES };
        let name = *self.chance.pick(names);
        let Some(object) = self.server.get(name) else {
            let spec = self.spec();
            let object = json!({
                "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache",
                "metadata": {"name": name}, "spec": spec,
            });
            let now = self.time();
            let made = self.server.create(&object, now);
            return self.noted(name, "created", made);
        };
        match self.chance.below(16) {
            0..4 => {
                let mut spec = self.spec();
                let fields = spec.as_object_mut().unwrap();
                for field in ["imagePullSecrets", "imageCacheSize"] {
                    fields.entry(field).or_insert(Value::Null);
                }
                self.patch(name, "edited", &json!({"spec": spec}));
            }
            4 | 5 => {
                let now = self.time();
                let deleted = self.server.delete(name, now);
                self.noted(name, "deleted", deleted);
            }
            6 => self.annotate(name, PAUSED, json!("true")),
            7 => self.annotate(name, PAUSED, Value::Null),
            8 => {
                self.retained.insert(of(&object, "uid").to_owned());
                self.annotate(name, DELETION_POLICY, json!("Retain"));
            }
            9 | 10 => {
                let ids = [self.cloud.foreign(), vec![self.cloud.adoptable.clone()]].concat();
                let id = self.chance.pick(&ids).clone();
                self.annotate(name, ADOPT, json!(id));
            }
            11 => self.annotate(name, ADOPT, Value::Null),
            12 => {
                let hostile = [
                    (PLAIN_HTTP_REGISTRY, json!("registry.example.com")),
                    (VSWITCH_IDS, json!("vsw-of-others")),
                    (PLAIN_HTTP_REGISTRY, Value::Null),
                    (VSWITCH_IDS, Value::Null),
                ];
                let (key, value) = self.chance.pick(&hostile).clone();
                self.annotate(name, key, value);
            }
            13 => self.forge(name, &object),
            14 => self.remove_cache(),
            _ => {
                let now = self.time();
                self.say("another cluster adopts the cache that may be adopted");
                self.cloud.rob(now);
            }
        }
    }

    /// An author edits one object whenever its cache has failed, to something else that fails.
    fn storm(&mut self) {
        let now = self.time();
        let version = self.chance.number();
        let image = format!("registry.example.com/missing/app:{version}");
        let spec = json!({"images": [image]});
        if let Some(object) = self.server.get(STORMY) {
            if object["status"]["phase"] == "Failed" || self.chance.one_in(10) {
                self.patch(STORMY, "edited", &json!({"spec": spec}));
            }
            return;
        }
        let object = json!({
            "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache",
            "metadata": {"name": STORMY}, "spec": spec,
        });
        let made = self.server.create(&object, now);
        self.noted(STORMY, "created", made);
    }

    /// A spec, most often a good one.
    fn spec(&mut self) -> Value {
        let version = self.chance.below(5);
        let demo = format!("registry.example.com/demo/app:{version}");
        match self.chance.below(12) {
            0 => json!({"images": [format!("registry.example.com/missing/app:{version}")]}),
            1 | 2 => json!({
                "images": [format!("registry.example.com/private/app:{version}")],
                "imagePullSecrets": ["default:registry"],
            }),
            3 => json!({"images": [demo], "imagePullSecrets": ["kube-system:registry"]}),
            4 => json!({"images": [demo], "imagePullSecrets": ["default:broken"]}),
            5 => json!({"images": ["https://evil\u{1b}[2J/UPPER:x y"]}),
            6 => json!({"images": [demo], "imageCacheSize": 5}),
            7 => json!({"images": [demo], "imagePullSecrets": ["default:registry"]}),
            _ => json!({"images": [demo]}),
        }
    }

    fn patch(&mut self, name: &str, what: &str, patch: &Value) {
        let now = self.time();
        let written = self.server.patch(name, Subresource::None, patch, now);
        self.noted(name, &format!("{what} {patch}"), written);
    }

    fn annotate(&mut self, name: &str, key: &str, value: Value) {
        let patch = json!({"metadata": {"annotations": {key: value}}});
        self.patch(name, "annotated", &patch);
    }

    /// Notes what the API server acknowledged.
    fn noted(&mut self, name: &str, what: &str, written: Result<Value, ApiError>) {
        self.say(&format!("{name} is {what}"));
        match written {
            Ok(object) => {
                let wish = Wish {
                    uid: of(&object, "uid").to_owned(),
                    spec: object["spec"].clone(),
                    annotations: object["metadata"]["annotations"].clone(),
                };
                self.wishes.insert(name.to_owned(), wish);
            }
            Err(error) => self.say(&format!("{name}: {}", error.message)),
        }
    }

    /// Somebody writes what they like into a status.
    fn forge(&mut self, name: &str, object: &Value) {
        let ids = [
            self.cloud.foreign(),
            vec![self.cloud.adoptable.clone(), "imc-none".to_owned()],
        ];
        let id = self.chance.pick(&ids.concat()).clone();
        let statuses = [
            json!({"imageCacheId": id}),
            json!({"imageCacheId": id, "phase": "Failed"}),
            json!({"imageCacheId": null, "phase": null, "conditions": null}),
        ];
        let status = self.chance.pick(&statuses).clone();
        self.say(&format!("{name}: somebody writes the status {status}"));
        self.forged.insert(of(object, "uid").to_owned());
        let now = self.time();
        let patch = json!({"status": status});
        if let Err(error) = self.server.patch(name, Subresource::Status, &patch, now) {
            self.say(&error.message);
        }
    }

    /// Somebody deletes a cache at the console.
    fn remove_cache(&mut self) {
        let now = self.time();
        let entries = self.cloud.entries(now);
        let made = |id: &String| self.cloud.made.contains_key(id);
        let ours: Vec<_> = entries
            .iter()
            .filter(|entry| made(&entry.image_cache_id) && owner(entry).is_some())
            .map(|entry| entry.image_cache_id.clone())
            .collect();
        if ours.is_empty() {
            return;
        }
        let id = self.chance.pick(&ours).clone();
        self.say(&format!("somebody deletes {id}"));
        let call = DeleteImageCache {
            region_id: REGION.to_owned(),
            image_cache_id: id,
            client_token: None,
        };
        let deleted = self.cloud.call(&Operation::DeleteImageCache(call), now);
        deleted.unwrap();
    }

    /// Nothing is paused any more.
    pub(crate) fn unpause(&mut self) {
        for name in NAMES {
            if self.server.get(name).is_some() {
                self.annotate(name, PAUSED, Value::Null);
            }
        }
    }
}
