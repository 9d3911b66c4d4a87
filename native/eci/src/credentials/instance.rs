//! The role of the instance that this runs on, from the instance's own metadata (version 2, else version 1).

use std::time::Duration;

use http_body_util::Full;
use hyper::{Method, Request};

use super::{Ask, Issued, MAX_BYTES, read_answer};
use imagecache_http::client::Answer;

/// Outside an instance this address does not respond, so the time is short.
const TIME: Duration = Duration::from_secs(1);
const TOKEN: &str = "/latest/api/token";
const ROLES: &str = "/latest/meta-data/ram/security-credentials/";
/// How long the token for reading metadata holds, in seconds.
const TOKEN_LIFE: &str = "21600";

impl Ask<'_> {
    pub(super) async fn instance_of_environment(&self) -> Result<Issued, String> {
        let role = self.setting.get("ALIBABA_CLOUD_ECS_METADATA");
        self.instance(role).await
    }

    /// The credential of this role, or of the one that the instance has.
    pub(super) async fn instance(&self, role: Option<&str>) -> Result<Issued, String> {
        if self.setting.is_true("ALIBABA_CLOUD_ECS_METADATA_DISABLED") {
            return Err("ALIBABA_CLOUD_ECS_METADATA_DISABLED is true".to_owned());
        }
        let token = self.metadata_token().await?;
        let get = async |path: String| {
            let answer = self.metadata(Method::GET, &path, token.as_deref()).await?;
            success(answer, &path)
        };
        let role = match role {
            Some(role) => role.to_owned(),
            None => {
                let roles = text(get(ROLES.to_owned()).await?)?;
                let role = roles.lines().next().map(str::trim).unwrap_or_default();
                if role.is_empty() {
                    return Err("the instance has no role".to_owned());
                }
                role.to_owned()
            }
        };
        let path = format!("{ROLES}{}", imagecache::eci::encoding::encode(&role));
        read_answer(&get(path).await?, "ecs_ram_role")
    }

    /// The token of version 2. `None` is version 1: version 2 was refused, and version 1 is not forbidden.
    async fn metadata_token(&self) -> Result<Option<String>, String> {
        let answer = self.metadata(Method::PUT, TOKEN, None).await?;
        let v1 = !self.setting.is_true("ALIBABA_CLOUD_IMDSV1_DISABLED");
        if answer.status != 200 && v1 {
            return Ok(None);
        }
        let token = text(success(answer, TOKEN)?)?;
        Ok(Some(token.trim().to_owned()))
    }

    async fn metadata(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
    ) -> Result<Answer, String> {
        let instance = &self.setting.instance;
        let uri = format!("{instance}{path}");
        let mut request = Request::builder().method(&method).uri(uri);
        if method == Method::PUT {
            request = request.header("x-aliyun-ecs-metadata-token-ttl-seconds", TOKEN_LIFE);
        }
        if let Some(token) = token {
            request = request.header("x-aliyun-ecs-metadata-token", token);
        }
        let request = request.body(Full::default());
        let request = request.map_err(|error| format!("{instance}: {error}"))?;
        let answer = self.http.send(request, MAX_BYTES, TIME).await;
        answer.map_err(|lost| format!("{instance}: {lost}"))
    }
}

fn success(answer: Answer, path: &str) -> Result<Vec<u8>, String> {
    match answer.status {
        200 => Ok(answer.body.into()),
        status => Err(format!("{path}: HTTP status {status}")),
    }
}

fn text(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|_| "the metadata is not UTF-8".to_owned())
}
