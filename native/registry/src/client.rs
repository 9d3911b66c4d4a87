//! Questions about images.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use hyper::Method;
use hyper::body::Bytes;
use hyper::header::CONTENT_TYPE;
use imagecache::reference::Named;
use imagecache::registry::{
    FailureReason, ImagePlatform, ImageRecord, PlatformImage, RegistryAnswer, RegistryAsk,
    RegistryFailure,
};
use imagecache_http::client::Answer;

use crate::document::{self, ACCEPT, Document};
use crate::logins::Logins;
use crate::transport::{Resource, Transport};

/// Most bytes of documents that are kept in memory.
const MAX_KEPT: usize = 64 << 20;
/// Most images of an index without a platform that are asked for theirs.
const MAX_UNNAMED: usize = 8;
/// The header with the digest of a document.
const DIGEST_HEADER: &str = "docker-content-digest";

/// How a client asks.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// Registries that are asked over plain HTTP, as `host[:port]`. The loopback interface always is.
    pub plain_http: BTreeSet<String>,
    /// Registries that are asked through another one first, which holds the same repositories.
    pub mirrors: BTreeMap<String, String>,
    /// Most questions at a time. Default: 32.
    pub concurrent: usize,
    /// Time for one request. Default: 10 s.
    pub attempt_time: Duration,
    /// Time for a question with all its requests and pauses. Default: 60 s.
    pub deadline: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            plain_http: BTreeSet::new(),
            mirrors: BTreeMap::new(),
            concurrent: 32,
            attempt_time: Duration::from_secs(10),
            deadline: Duration::from_secs(60),
        }
    }
}

/// How much to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The digest: one HEAD request.
    Digest,
    /// The digest, the platforms, and the size for the platform of the question.
    Platforms,
}

/// A client of registries. It keeps connections, tokens and documents.
#[derive(Debug)]
pub struct Client {
    transport: Transport,
    options: Options,
    kept: Mutex<Kept>,
}

/// Documents by repository and digest.
#[derive(Debug, Default)]
struct Kept {
    documents: HashMap<String, (Bytes, Option<String>)>,
    bytes: usize,
}

/// A document, its digest and its media type by the response.
struct Fetched {
    digest: String,
    body: Bytes,
    content_type: Option<String>,
}

/// A repository of a registry, with logins.
#[derive(Clone, Copy)]
struct Repository<'a> {
    host: &'a str,
    path: &'a str,
    logins: &'a Logins,
}

fn fail(host: &str, reason: FailureReason, what: &str) -> RegistryFailure {
    RegistryFailure::new(reason, format!("{host}: {what}"))
}

impl Client {
    /// Creates a client.
    ///
    /// # Errors
    /// Returns a failure of [`FailureReason::Unreachable`] if TLS cannot be set up.
    pub fn new(options: Options) -> Result<Self, RegistryFailure> {
        Ok(Client {
            transport: Transport::new(options.clone())?,
            options,
            kept: Mutex::default(),
        })
    }

    /// Returns the digest of an image, with one HEAD request.
    ///
    /// # Errors
    /// Returns the reason why the registry did not say it.
    pub async fn digest(&self, image: &str, logins: &Logins) -> Result<String, RegistryFailure> {
        let record = self.ask(image, None, logins).await?;
        Ok(record.digest)
    }

    /// Returns digest, platforms and size of an image.
    ///
    /// # Errors
    /// Returns the reason why the registry did not describe the image. An image without the platform of the question is
    /// described, without a size.
    pub async fn image(
        &self,
        ask: &RegistryAsk,
        logins: &Logins,
    ) -> Result<ImageRecord, RegistryFailure> {
        self.ask(&ask.image, Some(&ask.platform), logins).await
    }

    /// Asks many questions, some at a time, and calls `done` with each answer. The order of answers is not that of the
    /// questions.
    pub async fn all<'a>(
        &'a self,
        asks: impl IntoIterator<Item = RegistryAsk>,
        depth: Depth,
        logins: impl Fn(&RegistryAsk) -> &'a Logins,
        mut done: impl FnMut(RegistryAsk, RegistryAnswer),
    ) {
        let questions = asks.into_iter().map(|ask| {
            let logins = logins(&ask);
            async move {
                let answer = match depth {
                    Depth::Digest => {
                        let digest = self.digest(&ask.image, logins).await;
                        digest.map(|digest| ImageRecord::new(&digest))
                    }
                    Depth::Platforms => self.image(&ask, logins).await,
                };
                let answer = answer.map_or_else(RegistryAnswer::Failed, RegistryAnswer::Image);
                (ask, answer)
            }
        });
        let mut answers = stream::iter(questions).buffer_unordered(self.options.concurrent.max(1));
        while let Some((ask, answer)) = answers.next().await {
            done(ask, answer);
        }
    }

    /// Asks the mirror of the registry, then the registry, within the deadline; without a platform only for the digest.
    async fn ask(
        &self,
        image: &str,
        platform: Option<&ImagePlatform>,
        logins: &Logins,
    ) -> Result<ImageRecord, RegistryFailure> {
        let named = Named::parse(image).map_err(|error| {
            let message = format!("not an image reference: {error}");
            RegistryFailure::new(FailureReason::NotAnImage, message)
        })?;
        let (host, path) = (named.domain(), named.path());
        let reference = named.digest().or(named.effective_tag()).unwrap_or_default();
        let mirror = self.options.mirrors.get(host).map(String::as_str);
        let all = async {
            if let Some(mirror) = mirror {
                let repository = Repository {
                    host: mirror,
                    path: &path,
                    logins,
                };
                if let Ok(found) = self.question(repository, reference, platform).await {
                    return Ok(found);
                }
            }
            let repository = Repository {
                host,
                path: &path,
                logins,
            };
            self.question(repository, reference, platform).await
        };
        let deadline = self.options.deadline;
        let answer = tokio::time::timeout(deadline, all).await;
        answer.unwrap_or_else(|_| {
            let what = format!("no answer within {} s", deadline.as_secs());
            Err(fail(host, FailureReason::Unreachable, &what))
        })
    }

    async fn question(
        &self,
        repository: Repository<'_>,
        reference: &str,
        platform: Option<&ImagePlatform>,
    ) -> Result<ImageRecord, RegistryFailure> {
        match platform {
            Some(platform) => self.describe(repository, reference, platform).await,
            None => {
                let digest = self.head(repository, reference).await?;
                Ok(ImageRecord::new(&digest))
            }
        }
    }

    async fn head(
        &self,
        repository: Repository<'_>,
        reference: &str,
    ) -> Result<String, RegistryFailure> {
        let resource = repository.manifest(reference);
        let head = self
            .transport
            .get(Method::HEAD, resource, repository.logins);
        match digest_header(&head.await?) {
            Some(digest) => Ok(digest),
            // Older registries have no such header.
            None => Ok(self.fetch(resource, repository).await?.digest),
        }
    }

    async fn describe(
        &self,
        repository: Repository<'_>,
        reference: &str,
        platform: &ImagePlatform,
    ) -> Result<ImageRecord, RegistryFailure> {
        let fetched = self
            .fetch(repository.manifest(reference), repository)
            .await?;
        let mut record = ImageRecord::new(&fetched.digest);
        match fetched.read(repository)? {
            Document::Manifest(manifest) => {
                let config = manifest.config().digest().to_string();
                let found = self.config(repository, &config).await?;
                if platform.choose([&found]).is_some() {
                    record.bytes = Some(document::bytes(&manifest));
                }
                record.platforms = Some(vec![PlatformImage::new(found, &fetched.digest)]);
            }
            Document::Index(index) => {
                let mut platforms = Vec::new();
                let mut unnamed = 0;
                for (named, digest) in document::images(&index) {
                    let found = match named {
                        Some(named) => named,
                        None if unnamed < MAX_UNNAMED => {
                            unnamed += 1;
                            self.platform(repository, &digest).await?
                        }
                        None => continue,
                    };
                    platforms.push(PlatformImage::new(found, &digest));
                }
                let chosen = platform.choose(platforms.iter().map(|one| &one.platform));
                if let Some(chosen) = chosen.and_then(|chosen| platforms.get(chosen)) {
                    let fetched = self
                        .fetch_named(repository.manifest(&chosen.digest), repository)
                        .await?;
                    if let Document::Manifest(manifest) = fetched.read(repository)? {
                        record.bytes = Some(document::bytes(&manifest));
                    }
                }
                record.platforms = Some(platforms);
            }
        }
        Ok(record)
    }

    /// Returns the platform of a manifest that an index does not name it for.
    async fn platform(
        &self,
        repository: Repository<'_>,
        digest: &str,
    ) -> Result<ImagePlatform, RegistryFailure> {
        let fetched = self
            .fetch_named(repository.manifest(digest), repository)
            .await?;
        match fetched.read(repository)? {
            Document::Manifest(manifest) => {
                let config = manifest.config().digest().to_string();
                self.config(repository, &config).await
            }
            Document::Index(_) => Err(fail(
                repository.host,
                FailureReason::NotAnImage,
                "an index within an index",
            )),
        }
    }

    /// Returns the platform of a configuration.
    async fn config(
        &self,
        repository: Repository<'_>,
        digest: &str,
    ) -> Result<ImagePlatform, RegistryFailure> {
        let resource = Resource {
            what: "blobs",
            accept: "*/*",
            ..repository.manifest(digest)
        };
        let fetched = self.fetch_named(resource, repository).await?;
        document::platform_of_config(&fetched.body).map_err(|error| at(repository.host, &error))
    }

    /// Gets a document that another one of this repository names by its digest. It is asked for once: who may read the other
    /// one may read it.
    async fn fetch_named(
        &self,
        resource: Resource<'_>,
        repository: Repository<'_>,
    ) -> Result<Fetched, RegistryFailure> {
        let key = repository.key(resource.reference);
        let kept = {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.documents.get(&key).cloned()
        };
        match kept {
            Some((body, content_type)) => Ok(Fetched {
                digest: resource.reference.to_owned(),
                body,
                content_type,
            }),
            None => self.fetch(resource, repository).await,
        }
    }

    /// Gets a document and checks its digest. It is always asked for, so that the login is tried.
    async fn fetch(
        &self,
        resource: Resource<'_>,
        repository: Repository<'_>,
    ) -> Result<Fetched, RegistryFailure> {
        let by_digest = document::is_digest(resource.reference);
        let answer = self.transport.get(Method::GET, resource, repository.logins);
        let answer = answer.await?;
        let said = if by_digest {
            Some(resource.reference.to_owned())
        } else {
            digest_header(&answer)
        };
        if let Some(digest) = &said
            && document::verify(digest, &answer.body) == Some(false)
        {
            return Err(fail(
                resource.host,
                FailureReason::Unreachable,
                "answered with a document that does not have its digest",
            ));
        }
        let content_type = answer.headers.get(CONTENT_TYPE);
        let content_type = content_type.and_then(|header| header.to_str().ok());
        let fetched = Fetched {
            digest: said.unwrap_or_else(|| document::sha256(&answer.body)),
            content_type: content_type.map(str::to_owned),
            body: answer.body,
        };
        self.keep(repository.key(&fetched.digest), &fetched);
        Ok(fetched)
    }

    fn keep(&self, key: String, fetched: &Fetched) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = kept.bytes.saturating_add(fetched.body.len());
        if bytes <= MAX_KEPT {
            let document = (fetched.body.clone(), fetched.content_type.clone());
            if kept.documents.insert(key, document).is_none() {
                kept.bytes = bytes;
            }
        }
    }
}

impl<'a> Repository<'a> {
    /// Returns the name of a document of this repository.
    fn key(self, digest: &str) -> String {
        format!("{}/{}@{digest}", self.host, self.path)
    }

    fn manifest(self, reference: &'a str) -> Resource<'a> {
        Resource {
            host: self.host,
            repository: self.path,
            what: "manifests",
            reference,
            accept: ACCEPT,
        }
    }
}

impl Fetched {
    fn read(&self, repository: Repository<'_>) -> Result<Document, RegistryFailure> {
        let read = Document::read(&self.body, self.content_type.as_deref());
        read.map_err(|error| at(repository.host, &error))
    }
}

/// Returns a failure with the host before its message.
fn at(host: &str, failure: &RegistryFailure) -> RegistryFailure {
    fail(host, failure.reason, &failure.message)
}

/// Returns the digest that a response names.
fn digest_header(answer: &Answer) -> Option<String> {
    let digest = answer.headers.get(DIGEST_HEADER)?.to_str().ok()?;
    document::is_digest(digest).then(|| digest.to_owned())
}
