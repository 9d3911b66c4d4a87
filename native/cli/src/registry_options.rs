//! Options about registries that several verbs share, and the questions that they send.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use imagecache::diagnostic::{Diagnostic, Levels};
use imagecache::document::{TextFormat, TextLimits, read_within};
use imagecache::registry::{
    FailureReason, RegistryAnswer, RegistryAsk, RegistryFacts, RegistryFailure, RegistryNeeds,
    check_text,
};
use imagecache::resource::workload::PodPaths;
use imagecache::time::Timestamp;
use imagecache::validate::ValidateOptions;
use imagecache_registry::{Client, Depth, Logins, Options};

use crate::console::{self, reason};
use crate::eci::connection::block_on;
use crate::input::{Input, LIMITS, format_of};
use crate::pod_options::{host, hosts};
use crate::progress::Progress;
use crate::usage::usage_error;

/// Whether to ask registries, and how.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Registries")]
pub(crate) struct RegistryOptions {
    /// Ask the registries about each image; without it, no registry is asked
    #[arg(long)]
    registry: bool,
    #[command(flatten)]
    access: RegistryAccess,
}

/// How to ask registries.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Registries")]
pub(crate) struct RegistryAccess {
    /// Keep the answers in this file (JSON), and ask only for what it lacks; delete it to ask again
    #[arg(long, value_name = "FILE")]
    registry_cache: Option<PathBuf>,
    /// Docker config with logins; repeatable [default: $DOCKER_CONFIG/config.json, else ~/.docker/config.json]
    #[arg(long, value_name = "FILE")]
    registry_config: Vec<PathBuf>,
    /// Ask this registry over plain HTTP; repeatable. The loopback interface always is
    #[arg(long, value_name = "HOST", value_parser = host)]
    registry_plain_http: Vec<String>,
    /// Ask another registry first, which has the same repositories; repeatable
    #[arg(long, value_name = "HOST=MIRROR", value_parser = hosts)]
    registry_mirror: Vec<(String, String)>,
}

impl RegistryOptions {
    /// Reports whether `--registry` is given.
    pub(crate) fn is_asked(&self) -> bool {
        self.registry
    }

    /// Returns how to ask, if `--registry` is given.
    pub(crate) fn access(&self) -> anyhow::Result<Option<&RegistryAccess>> {
        if self.registry {
            return Ok(Some(&self.access));
        }
        let access = &self.access;
        let given = [
            (access.registry_cache.is_some(), "--registry-cache"),
            (!access.registry_config.is_empty(), "--registry-config"),
            (
                !access.registry_plain_http.is_empty(),
                "--registry-plain-http",
            ),
            (!access.registry_mirror.is_empty(), "--registry-mirror"),
        ];
        match given.iter().find(|(given, _)| *given) {
            Some((_, name)) => Err(usage_error(format!(
                "{name} has no effect without --registry"
            ))),
            None => Ok(None),
        }
    }
}

/// The logins of a run: those of the user, and one for each set of Secrets in the input.
struct AllLogins {
    user: Logins,
    /// The failure is that of a Secret that cannot be read.
    of_secrets: BTreeMap<Vec<String>, Result<Logins, RegistryFailure>>,
}

impl AllLogins {
    fn of(&self, ask: &RegistryAsk) -> &Logins {
        let own = self.of_secrets.get(&ask.secrets);
        own.and_then(|own| own.as_ref().ok()).unwrap_or(&self.user)
    }

    /// Returns why the Secrets of a question cannot be used.
    fn broken(&self, ask: &RegistryAsk) -> Option<&RegistryFailure> {
        self.of_secrets.get(&ask.secrets)?.as_ref().err()
    }
}

impl RegistryAccess {
    /// Asks the registries for what is needed. Returns the answers of this run and of the cache file.
    pub(crate) fn ask(
        &self,
        needs: &RegistryNeeds,
        depth: Depth,
        now: Timestamp,
    ) -> anyhow::Result<RegistryFacts> {
        let detail = depth == Depth::Platforms;
        let mut facts = self.read_cache()?;
        let asks: Vec<RegistryAsk> = needs
            .asks()
            .into_iter()
            .filter(|ask| !facts.has(ask, detail))
            .collect();
        if asks.is_empty() {
            return Ok(facts);
        }
        let logins = self.logins(needs, &asks)?;
        let (asks, unusable): (Vec<_>, Vec<_>) = asks
            .into_iter()
            .partition(|ask| logins.broken(ask).is_none());
        for ask in unusable {
            if let Some(failure) = logins.broken(&ask).cloned() {
                facts.insert(ask, now, RegistryAnswer::Failed(failure));
            }
        }
        let client = Client::new(self.client_options())?;
        let progress = Progress::of(asks.len(), "images");
        block_on(async {
            let done = |ask, answer| {
                facts.insert(ask, now, answer);
                progress.step();
            };
            client.all(asks, depth, |ask| logins.of(ask), done).await;
            Ok(())
        })?;
        progress.finish();
        self.write_cache(&facts)?;
        Ok(facts)
    }

    fn client_options(&self) -> Options {
        let mut options = Options::default();
        options
            .plain_http
            .extend(self.registry_plain_http.iter().cloned());
        options.mirrors.extend(self.registry_mirror.iter().cloned());
        options
    }

    fn read_cache(&self) -> anyhow::Result<RegistryFacts> {
        let Some(path) = &self.registry_cache else {
            return Ok(RegistryFacts::default());
        };
        match std::fs::read_to_string(path) {
            Ok(text) => RegistryFacts::from_json(&text).with_context(|| path.display().to_string()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(RegistryFacts::default()),
            Err(error) => Err(error).with_context(|| format!("{}: cannot be read", path.display())),
        }
    }

    /// Writes the cache file beside itself first: a run that is interrupted leaves the old one.
    fn write_cache(&self, facts: &RegistryFacts) -> anyhow::Result<()> {
        let Some(path) = &self.registry_cache else {
            return Ok(());
        };
        let written = || format!("{}: cannot be written", path.display());
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}", std::process::id()));
        let beside = path.with_file_name(name);
        let write = || {
            let mut file = std::fs::File::create(&beside)?;
            file.write_all(facts.to_json().as_bytes())?;
            std::fs::rename(&beside, path)
        };
        write().with_context(written)
    }

    fn logins(&self, needs: &RegistryNeeds, asks: &[RegistryAsk]) -> anyhow::Result<AllLogins> {
        let mut user = Logins::default();
        if self.registry_config.is_empty()
            && let Some(path) = default_config().filter(|path| path.exists())
        {
            user = read_config(&path)?;
        }
        for path in &self.registry_config {
            user = user.and(read_config(path)?);
        }
        let secrets: BTreeMap<_, _> = needs.secrets().collect();
        let mut of_secrets = BTreeMap::new();
        for ask in asks.iter().filter(|ask| !ask.secrets.is_empty()) {
            if of_secrets.contains_key(&ask.secrets) {
                continue;
            }
            let named = ask.secrets.iter();
            let mut named = named.filter_map(|name| Some((name, secrets.get(name.as_str())?)));
            let logins = named.try_fold(Logins::default(), |logins, (name, secret)| {
                let read = Logins::of_secret(secret).map_err(|error| {
                    let message = format!("Secret {name}: {error}");
                    RegistryFailure::new(FailureReason::Unauthorized, message)
                })?;
                Ok(logins.and(read))
            });
            of_secrets.insert(ask.secrets.clone(), logins);
        }
        Ok(AllLogins { user, of_secrets })
    }
}

fn default_config() -> Option<PathBuf> {
    let folder = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let folder = folder.or_else(|| Some(std::env::home_dir()?.join(".docker")))?;
    Some(folder.join("config.json"))
}

fn read_config(path: &Path) -> anyhow::Result<Logins> {
    Logins::of_file(path).map_err(|error| match error {
        imagecache_registry::BadConfig::Unreadable(error) => {
            anyhow::anyhow!("{}: cannot be read: {}", path.display(), reason(&error))
        }
        error => anyhow::Error::new(error).context(path.display().to_string()),
    })
}

/// What registries said about the inputs of a run.
pub(crate) struct Answered {
    needs: RegistryNeeds,
    pub(crate) facts: RegistryFacts,
}

impl Answered {
    /// Asks for the images of all inputs. What cannot be read is left to the verb.
    pub(crate) fn of_inputs(
        access: &RegistryAccess,
        inputs: &mut [Input],
        paths: &PodPaths,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let mut needs = RegistryNeeds::default();
        for input in inputs {
            input.keep();
            let Ok(text) = input.read() else { continue };
            let (documents, _) =
                read_within(&text, format_of(&input.name), &Levels::default(), &LIMITS);
            for document in &documents {
                needs.add(document.value(), paths);
            }
        }
        Answered::of(access, needs, now)
    }

    /// Asks for these images.
    pub(crate) fn of(
        access: &RegistryAccess,
        needs: RegistryNeeds,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let facts = access.ask(&needs, Depth::Platforms, now)?;
        Ok(Answered { needs, facts })
    }

    /// Returns the findings about a text.
    pub(crate) fn check(
        &self,
        text: &str,
        format: TextFormat,
        options: &ValidateOptions,
        limits: &TextLimits,
    ) -> Vec<Diagnostic> {
        check_text(text, format, options, limits, &self.needs, &self.facts)
    }

    /// Prints the questions that had no good answer. Returns whether there is one.
    pub(crate) fn report_failures(&self) -> bool {
        let mut failed = false;
        for (image, problem) in self.needs.problems(&self.facts) {
            failed = true;
            console::complain(&format!("{image}: {problem}"));
        }
        failed
    }
}
