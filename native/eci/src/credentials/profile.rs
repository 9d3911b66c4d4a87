//! Profiles of the `aliyun` command: `~/.aliyun/config.json`.

use std::future::Future;
use std::pin::Pin;

use imagecache::eci::Secret;
use serde::Deserialize;

use super::sts::Oidc;
use super::{Ask, Issued, ProcessEnvironment, parse, read_file, static_key};

/// Longest chain of profiles that assume roles from one another.
const MAX_CHAIN: u8 = 5;
/// The modes of the aliyun command that are not supported here.
const UNSUPPORTED: [&str; 6] = [
    "CloudSSO",
    "CredentialsURI",
    "External",
    "OAuth",
    "RamRoleArnWithEcs",
    "RsaKeyPair",
];
/// The modes that are supported.
const MODES: &str = "AK, StsToken, RamRoleArn, ChainableRamRoleArn, EcsRamRole, OIDC";

#[derive(Deserialize)]
struct File {
    current: Option<String>,
    #[serde(default)]
    profiles: Vec<Profile>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Profile {
    name: String,
    mode: String,
    access_key_id: String,
    access_key_secret: Secret,
    sts_token: Secret,
    region_id: String,
    ram_role_name: String,
    ram_role_arn: String,
    ram_session_name: String,
    source_profile: String,
    oidc_provider_arn: String,
    oidc_token_file: String,
}

impl ProcessEnvironment {
    /// Returns the region of `ALIBABA_CLOUD_REGION_ID`, or else of a profile of the aliyun command.
    #[must_use]
    pub fn region(&self, profile: Option<&str>) -> Option<String> {
        if let Some(region) = self.get("ALIBABA_CLOUD_REGION_ID") {
            return Some(region.to_owned());
        }
        let file = File::read(self).ok()?;
        let region = &file.find(self, profile).ok()?.region_id;
        (!region.is_empty()).then(|| region.clone())
    }
}

impl File {
    fn read(setting: &ProcessEnvironment) -> Result<Self, String> {
        if setting.is_true("ALIBABA_CLOUD_CLI_PROFILE_DISABLED") {
            return Err("ALIBABA_CLOUD_CLI_PROFILE_DISABLED is true".to_owned());
        }
        let path = setting.in_home(".aliyun/config.json")?;
        parse(&read_file(&path)?, &path.display().to_string())
    }

    fn find(&self, setting: &ProcessEnvironment, name: Option<&str>) -> Result<&Profile, String> {
        let name = name
            .or_else(|| setting.get("ALIBABA_CLOUD_PROFILE"))
            .or(self.current.as_deref())
            .unwrap_or("default");
        let mut profiles = self.profiles.iter();
        let found = profiles.find(|profile| profile.name == name);
        found.ok_or_else(|| format!("no profile `{name}`"))
    }
}

/// What a profile needs others for takes time, and a profile can need itself.
type Later<'a> = Pin<Box<dyn Future<Output = Result<Issued, String>> + Send + 'a>>;

impl Ask<'_> {
    pub(super) async fn cli_profile(&self, name: Option<&str>) -> Result<Issued, String> {
        let file = File::read(self.setting)?;
        let profile = file.find(self.setting, name)?;
        self.profile(&file, profile, MAX_CHAIN).await
    }

    fn profile<'a>(&'a self, file: &'a File, profile: &'a Profile, links: u8) -> Later<'a> {
        Box::pin(async move {
            let issued = self.mode(file, profile, links).await;
            issued.map_err(|reason| format!("profile `{}`: {reason}", profile.name))
        })
    }

    async fn mode(&self, file: &File, profile: &Profile, links: u8) -> Result<Issued, String> {
        match profile.mode.as_str() {
            "AK" => key(profile, None),
            "StsToken" => key(profile, Some(profile.sts_token.clone())),
            "RamRoleArn" => {
                let source = key(profile, Some(profile.sts_token.clone()))?;
                self.role_of(profile, &source).await
            }
            "ChainableRamRoleArn" => {
                let links = links.checked_sub(1).ok_or("too many profiles in a row")?;
                let source = file.find(self.setting, Some(&profile.source_profile))?;
                let source = self.profile(file, source, links).await?;
                self.role_of(profile, &source).await
            }
            "EcsRamRole" => self.instance(some(&profile.ram_role_name)).await,
            "OIDC" => {
                let oidc = Oidc {
                    role_arn: &profile.ram_role_arn,
                    provider_arn: &profile.oidc_provider_arn,
                    token_file: &profile.oidc_token_file,
                    session: some(&profile.ram_session_name),
                };
                self.oidc(&oidc).await
            }
            "" => Err("it has no mode".to_owned()),
            mode => Err(match UNSUPPORTED.iter().find(|known| **known == mode) {
                Some(known) => format!("its mode {known} is not supported here"),
                // not shown: a key may have been put there
                None => format!("its mode is unknown, expected one of {MODES}"),
            }),
        }
    }

    async fn role_of(&self, profile: &Profile, source: &Issued) -> Result<Issued, String> {
        let role = some(&profile.ram_role_arn).ok_or("it has no ram_role_arn")?;
        let session = some(&profile.ram_session_name);
        self.role(&source.credential, role, session).await
    }
}

fn key(profile: &Profile, token: Option<Secret>) -> Result<Issued, String> {
    let id = some(&profile.access_key_id).ok_or("it has no access_key_id")?;
    if profile.access_key_secret.is_empty() {
        return Err("it has no access_key_secret".to_owned());
    }
    Ok(static_key(id, profile.access_key_secret.clone(), token))
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
