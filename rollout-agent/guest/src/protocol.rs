//! What host and guest say to each other. The host validates every reply; see `guest-protocol.ts`.

use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(
    clippy::struct_field_names,
    reason = "they are all maxima, and named as on the host"
)]
pub struct Limits {
    pub memory_bytes_max: u64,
    pub disk_bytes_max: u64,
    pub processes_max: u64,
    pub files_max: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exec {
    pub timeout_ms: u64,
    pub output_bytes_max: usize,
    pub output_bytes_kill: u64,
    /// The payload is the script and then this many bytes of standard input.
    #[serde(default)]
    pub input_bytes: usize,
    /// Whether output is sent as it comes, beside the reply.
    #[serde(default)]
    pub streams: bool,
    /// The command works at a terminal of this size; its input is typed there.
    #[serde(default)]
    pub terminal: Option<TerminalSize>,
}

#[derive(Deserialize)]
pub struct TerminalSize {
    pub columns: u16,
    pub rows: u16,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
pub enum TerminalSignal {
    Interrupt,
    Quit,
    Suspend,
    Continue,
    Hangup,
    Terminate,
    Kill,
}

/// At the terminal of the command that runs; none has a reply of its own.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub enum Typing {
    /// The payload is typed.
    Type,
    Resize(TerminalSize),
    /// To the processes in the foreground.
    Signal {
        name: TerminalSignal,
    },
}

/// About a connection; none has a reply of its own.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub enum Tunnel {
    Connect {
        connection: u64,
        port: u16,
    },
    Data {
        connection: u64,
    },
    /// The host sends no more.
    Finish {
        connection: u64,
    },
    Disconnect {
        connection: u64,
    },
    Grant {
        connection: u64,
        bytes: u64,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refresh {
    pub now_ms: u64,
    pub entropy: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Operation {
    /// Builds the world; the first request and only once.
    Init {
        limits: Limits,
        environment: Vec<(String, String)>,
        files: Vec<(String, String)>,
        /// For a machine that may have been asleep, with 32 bytes that no other copy of it gets.
        #[serde(default)]
        refresh: Option<Refresh>,
        /// Where commands find the host's egress proxy, at the loopback address; None without one.
        #[serde(default)]
        egress_port: Option<u16>,
        /// Whether packets to other addresses are lost without a word; else they are refused at once.
        #[serde(default)]
        is_network_silent: bool,
    },
    Exec(Exec),
    /// Ends a running `exec`; has no reply of its own.
    Cancel,
    State,
    Entries,
    WriteFile {
        path: String,
    },
    ReadFile {
        path: String,
        bytes_max: u64,
    },
    Snapshot {
        bytes_max: u64,
    },
    Restore,
    #[serde(untagged)]
    Tunnel(Tunnel),
    #[serde(untagged)]
    Typing(Typing),
}

#[derive(Deserialize)]
pub struct Request {
    pub id: u64,
    #[serde(flatten)]
    pub operation: Operation,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Killed {
    Timeout,
    Output,
    Memory,
    Processes,
    Signal,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecReply {
    pub exit_code: Option<i32>,
    pub killed: Option<Killed>,
    /// Bytes of the payload that stand before the cut; the rest is the tail.
    pub head_bytes: usize,
    pub output_bytes: u64,
    pub working_directory: String,
    pub duration_ms: f64,
}

#[derive(Serialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    Created,
    Modified,
    Removed,
}

#[derive(Serialize)]
pub struct Effect {
    pub change: Change,
    pub path: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StateReply {
    pub state_hash: String,
    pub files_hash: String,
    pub working_directory: String,
    pub effects: Vec<Effect>,
    pub effects_omitted: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotReply {
    pub too_large: bool,
}

#[derive(Serialize)]
pub struct Done {}

/// Why a request could not be served. The host maps each to an error of its own.
#[derive(Serialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum FaultCode {
    Full,
    TooLarge,
    Invalid,
    /// This sandbox cannot do it, though it is well.
    Unavailable,
    Failed,
}

#[derive(Debug)]
pub struct Fault {
    pub code: FaultCode,
    pub message: String,
}

impl Fault {
    pub fn new(code: FaultCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    pub fn at(place: &str, error: &std::io::Error) -> Self {
        let code = match error.raw_os_error() {
            Some(libc::ENOSPC | libc::EDQUOT | libc::EFBIG) => FaultCode::Full,
            Some(
                libc::ENOENT
                | libc::ENOTDIR
                | libc::EXDEV
                | libc::ELOOP
                | libc::EISDIR
                | libc::ENAMETOOLONG,
            ) => FaultCode::Invalid,
            _ => FaultCode::Failed,
        };
        Self::new(code, format!("{place}: {error}"))
    }
}

#[derive(Serialize)]
pub struct Reply<T: Serialize> {
    pub id: u64,
    pub ok: Option<T>,
    pub fault: Option<FaultBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<Event>,
}

/// What is said without having been asked.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Event {
    /// The payload was printed by the command that runs.
    Output,
    /// The terminal has taken so much of what was typed.
    Typed {
        bytes: usize,
    },
    Opened {
        connection: u64,
    },
    /// Something inside has connected to the egress port.
    Incoming {
        connection: u64,
    },
    Refused {
        connection: u64,
        reason: String,
    },
    Data {
        connection: u64,
    },
    Grant {
        connection: u64,
        bytes: u64,
    },
    /// Nothing more comes from inside.
    End {
        connection: u64,
    },
}

#[derive(Serialize)]
pub struct FaultBody {
    pub code: FaultCode,
    pub message: String,
}
