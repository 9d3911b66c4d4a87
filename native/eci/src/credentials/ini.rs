//! Sections of an ini file: `~/.alibabacloud/credentials.ini`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use imagecache::eci::Secret;

use super::sts::Oidc;
use super::{Ask, Issued, read_file, static_key};

/// The types of a section that are supported.
const TYPES: &str = "access_key, sts, ram_role_arn, oidc_role_arn, ecs_ram_role";

impl Ask<'_> {
    pub(super) async fn ini(&self, name: Option<&str>) -> Result<Issued, String> {
        let path = match self.setting.get("ALIBABA_CLOUD_CREDENTIALS_FILE") {
            Some(path) => PathBuf::from(path),
            None => self.setting.in_home(".alibabacloud/credentials.ini")?,
        };
        let shown = path.display();
        let text = String::from_utf8(read_file(&path)?);
        let text = text.map_err(|_| format!("{shown}: no text"))?;
        let name = name
            .or_else(|| self.setting.get("ALIBABA_CLOUD_PROFILE"))
            .unwrap_or("default");
        let fields = section(&text, name).ok_or_else(|| format!("{shown}: no section [{name}]"))?;
        let issued = self.section(&fields).await;
        issued.map_err(|reason| format!("{shown}, section [{name}]: {reason}"))
    }

    async fn section(&self, fields: &BTreeMap<&str, &str>) -> Result<Issued, String> {
        let get = |name: &str| fields.get(name).copied().filter(|value| !value.is_empty());
        let need = |name: &str| get(name).ok_or_else(|| format!("it has no {name}"));
        if get("enable").is_some_and(|enable| enable.eq_ignore_ascii_case("false")) {
            return Err("it is not enabled".to_owned());
        }
        let key = || -> Result<Issued, String> {
            let secret = need("access_key_secret")?.into();
            let token = get("security_token").map(Secret::from);
            Ok(static_key(need("access_key_id")?, secret, token))
        };
        let session = get("role_session_name");
        match need("type")? {
            "access_key" | "sts" => key(),
            "ram_role_arn" => {
                self.role(&key()?.credential, need("role_arn")?, session)
                    .await
            }
            "oidc_role_arn" => {
                let oidc = Oidc {
                    role_arn: need("role_arn")?,
                    provider_arn: need("oidc_provider_arn")?,
                    token_file: need("oidc_token_file_path")?,
                    session,
                };
                self.oidc(&oidc).await
            }
            "ecs_ram_role" => self.instance(get("role_name")).await,
            // not shown: a key may have been put there
            _ => Err(format!(
                "its type is not supported, expected one of {TYPES}"
            )),
        }
    }
}

/// The fields of one section. Comments begin with `;` or `#`; lines before the first section are ignored.
fn section<'a>(text: &'a str, name: &str) -> Option<BTreeMap<&'a str, &'a str>> {
    let mut found: Option<BTreeMap<&str, &str>> = None;
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        let title = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        if line.starts_with([';', '#']) {
            continue;
        } else if let Some(title) = title {
            inside = title.trim() == name;
            if inside {
                found.get_or_insert_default();
            }
        } else if let (true, Some((key, value))) = (inside, line.split_once('=')) {
            let fields = found.get_or_insert_default();
            fields.insert(key.trim(), value.trim());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ini_section_ends_at_the_next_title() {
        let text = "stray = 1\n; comment\n[default]\ntype = access_key\r\n access_key_id=a=b \n# x = 1\n\n[other]\ntype=x\n[ default ]\nlate = 2";
        let fields = section(text, "default").unwrap();
        assert_eq!(
            fields.into_iter().collect::<Vec<_>>(),
            [
                ("access_key_id", "a=b"),
                ("late", "2"),
                ("type", "access_key")
            ]
        );
        assert_eq!(section(text, "none"), None);
        assert_eq!(section("[empty]", "empty").unwrap().len(), 0);
    }
}
