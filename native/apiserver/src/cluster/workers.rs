//! Threads for what one request computes: patches, admission, validation.
//!
//! They have large stacks, because validation recurses, and there are more of them than processors, so that a request
//! that computes long does not hold up the others.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::api::ApiError;

/// The stack of a thread, in bytes. Only what is used of it is allocated.
const STACK: usize = 64 << 20;

/// A pool of threads.
pub(super) struct Workers(Option<Runtime>);

impl Workers {
    /// Makes a pool; its threads start when they are needed.
    pub(super) fn new() -> std::io::Result<Self> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let runtime = Builder::new_current_thread()
            .thread_name("request")
            .thread_stack_size(STACK)
            .max_blocking_threads(4 * processors.max(2))
            .build()?;
        Ok(Workers(Some(runtime)))
    }

    /// Computes on a thread of the pool.
    ///
    /// # Errors
    /// 504 if it takes longer than `time`, and 500 if it panics.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        time: Duration,
        compute: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let broken = || ApiError::internal("the request could not be processed");
        let runtime = self.0.as_ref().ok_or_else(broken)?;
        let computed = tokio::time::timeout(time, runtime.spawn_blocking(compute)).await;
        computed
            .map_err(|_| ApiError::too_slow(time))?
            .map_err(|_| broken())?
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // waiting is not allowed on the threads of another runtime
            runtime.shutdown_background();
        }
    }
}
