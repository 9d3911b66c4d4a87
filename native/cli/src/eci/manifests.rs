//! The image caches of manifests, with the secrets and defaults that stand beside them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context as _;
use imagecache::diagnostic::Severity;
use imagecache::eci::login::{RegistryLogin, logins};
use imagecache::eci::object::CallDefaults;
use imagecache::matching::{DocumentObject, ObjectRole, subjects};
use imagecache::resource::ImageCache;
use imagecache::validate::{self, ValidateOptions};
use serde_json::{Value, json};

use crate::console;
use crate::documents;
use crate::input::Inputs;

/// What to read besides the manifests themselves.
#[derive(Debug, clap::Args)]
pub(crate) struct Manifests {
    #[command(flatten)]
    inputs: Inputs,
    /// Docker config with registry logins, such as ~/.docker/config.json
    #[arg(long, value_name = "FILE")]
    docker_config: Option<PathBuf>,
}

/// What was read.
#[derive(Default)]
pub(crate) struct Read {
    /// The caches, in the order of the inputs.
    pub(crate) caches: Vec<ImageCache>,
    /// From a ConfigMap `kube-system/eci-profile` among the inputs.
    pub(crate) defaults: CallDefaults,
    secrets: BTreeMap<String, Value>,
    docker_config: Vec<RegistryLogin>,
    /// Something could not be read.
    pub(crate) incomplete: bool,
    /// A cache has errors.
    pub(crate) invalid: bool,
}

impl Manifests {
    /// No file is named.
    pub(crate) fn is_empty(&self) -> bool {
        self.inputs.is_empty()
    }

    pub(crate) fn read(&self) -> anyhow::Result<Read> {
        let mut read = Read::default();
        if let Some(path) = &self.docker_config {
            let shown = path.display();
            let text = std::fs::read_to_string(path)
                .map_err(|error| anyhow::anyhow!("{shown}: {}", console::reason(&error)))?;
            let secret = json!({"stringData": {".dockerconfigjson": text}});
            read.docker_config = logins(&secret).with_context(|| shown.to_string())?;
        }
        if self.is_empty() {
            return Ok(read);
        }
        let taken = documents::take(&self.inputs.list()?, |value, report| {
            let before = report.count();
            let objects = subjects(value, report);
            (objects, report.count() > before)
        });
        read.incomplete = taken.incomplete;
        for (objects, unread) in &taken.parts {
            read.incomplete |= unread;
            objects.iter().for_each(|object| read.add(object));
        }
        if read.caches.is_empty() && !read.invalid {
            console::complain("there is no ImageCache in the input");
            read.incomplete = true;
        }
        Ok(read)
    }
}

impl Read {
    /// Adds a Secret or defaults; other objects are not needed beside caches that are made.
    pub(crate) fn add_beside(&mut self, object: &DocumentObject) {
        if object.role != ObjectRole::Cache {
            self.add(object);
        }
    }

    fn add(&mut self, DocumentObject { role, value, .. }: &DocumentObject) {
        let object = value;
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
        let name = text("/metadata/name").unwrap_or_default();
        match text("/kind").unwrap_or_default() {
            _ if *role == ObjectRole::Cache => self.add_cache(name, object),
            "Secret" => {
                let namespace = text("/metadata/namespace").unwrap_or("default");
                self.secrets
                    .insert(format!("{namespace}:{name}"), object.clone());
            }
            "ConfigMap" if name == "eci-profile" => {
                self.defaults =
                    CallDefaults::from_profile(object.get("data").unwrap_or(&Value::Null));
            }
            _ => {}
        }
    }

    fn add_cache(&mut self, name: &str, object: &Value) {
        let mut valid = true;
        for found in validate::object(object, &ValidateOptions::default()) {
            if found.severity == Severity::Error {
                valid = false;
                console::complain(&format!("{name}: {found} [{}]", found.code));
            }
        }
        match serde_json::from_value(object.clone()) {
            Ok(cache) if valid => self.caches.push(cache),
            Ok(_) => self.invalid = true,
            Err(error) => {
                self.invalid = true;
                if valid {
                    console::complain(&format!("{name}: {error}"));
                }
            }
        }
    }

    /// The logins of a cache: of its secrets in their order, then of the docker config.
    pub(crate) fn logins(&self, cache: &ImageCache) -> anyhow::Result<Vec<RegistryLogin>> {
        let mut found = Vec::new();
        for name in cache.spec.secrets() {
            let secret = self.secrets.get(name).with_context(|| {
                format!("secret {name} is not in the input; add it with -f, or take it out of spec.imagePullSecrets")
            })?;
            found.extend(logins(secret).with_context(|| format!("secret {name}"))?);
        }
        found.extend(self.docker_config.iter().cloned());
        Ok(found)
    }
}
