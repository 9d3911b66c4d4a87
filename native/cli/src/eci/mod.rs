//! `imagecache eci`: manages image caches through the ECI API, real or simulated.

pub(crate) mod connection;
mod create;
mod delete;
mod get;
mod list;
pub(crate) mod manifests;
pub(crate) mod show;
mod simulate;
mod target;
mod update;
mod usage;
mod watch;

use clap::Subcommand;

use crate::console::Console;
use crate::exit::Exit;

const EXAMPLES: &str = "\
Examples:
  imagecache eci create -f cache.yaml --watch
  imagecache eci list --match-image registry.example.com/demo/nginx:1.27
  imagecache eci get base
  imagecache eci usage --region cn-hangzhou
  imagecache eci simulate

Credentials are searched in this order:
  environment    ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET, ALIBABA_CLOUD_SECURITY_TOKEN
  OIDC (RRSA)    ALIBABA_CLOUD_ROLE_ARN, ALIBABA_CLOUD_OIDC_PROVIDER_ARN, ALIBABA_CLOUD_OIDC_TOKEN_FILE
  profile        ~/.aliyun/config.json of the aliyun command
  ini file       ~/.alibabacloud/credentials.ini
  instance       the role of the ECS instance
  URI            ALIBABA_CLOUD_CREDENTIALS_URI

HTTPS_PROXY and NO_PROXY are honoured for https; the connection to the proxy is plain http.

Exit codes:
  0  done
  1  a cache failed, or a manifest has errors
  2  usage error
  3  an input could not be read, or ECI refused the request";

/// Manage image caches through the ECI API, or run the simulator
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Eci {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Create(create::Create),
    List(list::List),
    Get(get::Get),
    Update(update::Update),
    Delete(delete::Delete),
    Usage(usage::Usage),
    Simulate(simulate::Simulate),
}

impl Eci {
    pub(crate) fn run(&self, console: &mut Console) -> anyhow::Result<Exit> {
        match &self.verb {
            Verb::Create(verb) => verb.run(console),
            Verb::List(verb) => verb.run(console),
            Verb::Get(verb) => verb.run(console),
            Verb::Update(verb) => verb.run(console),
            Verb::Delete(verb) => verb.run(console),
            Verb::Usage(verb) => verb.run(console),
            Verb::Simulate(verb) => verb.run(console),
        }
    }
}
