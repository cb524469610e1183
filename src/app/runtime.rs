//! The async runtime. It must not know what runs on it.

use std::future::Future;

/// Runs `future` on a runtime of as many threads as there are cores, at most four: the work of a service is one task, its
/// writer a thread of its own.
///
/// # Errors
/// When the system refuses threads or descriptors.
pub fn block_on<T>(future: impl Future<Output = T>) -> std::io::Result<T> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.clamp(1, 4))
        .thread_name("ralphext")
        .enable_all()
        .build()?;
    let value = runtime.block_on(future);
    // A blocking read of standard input may never end; nothing else is left to wait for.
    runtime.shutdown_background();
    Ok(value)
}
