//! How a command that runs long is asked to end.

use std::future::Future;
use std::io;
use std::pin::pin;

use anyhow::Context as _;
use futures_util::future::select;
use tokio_util::sync::CancellationToken;

/// What a shell expects of a program that a second Ctrl-C has ended.
const INTERRUPTED: i32 = 130;

/// A token that Ctrl-C and SIGTERM cancel. The first one asks for a clean end; a second one does not wait for it.
///
/// To be called inside a tokio runtime, once in a process.
///
/// # Errors
/// When the system gives no signals.
pub(crate) fn stop() -> anyhow::Result<CancellationToken> {
    let mut signals = Signals::new().context("cannot listen for Ctrl-C")?;
    let stop = CancellationToken::new();
    let asked = stop.clone();
    tokio::spawn(async move {
        signals.next().await;
        asked.cancel();
        signals.next().await;
        std::process::exit(INTERRUPTED);
    });
    Ok(stop)
}

/// The signal for a write beyond the file size limit (`ulimit -f`), on every Linux but those of MIPS.
#[cfg(target_os = "linux")]
const SIGXFSZ: i32 = 25;

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        // A write beyond the file size limit becomes an error of that write, and does not end the process.
        #[cfg(target_os = "linux")]
        let _ = signal(SignalKind::from_raw(SIGXFSZ));
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    fn next(&mut self) -> impl Future<Output = ()> {
        let Signals {
            interrupt,
            terminate,
        } = self;
        async move {
            select(pin!(interrupt.recv()), pin!(terminate.recv())).await;
        }
    }
}

#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn new() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Signals)
    }

    async fn next(&mut self) {
        self.0.recv().await;
    }
}
