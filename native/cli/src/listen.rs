//! What the servers without authentication have in common: their address, and the names under which they answer.

use std::io::ErrorKind;
use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use imagecache_http::Authority;
use tokio::net::TcpListener;

use crate::console;

/// The names of a server.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Names {
    /// Answer requests for this host too, besides localhost and addresses; repeatable
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) allow_host: Vec<Authority>,
}

/// Binds an address.
///
/// # Errors
/// Returns an error that says how to go on if the address is in use.
pub(crate) async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            bail!("{address}: address in use; choose another address with --listen")
        }
        Err(error) => Err(error).with_context(|| format!("cannot listen on {address}")),
    }
}

/// Warns if a server can be reached from other machines; `risk` says what that means.
pub(crate) fn warn_if_wide(address: SocketAddr, risk: &str) {
    if !address.ip().is_loopback() {
        console::note(&format!(
            "warning: {address} is open to the network, {risk}"
        ));
    }
}
