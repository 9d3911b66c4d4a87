//! Endpoint and credentials.

use std::future::Future;

use anyhow::Context as _;
use clap::ValueEnum;
use imagecache::eci::region::Network;
use imagecache::eci::request::Request;
use imagecache::eci::signature::{Credential, Scheme};
use imagecache::foreign::Foreign;
use imagecache_eci::{Client, Config, Credentials, Endpoint, Error, ProcessEnvironment};

use crate::console::{self, Console, UNWRITABLE};
use crate::usage::usage_error;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Endpoint and credentials")]
pub(crate) struct Connection {
    /// Region [default: ALIBABA_CLOUD_REGION_ID, or the region of the profile]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    #[command(flatten)]
    access: Access,
}

/// A [`Connection`] without the region, for verbs that have an option of this name.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Endpoint and credentials")]
pub(crate) struct Access {
    /// Endpoint instead of the region's; http:// only for loopback addresses
    #[arg(long, value_name = "URL", conflicts_with = "vpc")]
    endpoint: Option<Endpoint>,
    /// Use the VPC endpoint of the region
    #[arg(long)]
    vpc: bool,
    /// Profile of the aliyun CLI, or section of the ini file, for key and region
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Signature version
    #[arg(long, value_name = "VERSION", default_value = "v3")]
    signature: Signature,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Signature {
    /// HMAC-SHA1
    V1,
    /// ACS3-HMAC-SHA256
    V3,
}

/// A client and the region it asks for.
pub(crate) struct Cloud {
    pub(crate) client: Client,
    pub(crate) region: String,
}

impl Access {
    /// Returns the options that are given, by name.
    pub(crate) fn given(&self) -> impl Iterator<Item = &'static str> {
        let given = [
            (self.endpoint.is_some(), "--endpoint"),
            (self.vpc, "--vpc"),
            (self.profile.is_some(), "--profile"),
        ];
        given
            .into_iter()
            .filter(|(given, _)| *given)
            .map(|(_, name)| name)
    }

    /// Returns a client of the region; the default is that of the environment or the profile.
    pub(crate) fn cloud(&self, region: Option<&str>) -> anyhow::Result<Cloud> {
        let setting = ProcessEnvironment::of_process();
        let credentials = match &self.profile {
            Some(profile) => Credentials::profile(profile, setting.clone()),
            None => Credentials::chain(setting.clone()),
        };
        self.with(region, credentials, &setting)
    }

    fn with(
        &self,
        region: Option<&str>,
        credentials: Credentials,
        setting: &ProcessEnvironment,
    ) -> anyhow::Result<Cloud> {
        let named = region.map(str::to_owned);
        let region = named.or_else(|| setting.region(self.profile.as_deref()));
        let region =
            region.ok_or_else(|| usage_error("--region: required, such as cn-hangzhou"))?;
        let network = if self.vpc {
            Network::Vpc
        } else {
            Network::Public
        };
        let endpoint = match &self.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => Endpoint::of_region(&region, network).map_err(usage_error)?,
        };
        let mut config = Config::new(endpoint);
        config.scheme = match self.signature {
            Signature::V1 => Scheme::V1,
            Signature::V3 => Scheme::V3,
        };
        let client = Client::new(config, credentials)?;
        Ok(Cloud { client, region })
    }
}

impl Connection {
    pub(crate) fn cloud(&self) -> anyhow::Result<Cloud> {
        self.access.cloud(self.region.as_deref())
    }

    /// Prints the request of a call instead of sending it. Without a key it is signed with none, so that manifests can
    /// be tried anywhere.
    pub(crate) async fn show<R: Request>(
        &self,
        cloud: &Cloud,
        call: &R,
        console: &mut Console,
    ) -> anyhow::Result<()> {
        let prepared = match cloud.client.prepare(call).await {
            Err(Error::Credentials(error)) => {
                console::note(&format!("signed without a key: {error}"));
                let anonymous = Credentials::fixed(Credential {
                    access_key_id: "none".to_owned(),
                    access_key_secret: "".into(),
                    security_token: None,
                    provider: "none",
                });
                let setting = ProcessEnvironment::of_process();
                let cloud = self
                    .access
                    .with(self.region.as_deref(), anonymous, &setting)?;
                cloud.client.prepare(call).await?
            }
            other => other?,
        };
        let (endpoint, text) = (cloud.client.endpoint(), prepared.to_string());
        console
            .document(&format!("# {endpoint}\n{}\n", Foreign(&text).lines()))
            .context(UNWRITABLE)
    }
}

/// Runs the one asynchronous task of a verb.
pub(crate) fn block_on<T>(task: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(task)
}
