//! Paths that differ between two runs of the same commands without anybody meaning it. They are no part of the state
//! or of a snapshot.

/// Below the home directory: histories, logs and caches that programs rebuild.
const HOME_PATHS: &[&[u8]] = &[
    b"/home/agent/.cache",
    b"/home/agent/.npm",
    b"/home/agent/.config/configstore",
    b"/home/agent/.bash_history",
    b"/home/agent/.python_history",
    b"/home/agent/.node_repl_history",
    b"/home/agent/.lesshst",
    b"/home/agent/.viminfo",
    b"/home/agent/.wget-hsts",
];

/// Anywhere: byte code holds the time of its source.
const NAMES: &[&[u8]] = &[b"__pycache__"];

pub fn is_volatile(path: &[u8], name: &[u8]) -> bool {
    NAMES.contains(&name) || HOME_PATHS.contains(&path)
}
