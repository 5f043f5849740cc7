//! The loop of PID 1: one request at a time, every orphan reaped, every limit watched also between commands.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Instant;

use serde::Serialize;

use crate::frame::{self, FrameReader};
use crate::protocol::{
    Done, Event, Fault, FaultBody, FaultCode, Limits, Operation, Reply, Request,
};
use crate::session::Session;
use crate::setup::World;
use crate::state::StateTracker;
use crate::sys::{self, Interest, ReadOnce, Reaped};
use crate::tunnel::Tunnels;
use crate::watch::Watch;
use crate::{exec, files, machine, setup, snapshot};

const READ_BYTES: usize = 64 * 1024;

pub struct Guest {
    pub world: World,
    pub limits: Limits,
    pub session: Session,
    pub signals: OwnedFd,
    pub watch: Watch,
    /// Pipes and terminals that background processes still hold.
    pub abandoned: Vec<File>,
    pub tunnels: Tunnels,
    host: Host,
    state: StateTracker,
}

struct Host {
    input: File,
    output: Patient,
    frames: FrameReader,
}

/// Waits where a write would not block because input and output are one descriptor.
struct Patient(File);

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.0.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let (fd, read, write) = (self.0.as_raw_fd(), false, true);
                    sys::wait_ready(&[Interest { fd, read, write }], None)?;
                }
                result => return result,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Serves until the host closes the channel; then everything inside ends with this process.
pub fn run(input: File, output: File, world: World) -> Result<(), Fault> {
    let failed = |error: io::Error| Fault::at("starting the guest", &error);
    sys::set_nonblocking(&input).map_err(failed)?;
    let signals = sys::child_signals().map_err(failed)?;
    let mut host = Host {
        input,
        output: Patient(output),
        frames: FrameReader::default(),
    };
    let Some((request, _)) = first_request(&mut host)? else {
        return Ok(());
    };
    let Operation::Init {
        limits,
        environment,
        files,
        refresh,
        egress_port,
        is_network_silent,
    } = request.operation
    else {
        return Err(Fault::new(
            FaultCode::Invalid,
            "the first request must be init",
        ));
    };
    let mut tunnels = Tunnels::default();
    let built = refresh
        .map_or(Ok(()), |it| machine::refresh(it.now_ms, &it.entropy))
        .and_then(|()| is_network_silent.then(sys::lose_packets).transpose())
        .and_then(|_| setup::build(world, &limits, &files))
        .and_then(|()| setup::confine(world))
        .and_then(|()| egress_port.map_or(Ok(()), |port| tunnels.listen(port)))
        .map_err(|error| Fault::at("building the sandbox", &error));
    if let Err(fault) = built {
        return host.send::<Done>(request.id, Err(fault), &[]);
    }
    let mut guest = Guest {
        world,
        watch: Watch::new(world, limits.memory_bytes_max, limits.processes_max),
        session: Session::new(&environment),
        state: StateTracker::new()?,
        abandoned: Vec::new(),
        tunnels,
        limits,
        signals,
        host,
    };
    guest.host.send(request.id, Ok(Done {}), &[])?;
    while let Some((request, payload)) = guest.next_request()? {
        guest.serve(request, &payload)?;
    }
    guest.kill_everything();
    Ok(())
}

fn first_request(host: &mut Host) -> Result<Option<(Request, Vec<u8>)>, Fault> {
    loop {
        if let Some(request) = host.take_request()? {
            return Ok(Some(request));
        }
        wait(&[Interest::read(host.input.as_raw_fd())], None)?;
        if !host.fill() {
            return Ok(None);
        }
    }
}

fn wait(sources: &[Interest], timeout_ms: Option<u64>) -> Result<Vec<bool>, Fault> {
    sys::wait_ready(sources, timeout_ms).map_err(|error| Fault::at("waiting for a request", &error))
}

impl Host {
    /// False when the host has closed the channel.
    fn fill(&mut self) -> bool {
        let mut buffer = vec![0_u8; READ_BYTES];
        match sys::read_once(&mut self.input, &mut buffer) {
            ReadOnce::Bytes(count) => {
                self.frames.push(&buffer[..count]);
                true
            }
            ReadOnce::Nothing => true,
            ReadOnce::Ended => false,
        }
    }

    fn take_request(&mut self) -> Result<Option<(Request, Vec<u8>)>, Fault> {
        let invalid = |error: String| {
            Fault::new(
                FaultCode::Invalid,
                format!("a request could not be read: {error}"),
            )
        };
        let Some(frame) = self
            .frames
            .next()
            .map_err(|error| invalid(error.to_string()))?
        else {
            return Ok(None);
        };
        let request =
            serde_json::from_slice(&frame.header).map_err(|error| invalid(error.to_string()))?;
        Ok(Some((request, frame.payload)))
    }

    fn send<T: Serialize>(
        &mut self,
        id: u64,
        result: Result<T, Fault>,
        payload: &[u8],
    ) -> Result<(), Fault> {
        let reply = match result {
            Ok(value) => Reply {
                id,
                ok: Some(value),
                fault: None,
                event: None,
            },
            Err(Fault { code, message }) => Reply {
                id,
                ok: None,
                fault: Some(FaultBody { code, message }),
                event: None,
            },
        };
        self.write(&reply, payload)
    }

    fn write<T: Serialize>(&mut self, reply: &Reply<T>, payload: &[u8]) -> Result<(), Fault> {
        let header = serde_json::to_vec(reply)
            .map_err(|error| Fault::new(FaultCode::Failed, format!("a reply: {error}")))?;
        frame::write(&mut self.output, &header, payload)
            .map_err(|error| Fault::at("sending a reply", &error))
    }

    fn tell(&mut self, id: u64, event: Event, payload: &[u8]) -> io::Result<()> {
        let reply: Reply<Done> = Reply {
            id,
            ok: None,
            fault: None,
            event: Some(event),
        };
        self.write(&reply, payload)
            .map_err(|fault| io::Error::other(fault.message))
    }
}

impl Guest {
    /// The next request; meanwhile reaps, watches limits and empties the pipes of background processes.
    fn next_request(&mut self) -> Result<Option<(Request, Vec<u8>)>, Fault> {
        let mut is_alone = false;
        loop {
            if let Some(request) = self.take_request()? {
                return Ok(Some(request));
            }
            if !is_alone {
                is_alone = reap_ended();
            }
            let pause = self.watch.due().saturating_duration_since(Instant::now());
            let timeout = u64::try_from(pause.as_millis()).unwrap_or(0) + 1;
            let mut sources = vec![self.host.input.as_raw_fd(), self.signals.as_raw_fd()];
            sources.extend(self.abandoned.iter().map(AsRawFd::as_raw_fd));
            let tunnels_at = sources.len();
            let mut sources: Vec<Interest> = sources.into_iter().map(Interest::read).collect();
            sources.extend(self.tunnels.interests());
            let ready = wait(&sources, (!is_alone).then_some(timeout))?;
            self.serve_tunnels(&ready[tunnels_at..])?;
            if ready[0] && !self.host.fill() {
                return Ok(None);
            }
            if ready[1] {
                self.clear_signals();
                is_alone = false;
            }
            self.empty_abandoned(&ready[2..tunnels_at]);
            if !is_alone && self.watch.check().is_some() {
                self.kill_everything();
            }
        }
    }

    /// A request that has already arrived.
    pub fn try_request(&mut self) -> Result<Option<(Request, Vec<u8>)>, Fault> {
        if !self.host.fill() {
            self.kill_everything();
            return Err(Fault::new(
                FaultCode::Failed,
                "the host has closed the channel",
            ));
        }
        self.take_request()
    }

    /// The next request that has arrived; what is about connections is done on the way.
    fn take_request(&mut self) -> Result<Option<(Request, Vec<u8>)>, Fault> {
        while let Some((request, payload)) = self.host.take_request()? {
            let Operation::Tunnel(about) = &request.operation else {
                return Ok(Some((request, payload)));
            };
            let (host, watch) = (&mut self.host, &mut self.watch);
            let emit = &mut |event, bytes: &[u8]| host.tell(0, event, bytes);
            self.tunnels
                .handle(about, &payload, emit, &mut || watch.keep())
                .map_err(|error| Fault::at("serving a connection", &error))?;
        }
        Ok(None)
    }

    pub fn serve_tunnels(&mut self, ready: &[bool]) -> Result<(), Fault> {
        let host = &mut self.host;
        self.tunnels
            .serve(ready, &mut |event, bytes| host.tell(0, event, bytes))
            .map_err(|error| Fault::at("serving a connection", &error))
    }

    pub fn send_event(&mut self, id: u64, event: Event, payload: &[u8]) -> Result<(), Fault> {
        self.host
            .tell(id, event, payload)
            .map_err(|error| Fault::at("sending an event", &error))
    }

    fn serve(&mut self, request: Request, payload: &[u8]) -> Result<(), Fault> {
        let id = request.id;
        match request.operation {
            Operation::Init { .. } => {
                let fault = Fault::new(FaultCode::Invalid, "the sandbox is already built");
                self.host.send::<Done>(id, Err(fault), &[])
            }
            // The command ended before this arrived; connections were served on the way here.
            Operation::Cancel | Operation::Typing(_) | Operation::Tunnel(_) => Ok(()),
            Operation::Exec(options) => {
                let result = exec::exec(self, id, &options, payload);
                self.send_with_payload(id, result)
            }
            Operation::State => {
                self.session.settle_directory();
                let look = &mut || self.watch.keep();
                let result = self.state.state(&self.session.working_directory, look);
                self.host.send(id, result, &[])
            }
            Operation::Entries => {
                let look = &mut || self.watch.keep();
                let result = self.state.entries(look).map(|listing| (Done {}, listing));
                self.send_with_payload(id, result)
            }
            Operation::WriteFile { path } => {
                let result = files::write(&path, payload).map(|()| Done {});
                self.host.send(id, result, &[])
            }
            Operation::ReadFile { path, bytes_max } => {
                let result = files::read(&path, bytes_max).map(|content| (Done {}, content));
                self.send_with_payload(id, result)
            }
            Operation::Snapshot { bytes_max } => {
                let look = &mut || self.watch.keep();
                let result = snapshot::take(&self.session, &self.limits, bytes_max, look);
                self.send_with_payload(id, result)
            }
            Operation::Restore => {
                self.kill_everything();
                let result = snapshot::restore(payload, &self.limits).map(|session| {
                    self.session = session;
                    Done {}
                });
                self.host.send(id, result, &[])
            }
        }
    }

    fn send_with_payload<T: Serialize>(
        &mut self,
        id: u64,
        result: Result<(T, Vec<u8>), Fault>,
    ) -> Result<(), Fault> {
        match result {
            Ok((value, payload)) => self.host.send(id, Ok(value), &payload),
            Err(fault) => self.host.send::<T>(id, Err(fault), &[]),
        }
    }

    /// Ends every process but this one and waits until they are gone. Once is enough on Linux; gVisor goes through a
    /// list, which a fork bomb outruns for a while.
    pub fn kill_everything(&mut self) {
        self.abandoned.clear();
        loop {
            sys::kill_all();
            let Reaped::Process(..) = sys::reap(true) else {
                return;
            };
        }
    }

    pub fn input_fd(&self) -> libc::c_int {
        self.host.input.as_raw_fd()
    }

    pub fn clear_signals(&mut self) {
        let mut buffer = [0_u8; 1024];
        if let Ok(signals) = self.signals.try_clone() {
            let mut signals = File::from(signals);
            while let ReadOnce::Bytes(_) = sys::read_once(&mut signals, &mut buffer) {}
        }
    }

    pub fn empty_abandoned(&mut self, ready: &[bool]) {
        let mut index = 0;
        let mut buffer = vec![0_u8; READ_BYTES];
        self.abandoned.retain_mut(|pipe| {
            let is_ready = ready.get(index) == Some(&true);
            index += 1;
            !is_ready || !matches!(sys::read_once(pipe, &mut buffer), ReadOnce::Ended)
        });
    }
}

/// True when no process but this one is left.
fn reap_ended() -> bool {
    loop {
        match sys::reap(false) {
            Reaped::Process(..) => {}
            Reaped::NothingYet => return false,
            Reaped::NobodyLeft => return true,
        }
    }
}

/// Ends up in the host's message when the channel itself is what failed.
pub fn say(message: &str) {
    // There is nobody to tell when even the error stream is gone.
    drop(writeln!(io::stderr(), "hindcast-guest: {message}"));
}
