use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use crate::endpoint::Endpoint;

/// The parts of a process environment that credentials come from: variables, the home directory and the addresses of
/// credential services.
#[derive(Clone)]
pub struct ProcessEnvironment {
    /// Environment variables. Empty ones count as not set.
    pub variables: BTreeMap<String, String>,
    /// The home directory of the user.
    pub home: Option<PathBuf>,
    /// Address of the instance metadata service. Plain HTTP to an address that exists only within a machine's own network.
    pub instance: String,
    /// Endpoint of STS, instead of the endpoint that the variables name.
    pub sts: Option<Endpoint>,
}

impl Default for ProcessEnvironment {
    /// Nothing is set.
    fn default() -> Self {
        ProcessEnvironment {
            variables: BTreeMap::new(),
            home: None,
            instance: "http://100.100.100.200".to_owned(),
            sts: None,
        }
    }
}

impl ProcessEnvironment {
    /// Returns the variables and the home directory of this process.
    #[must_use]
    pub fn of_process() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name.starts_with("ALIBABA_CLOUD_"))
            .collect();
        ProcessEnvironment {
            variables,
            home: std::env::home_dir(),
            ..ProcessEnvironment::default()
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.variables.get(name)?.as_str();
        (!value.is_empty()).then_some(value)
    }

    pub(super) fn need(&self, name: &str) -> Result<&str, String> {
        self.get(name).ok_or_else(|| format!("{name} is not set"))
    }

    pub(super) fn is_true(&self, name: &str) -> bool {
        let value = self.get(name);
        value.is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    pub(super) fn in_home(&self, path: &str) -> Result<PathBuf, String> {
        match &self.home {
            Some(home) => Ok(home.join(path)),
            None => Err("the home directory is unknown".to_owned()),
        }
    }
}

/// Shows the names of variables without their values, which include keys.
impl fmt::Debug for ProcessEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessEnvironment")
            .field("variables", &self.variables.keys())
            .field("home", &self.home)
            .field("instance", &self.instance)
            .field("sts", &self.sts)
            .finish()
    }
}
