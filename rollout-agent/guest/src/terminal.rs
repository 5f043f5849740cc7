//! A command's terminal: what the host types, the size of the window, and signals to whoever is in the foreground.
//! What is printed is bytes like any other output; nobody here interprets an escape sequence.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::protocol::{Event, Fault, FaultCode, TerminalSignal, TerminalSize, Typing};
use crate::setup::World;
use crate::sys::{self, Interest};

/// Where the sandbox's terminals are.
pub const FOLDER: &str = "/dev/pts";
const OWN: &str = "/dev/tty";
/// Terminals at a time, of commands' own too: each holds some kernel memory that no limit counts.
const TERMINALS_MAX: &std::ffi::CStr = c"16";
/// What the host may have typed and the terminal not yet taken; as `sandboxTypedBytesAhead` there.
const TYPED_BYTES_AHEAD: usize = 64 * 1024;

/// A file system of terminals at `FOLDER`, of this sandbox alone. Without one commands have no terminals.
pub fn provide(world: World) -> io::Result<()> {
    // gVisor's is there already, and its kernel is this sandbox's own.
    if world == World::UserSpaceKernel || !Path::new(FOLDER).is_dir() {
        return Ok(());
    }
    let options = [
        (c"ptmxmode", c"0666"),
        (c"mode", c"0600"),
        (c"max", TERMINALS_MAX),
    ];
    match sys::detached_terminals(&options).and_then(|made| sys::attach(&made, FOLDER)) {
        // An old kernel, or one on which user namespaces are counted out: the rest of the world is well without.
        Err(error) => {
            crate::guest::say(&format!("no terminals: {error}"));
            Ok(())
        }
        done => done,
    }
}

pub struct Terminal {
    master: File,
    typed: VecDeque<u8>,
    /// The first process of those that work at it, once there is one.
    pub session: libc::pid_t,
}

impl Terminal {
    /// The terminal, and the end that the command works at.
    pub fn open(world: World, size: &TerminalSize, typed: &[u8]) -> Result<(Self, File), Fault> {
        let none =
            |error: io::Error| Fault::new(FaultCode::Unavailable, format!("no terminal: {error}"));
        let (master, command, name) =
            sys::open_terminal(FOLDER, size.columns, size.rows).map_err(none)?;
        if world == World::UserSpaceKernel {
            show_own(&name).map_err(none)?;
        }
        let terminal = Self {
            master,
            typed: typed.iter().copied().collect(),
            session: 0,
        };
        Ok((terminal, command))
    }

    pub fn output(&self) -> io::Result<File> {
        self.master.try_clone()
    }

    pub fn interest(&self) -> Interest {
        Interest {
            fd: self.master.as_raw_fd(),
            read: false,
            write: !self.typed.is_empty(),
        }
    }

    pub fn handle(&mut self, typing: &Typing, payload: &[u8]) -> Result<(), Fault> {
        match typing {
            Typing::Type => {
                if self.typed.len() + payload.len() > 2 * TYPED_BYTES_AHEAD {
                    let message = "more was typed than was granted";
                    return Err(Fault::new(FaultCode::Invalid, message));
                }
                self.typed.extend(payload);
                Ok(())
            }
            Typing::Resize(TerminalSize { columns, rows }) => {
                sys::resize_terminal(&self.master, *columns, *rows)
                    .map_err(|error| Fault::at("resizing the terminal", &error))?;
                // Linux tells of it by itself; zero is no signal, and only asks.
                if !sys::signal_foreground(&self.master, 0) {
                    sys::signal_session(self.session, libc::SIGWINCH);
                }
                Ok(())
            }
            Typing::Signal { name } => {
                // Of a shell with jobs, the shell heeds none that is meant for a job.
                if !sys::signal_foreground(&self.master, number(*name)) {
                    sys::signal_session(self.session, number(*name));
                }
                Ok(())
            }
        }
    }

    /// Types as much as the terminal takes now; tells how much that was.
    pub fn type_on(&mut self) -> Option<Event> {
        let mut bytes = 0;
        while !self.typed.is_empty() {
            let (next, _) = self.typed.as_slices();
            // Full, or nobody is there any more, which its output tells.
            let Ok(count @ 1..) = self.master.write(next) else {
                break;
            };
            self.typed.drain(..count);
            bytes += count;
        }
        (bytes > 0).then_some(Event::Typed { bytes })
    }
}

/// `/dev/tty` is whatever terminal a process has; gVisor's can only fail. As commands come one by one, it can be a link.
fn show_own(name: &str) -> io::Result<()> {
    match fs::remove_file(OWN) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => symlink(format!("{FOLDER}/{name}"), OWN),
    }
}

fn number(name: TerminalSignal) -> libc::c_int {
    match name {
        TerminalSignal::Interrupt => libc::SIGINT,
        TerminalSignal::Quit => libc::SIGQUIT,
        TerminalSignal::Suspend => libc::SIGTSTP,
        TerminalSignal::Continue => libc::SIGCONT,
        TerminalSignal::Hangup => libc::SIGHUP,
        TerminalSignal::Terminate => libc::SIGTERM,
        TerminalSignal::Kill => libc::SIGKILL,
    }
}
