//! One command: a bash in a session of its own, its output through one pipe, and every way that it can end.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::guest::Guest;
use crate::output::Output;
use crate::protocol::{Event, Exec, ExecReply, Fault, FaultCode, Killed, Operation, TerminalSize};
use crate::session::{self, EXCHANGE};
use crate::setup::World;
use crate::sys::{self, Ended, Input, Interest, ProcessLimits, ReadOnce, Reaped};
use crate::terminal::Terminal;

/// How long a pipe that a background process still holds may bring more after the command's own end.
const DRAIN: Duration = Duration::from_millis(20);
/// Pipes of background processes that are still read (and dropped), so that writing to them does not end them.
const ABANDONED_PIPES_MAX: usize = 64;
const READ_BYTES: usize = 64 * 1024;

pub fn exec(
    guest: &mut Guest,
    id: u64,
    request: &Exec,
    payload: &[u8],
) -> Result<(ExecReply, Vec<u8>), Fault> {
    let started = Instant::now();
    let script_bytes = payload.len().saturating_sub(request.input_bytes);
    let (script, input) = payload.split_at(script_bytes);
    let failed = |error: io::Error| Fault::at("starting bash", &error);
    guest.session.settle_directory();
    let has_terminal = request.terminal.is_some();
    let argument = guest
        .session
        .prepare(script, has_terminal)
        .map_err(failed)?;
    let mut streams = match &request.terminal {
        None => Streams::piped(input).map_err(failed)?,
        Some(size) => Streams::at_terminal(guest.world, size, input)?,
    };
    let pid = start(guest, &argument, &mut streams).map_err(failed)?;
    let Streams {
        output: mut pipe,
        mut terminal,
        ..
    } = streams;
    if let Some(terminal) = &mut terminal {
        terminal.session = pid;
    }
    let mut output = Output::new(request.output_bytes_max, request.streams);
    let end = follow(
        guest,
        (id, request),
        pid,
        (&mut pipe, &mut terminal),
        &mut output,
    )
    .inspect_err(|_| guest.kill_everything())?;
    if end.killed.is_some() {
        guest.kill_everything();
        drain(&mut pipe, &mut output, (Duration::ZERO, 0));
    } else if drain(&mut pipe, &mut output, (DRAIN, request.output_bytes_kill)) {
        guest.abandoned.push(pipe);
        if guest.abandoned.len() > ABANDONED_PIPES_MAX {
            guest.abandoned.remove(0);
        }
    }
    guest.stream(id, &mut output)?;
    guest.session.adopt();
    guest.session.settle_directory();
    guest.session.status = end.exit_code.unwrap_or(137);
    let (head_bytes, output_bytes, kept) = output.finish();
    let reply = ExecReply {
        exit_code: end.exit_code,
        killed: end.killed,
        head_bytes,
        output_bytes,
        working_directory: String::from_utf8_lossy(&guest.session.working_directory).into_owned(),
        duration_ms: started.elapsed().as_secs_f64() * 1000.0,
    };
    Ok((reply, kept))
}

struct End {
    exit_code: Option<i32>,
    killed: Option<Killed>,
}

/// Where a command reads and prints.
struct Streams {
    /// The command's own ends, which are closed here once it has them.
    inside: Option<[OwnedFd; 3]>,
    output: File,
    terminal: Option<Terminal>,
}

impl Streams {
    fn piped(input: &[u8]) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        sys::set_nonblocking(&reader)?;
        let input = match input {
            [] => File::open("/dev/null")?,
            content => session::input(content)?,
        };
        Ok(Self {
            inside: Some([input.into(), writer.try_clone()?.into(), writer.into()]),
            output: OwnedFd::from(reader).into(),
            terminal: None,
        })
    }

    fn at_terminal(world: World, size: &TerminalSize, input: &[u8]) -> Result<Self, Fault> {
        let (terminal, inside) = Terminal::open(world, size, input)?;
        let failed = |error: io::Error| Fault::at("opening a terminal", &error);
        let another = || inside.try_clone().map(OwnedFd::from).map_err(failed);
        Ok(Self {
            output: terminal.output().map_err(failed)?,
            inside: Some([another()?, another()?, inside.into()]),
            terminal: Some(terminal),
        })
    }
}

fn start(guest: &Guest, argument: &[u8], streams: &mut Streams) -> io::Result<libc::pid_t> {
    let directory = OsStr::from_bytes(&guest.session.working_directory);
    let mut command = Command::new("/bin/bash");
    command
        .arg("-c")
        .arg(OsStr::from_bytes(argument))
        .arg("bash")
        .env_clear()
        .env("BASH_ENV", format!("{EXCHANGE}/begin"))
        .env("PWD", directory)
        .current_dir(directory);
    if let Some([input, output, errors]) = streams.inside.take() {
        command.stdin(input).stdout(output).stderr(errors);
    }
    let limits = ProcessLimits {
        memory_bytes: guest.limits.memory_bytes_max,
        // Just above the disk's own limit, so that a full disk says so; what it stops is a file of nothing but holes.
        file_bytes: guest.limits.disk_bytes_max + READ_BYTES as u64,
        processes: guest.limits.processes_max,
    };
    let input = match streams.terminal {
        Some(_) => Input::Terminal,
        None => Input::Other,
    };
    sys::spawn(command, limits, input)
}

/// Reads output until bash ends or something ends it.
fn follow(
    guest: &mut Guest,
    (id, request): (u64, &Exec),
    pid: libc::pid_t,
    (pipe, terminal): (&mut File, &mut Option<Terminal>),
    output: &mut Output,
) -> Result<End, Fault> {
    let deadline = Instant::now() + Duration::from_millis(request.timeout_ms);
    let mut is_open = true;
    guest.watch.start();
    loop {
        let wake = deadline.min(guest.watch.due());
        let mut sources = vec![
            Interest::read(guest.signals.as_raw_fd()),
            Interest::read(guest.input_fd()),
            Interest {
                read: is_open,
                ..Interest::read(pipe.as_raw_fd())
            },
        ];
        sources.extend(terminal.as_ref().map(Terminal::interest));
        // Who still prints there must not wait for this command, which may wait for them.
        let abandoned_at = sources.len();
        let abandoned = guest.abandoned.iter();
        sources.extend(abandoned.map(|pipe| Interest::read(pipe.as_raw_fd())));
        let tunnels_at = sources.len();
        sources.extend(guest.tunnels.interests());
        let timeout = wake.saturating_duration_since(Instant::now());
        let ready = sys::wait_ready(&sources, Some(milliseconds(timeout)))
            .map_err(|error| Fault::at("waiting for bash", &error))?;
        if is_open && ready[2] {
            is_open = read_available(pipe, output, request.output_bytes_kill);
            guest.stream(id, output)?;
        }
        if let Some(typed) = terminal.as_mut().and_then(Terminal::type_on) {
            guest.send_event(id, typed, &[])?;
        }
        guest.empty_abandoned(&ready[abandoned_at..tunnels_at]);
        guest.serve_tunnels(&ready[tunnels_at..])?;
        if let Some(ended) = guest.reap_until(pid) {
            return Ok(match ended {
                Ended::Exited(code) => End {
                    exit_code: Some(code),
                    killed: None,
                },
                Ended::Signalled(_) => killed(Killed::Signal),
            });
        }
        // Also without news: something may have come together with the command.
        if guest.is_cancelled(terminal.as_mut())? {
            return Ok(killed(Killed::Signal));
        }
        if output.total() > request.output_bytes_kill {
            return Ok(killed(Killed::Output));
        }
        if Instant::now() >= deadline {
            return Ok(killed(Killed::Timeout));
        }
        if let Some(reason) = guest.watch.check() {
            return Ok(killed(reason));
        }
    }
}

fn killed(reason: Killed) -> End {
    End {
        exit_code: None,
        killed: Some(reason),
    }
}

/// Rounded up, so that waiting for less than a millisecond does not spin.
fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros().div_ceil(1000)).unwrap_or(u64::MAX)
}

/// False once every writer has closed the pipe. Stops in time to look at the clock.
fn read_available(pipe: &mut File, output: &mut Output, bytes_kill: u64) -> bool {
    let mut buffer = vec![0_u8; READ_BYTES];
    loop {
        match sys::read_once(pipe, &mut buffer) {
            ReadOnce::Bytes(count) => {
                output.push(&buffer[..count]);
                if count < READ_BYTES || output.total() > bytes_kill || output.has_fresh() {
                    return true;
                }
            }
            ReadOnce::Nothing => return true,
            ReadOnce::Ended => return false,
        }
    }
}

/// What is still in the pipe, up to a number of bytes in all; true where somebody holds it open.
fn drain(pipe: &mut File, output: &mut Output, (patience, bytes_max): (Duration, u64)) -> bool {
    let until = Instant::now() + patience;
    loop {
        if !read_available(pipe, output, 0) {
            return false;
        }
        if output.total() > bytes_max {
            return true;
        }
        let left = until.saturating_duration_since(Instant::now());
        let ready = sys::wait_readable(&[pipe.as_raw_fd()], Some(milliseconds(left)));
        if left.is_zero() || !ready.is_ok_and(|ready| ready[0]) {
            return true;
        }
    }
}

impl Guest {
    /// Reaps what ended; the way `pid` ended if it is among it.
    fn reap_until(&mut self, pid: libc::pid_t) -> Option<Ended> {
        self.clear_signals();
        loop {
            match sys::reap(false) {
                Reaped::Process(ended, how) if ended == pid => return Some(how),
                Reaped::Process(..) => {}
                Reaped::NothingYet | Reaped::NobodyLeft => return None,
            }
        }
    }

    fn stream(&mut self, id: u64, output: &mut Output) -> Result<(), Fault> {
        if output.has_fresh() {
            self.send_event(id, Event::Output, &output.take_fresh())?;
        }
        Ok(())
    }

    /// Whether the host has asked to stop; what it types goes to the terminal, and nothing else may come while a command
    /// runs.
    fn is_cancelled(&mut self, mut terminal: Option<&mut Terminal>) -> Result<bool, Fault> {
        while let Some((request, payload)) = self.try_request()? {
            match (&request.operation, terminal.as_deref_mut()) {
                (Operation::Cancel, _) => return Ok(true),
                (Operation::Typing(typing), Some(terminal)) => terminal.handle(typing, &payload)?,
                _ => {
                    return Err(Fault::new(
                        FaultCode::Invalid,
                        "a request came while a command was running",
                    ));
                }
            }
        }
        Ok(false)
    }
}
