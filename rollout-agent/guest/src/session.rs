//! The shell session that outlives each command: a fresh bash restores it, and saves it when it ends. Nothing of it
//! lies in files between commands; what a command leaves in the exchange folder is read once, with a cap.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;

use crate::sys::{self, Links};

/// A small tmpfs of its own, so that a full disk does not cost the session.
pub const EXCHANGE: &str = "/run/session";
pub const EXCHANGE_BYTES: u64 = 8 * 1024 * 1024;
pub const WORKSPACE: &str = "/workspace";
pub const SAVE_PATH: &str = "/etc/hindcast/save.bash";
pub const SAVE_SCRIPT: &str = include_str!("save.bash");
const TRAP_FUNCTION: &str = include_str!("trap.bash");

/// A session that does not fit is not saved; the one before it stays.
const SESSION_BYTES_MAX: u64 = 2 * 1024 * 1024;
const PATH_BYTES_MAX: u64 = 4096;
/// Scripts up to this length are an argument of bash (whose own cap is 128 KiB), so that its messages say
/// `bash: line 3`; longer ones are sourced from a file.
const ARGUMENT_BYTES_MAX: usize = 100 * 1024;
/// Makes `$?` read as the last command left it; under errexit that would end the shell at once.
const STATUS: &str = "__hindcast_status() { unset -f __hindcast_status; return STATUS; }\n\
    [[ $- == *e* ]] && unset -f __hindcast_status || __hindcast_status\n";
/// What programs at a terminal may print; the session keeps its own, and no window's size (`save.bash`).
const TERMINAL: &[u8] = b"__hindcast_term=${TERM-}; export TERM=xterm-256color\n";
const END_MARK: &[u8] = b"# end of session\n";

#[derive(Clone)]
pub struct Session {
    /// Bash source that restores variables, functions, options, aliases and the umask.
    pub source: Vec<u8>,
    pub working_directory: Vec<u8>,
    /// What `$?` reads at the start of the next command.
    pub status: i32,
}

impl Session {
    pub fn new(environment: &[(String, String)]) -> Self {
        let mut source = String::from("umask 0022\nshopt -s expand_aliases\n");
        for (name, value) in environment {
            source.push_str("declare -x ");
            source.push_str(name);
            source.push_str("='");
            source.push_str(&value.replace('\'', r"'\''"));
            source.push_str("'\n");
        }
        Self {
            source: source.into_bytes(),
            working_directory: WORKSPACE.into(),
            status: 0,
        }
    }

    /// Writes what the next bash reads first, and returns the text for its `-c`.
    pub fn prepare(&self, script: &[u8], has_terminal: bool) -> io::Result<Vec<u8>> {
        empty_exchange()?;
        write_file("restore", &self.source)?;
        let mut begin = Vec::new();
        begin.extend_from_slice(b"unset BASH_ENV\n");
        begin.extend_from_slice(b"trap '{ __hindcast=$?:$-; set +xv; } 2>/dev/null; . ");
        begin.extend_from_slice(SAVE_PATH.as_bytes());
        begin.extend_from_slice(b"' EXIT\n");
        if sets_exit_trap(script) {
            begin.extend_from_slice(TRAP_FUNCTION.as_bytes());
        }
        begin.extend_from_slice(format!(". {EXCHANGE}/restore 2>/dev/null\n").as_bytes());
        if has_terminal {
            begin.extend_from_slice(TERMINAL);
        }
        if self.status != 0 {
            begin.extend_from_slice(
                STATUS
                    .replace("STATUS", &self.status.to_string())
                    .as_bytes(),
            );
        }
        write_file("begin", &begin)?;
        if script.len() <= ARGUMENT_BYTES_MAX {
            return Ok(script.to_vec());
        }
        write_file("script", script)?;
        Ok(format!(". {EXCHANGE}/script").into_bytes())
    }

    /// Takes over what the ended bash saved. False where it saved nothing whole (killed, replaced by `exec`, too
    /// large): then the session stays as it was.
    pub fn adopt(&mut self) -> bool {
        let saved = read_file("saved", SESSION_BYTES_MAX);
        let directory = read_file("cwd", PATH_BYTES_MAX);
        if let Some(directory) = directory.filter(|path| path.first() == Some(&b'/')) {
            self.working_directory = directory;
        }
        match saved {
            Some(source) if source.ends_with(END_MARK) => {
                self.source = source;
                true
            }
            _ => false,
        }
    }

    /// A working directory that was removed or closed falls back to the workspace.
    pub fn settle_directory(&mut self) {
        let path = OsStr::from_bytes(&self.working_directory);
        if !fs::metadata(path).is_ok_and(|found| found.is_dir()) {
            self.working_directory = WORKSPACE.into();
        }
    }
}

/// A file without a name that holds a command's standard input. After `prepare`, which empties the folder.
pub fn input(content: &[u8]) -> io::Result<fs::File> {
    write_file("input", content)?;
    let root = fs::File::open(EXCHANGE)?;
    let name = OsStr::new("input");
    let file = sys::open_beneath(&root, name, libc::O_RDONLY, 0, Links::Refuse)?;
    sys::remove(&root, name, false)?;
    Ok(file.into())
}

/// Bash has one EXIT trap and ours saves the session, so a script that sets its own gets a stand-in for `trap`.
fn sets_exit_trap(script: &[u8]) -> bool {
    let contains = |needle: &[u8]| script.windows(needle.len()).any(|window| window == needle);
    contains(b"trap") && (contains(b"EXIT") || contains(b" 0"))
}

/// The folder belongs to the commands' user, so it is made ours again each time.
fn empty_exchange() -> io::Result<()> {
    let root = fs::File::open(EXCHANGE)?;
    sys::change_mode(&root, 0o700)?;
    crate::files::remove_below(root.into())
}

fn write_file(name: &str, content: &[u8]) -> io::Result<()> {
    let root = fs::File::open(EXCHANGE)?;
    let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL;
    let file = sys::open_beneath(&root, OsStr::new(name), flags, 0o600, Links::Refuse)?;
    fs::File::from(file).write_all(content)
}

fn read_file(name: &str, bytes_max: u64) -> Option<Vec<u8>> {
    let root = fs::File::open(EXCHANGE).ok()?;
    let file = sys::open_beneath(&root, OsStr::new(name), libc::O_RDONLY, 0, Links::Refuse).ok()?;
    if sys::stat_fd(&file).ok()?.kind != sys::Kind::File {
        return None;
    }
    let mut content = Vec::new();
    fs::File::from(file)
        .take(bytes_max + 1)
        .read_to_end(&mut content)
        .ok()?;
    (u64::try_from(content.len()).ok()? <= bytes_max).then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_environment_are_quoted() {
        let session = Session::new(&[("A".into(), "it's $HOME".into())]);
        let source = String::from_utf8(session.source).expect("text");
        assert!(source.contains(r"declare -x A='it'\''s $HOME'"));
    }
}
