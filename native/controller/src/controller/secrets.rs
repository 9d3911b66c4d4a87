//! Reads the registry logins that ImageCaches name from secrets of the cluster. They are not kept.

use imagecache::eci::login;
use imagecache::reconcile::{SecretFault, SecretLogins};
use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;

use super::context::Host;
use super::messages;

impl Host {
    /// Reads the logins in secrets, each `namespace:name`.
    pub(super) async fn logins(&self, names: &[String]) -> Vec<SecretLogins> {
        let mut logins = Vec::with_capacity(names.len());
        for secret in names {
            let (namespace, name) = secret.split_once(':').unwrap_or(("default", secret));
            let api: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
            let found = match api.get_opt(name).await {
                Ok(Some(secret)) => serde_json::to_value(&secret)
                    .map_err(|_| {
                        SecretFault::Unreadable("it does not have the form of a secret".to_owned())
                    })
                    .and_then(|secret| login::logins(&secret).map_err(SecretFault::Bad)),
                Ok(None) => Err(SecretFault::Missing),
                Err(error) => Err(SecretFault::Unreadable(messages::of_cluster(
                    &error, "secrets",
                ))),
            };
            logins.push(SecretLogins {
                secret: secret.clone(),
                found,
            });
        }
        logins
    }
}
