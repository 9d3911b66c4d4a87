//! Roles: assumed with another credential, or with a token of an OpenID provider.

use http_body_util::Full;
use hyper::body::Bytes;
use imagecache::eci::Secret;
use imagecache::eci::error::ErrorReply;
use imagecache::eci::params::Params;
use imagecache::eci::signature::{ApiCall, Credential, Scheme};
use serde::Deserialize;

use super::{Ask, Issued, MAX_BYTES, TIME, Temporary, parse, read_file};
use crate::USER_AGENT;
use crate::endpoint::Endpoint;
use crate::redact::{MAX_MESSAGE, Redaction, Redactor};

const VERSION: &str = "2015-04-01";
/// Lifetime of an assumed role, in seconds. The service refuses less than 900.
const DURATION: &str = "3600";
/// The default name of a session.
const SESSION: &str = "imagecache";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Reply {
    credentials: Temporary,
}

/// A role, and the token that proves who may have it.
pub(super) struct Oidc<'a> {
    pub(super) role_arn: &'a str,
    pub(super) provider_arn: &'a str,
    pub(super) token_file: &'a str,
    pub(super) session: Option<&'a str>,
}

impl Ask<'_> {
    pub(super) async fn oidc_of_environment(&self) -> Result<Issued, String> {
        let oidc = Oidc {
            role_arn: self.setting.need("ALIBABA_CLOUD_ROLE_ARN")?,
            provider_arn: self.setting.need("ALIBABA_CLOUD_OIDC_PROVIDER_ARN")?,
            token_file: self.setting.need("ALIBABA_CLOUD_OIDC_TOKEN_FILE")?,
            session: self.setting.get("ALIBABA_CLOUD_ROLE_SESSION_NAME"),
        };
        self.oidc(&oidc).await
    }

    /// Trades the token in a file for a role. The file is read every time: Kubernetes writes a new token before the
    /// old one ends.
    pub(super) async fn oidc(&self, oidc: &Oidc<'_>) -> Result<Issued, String> {
        let token = String::from_utf8(read_file(oidc.token_file.as_ref())?);
        let token = token.map_err(|_| format!("{}: no text", oidc.token_file))?;
        let params = Params::from_iter([
            ("Action", "AssumeRoleWithOIDC"),
            ("Version", VERSION),
            ("Format", "JSON"),
            ("RoleArn", oidc.role_arn),
            ("OIDCProviderArn", oidc.provider_arn),
            ("OIDCToken", token.trim()),
            ("RoleSessionName", oidc.session.unwrap_or(SESSION)),
            ("DurationSeconds", DURATION),
            ("Timestamp", &self.environment.now().to_string()),
            (
                "SignatureNonce",
                &format!("{:032x}", self.environment.random()),
            ),
        ]);
        let request = hyper::Request::post(format!("{}/", self.sts_endpoint()))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .header("user-agent", USER_AGENT)
            .body(Full::new(Bytes::from(params.canonical())))
            .map_err(|error| error.to_string())?;
        let sent = Redactor::default().of([Secret::from(token.trim())]);
        self.assumed(request, "oidc_role_arn", &sent).await
    }

    /// Assumes a role with another credential.
    pub(super) async fn role(
        &self,
        source: &Credential,
        role_arn: &str,
        session: Option<&str>,
    ) -> Result<Issued, String> {
        let params = Params::from_iter([
            ("RoleArn", role_arn),
            ("RoleSessionName", session.unwrap_or(SESSION)),
            ("DurationSeconds", DURATION),
        ]);
        let endpoint = self.sts_endpoint();
        let call = ApiCall {
            action: "AssumeRole",
            version: VERSION,
            params: &params,
            host: endpoint.authority(),
            user_agent: USER_AGENT,
            date: self.environment.now(),
            nonce: &format!("{:032x}", self.environment.random()),
        };
        let request = endpoint.request(&call.sign(Scheme::V3, source))?;
        let sent = Redactor::default().of_call(&params, source);
        self.assumed(request, "ram_role_arn", &sent).await
    }

    async fn assumed(
        &self,
        request: hyper::Request<Full<Bytes>>,
        provider: &'static str,
        sent: &Redaction,
    ) -> Result<Issued, String> {
        let sts = self.sts_endpoint();
        let answer = self.http.send(request, MAX_BYTES, TIME).await;
        let answer = answer
            .map_err(|lost| format!("{sts}: {}", sent.text(&lost.to_string(), MAX_MESSAGE)))?;
        if answer.status != 200 {
            return Err(match ErrorReply::read(&answer.body) {
                Some(reply) => format!("{sts}: {}", sent.error(reply)),
                None => format!("{sts}: HTTP status {}", answer.status),
            });
        }
        let reply: Reply = parse(&answer.body, "the answer of the token service")?;
        Ok(reply.credentials.issued(provider))
    }

    fn sts_endpoint(&self) -> Endpoint {
        if let Some(sts) = &self.setting.sts {
            return sts.clone();
        }
        let vpc = self.setting.is_true("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED");
        let service = if vpc { "sts-vpc" } else { "sts" };
        // an invalid region could lead to another domain
        let region = self.setting.get("ALIBABA_CLOUD_STS_REGION");
        let region =
            region.filter(|region| Endpoint::of_region(region, Default::default()).is_ok());
        Endpoint::of_host(match region {
            Some(region) => format!("{service}.{region}.aliyuncs.com"),
            None => "sts.aliyuncs.com".to_owned(),
        })
    }
}
