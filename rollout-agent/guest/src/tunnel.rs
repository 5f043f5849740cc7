//! TCP connections over the one channel: from the host to what listens inside, and from inside to the host's egress
//! proxy, which commands find at a port of the loopback address. Either end sends only as far ahead as the other has
//! granted, so that neither a slow reader nor a flood holds up anything else.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use crate::protocol::{Event, Tunnel as Request};
use crate::sys::Interest;
use crate::tree::Look;

/// As `limits.sandboxConnectionBytesAhead` on the host.
const BYTES_AHEAD: u64 = 256 * 1024;
/// A listener inside answers at once unless its queue is full. Nothing else is served meanwhile,
const CONNECT: Duration = Duration::from_secs(2);
/// but limits are looked at this often.
const CONNECT_TRY: Duration = Duration::from_millis(200);
const READ_BYTES: usize = 64 * 1024;
/// Numbers of connections from inside begin here; those from the host are its own, and small.
const INCOMING_FROM: u64 = 1 << 32;
/// As `limits.egressConnectionsMax` on the host; whoever comes later waits in the kernel's queue.
const INCOMING_MAX: usize = 64;

pub type Emit<'a> = dyn FnMut(Event, &[u8]) -> io::Result<()> + 'a;

struct Tunnel {
    stream: TcpStream,
    /// Bytes that the host takes before it grants more.
    credit: u64,
    /// From the host, not yet taken by the socket; never more than we have granted.
    pending: Vec<u8>,
    is_finishing: bool,
    has_ended: bool,
}

#[derive(Default)]
pub struct Tunnels {
    open: BTreeMap<u64, Tunnel>,
    egress: Option<Egress>,
}

struct Egress {
    listener: TcpListener,
    accepted: u64,
}

impl Tunnel {
    fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            credit: BYTES_AHEAD,
            pending: Vec::new(),
            is_finishing: false,
            has_ended: false,
        })
    }
}

impl Tunnels {
    /// From now on, what connects to `port` inside is led to the host.
    pub fn listen(&mut self, port: u16) -> io::Result<()> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        self.egress = Some(Egress {
            listener,
            accepted: 0,
        });
        Ok(())
    }

    pub fn handle(
        &mut self,
        request: &Request,
        payload: &[u8],
        emit: &mut Emit<'_>,
        look: &mut Look<'_>,
    ) -> io::Result<()> {
        match *request {
            Request::Connect { connection, port } => match connect(port, look) {
                Ok(tunnel) => {
                    self.open.insert(connection, tunnel);
                    emit(Event::Opened { connection }, &[])
                }
                Err(error) => {
                    let reason = error.to_string();
                    emit(Event::Refused { connection, reason }, &[])
                }
            },
            Request::Disconnect { connection } => {
                self.open.remove(&connection);
                Ok(())
            }
            Request::Grant { connection, bytes } => {
                if let Some(tunnel) = self.open.get_mut(&connection) {
                    tunnel.credit = tunnel.credit.saturating_add(bytes);
                }
                Ok(())
            }
            Request::Finish { connection } => {
                if let Some(tunnel) = self.open.get_mut(&connection) {
                    tunnel.is_finishing = true;
                    tunnel.write(connection, emit)?;
                }
                Ok(())
            }
            Request::Data { connection } => {
                if let Some(tunnel) = self.open.get_mut(&connection) {
                    if (tunnel.pending.len() + payload.len()) as u64 > BYTES_AHEAD {
                        return Err(io::Error::other("the host sent more than it was granted"));
                    }
                    tunnel.pending.extend_from_slice(payload);
                    tunnel.write(connection, emit)?;
                }
                Ok(())
            }
        }
    }

    /// What the listener and each tunnel wait for, in the order that `serve` expects.
    pub fn interests(&self) -> impl Iterator<Item = Interest> + '_ {
        let has_room = self.open.range(INCOMING_FROM..).count() < INCOMING_MAX;
        let listener = self.egress.iter().map(move |egress| Interest {
            read: has_room,
            ..Interest::read(egress.listener.as_raw_fd())
        });
        listener.chain(self.open.values().map(|tunnel| Interest {
            fd: tunnel.stream.as_raw_fd(),
            read: tunnel.credit > 0 && !tunnel.has_ended,
            write: !tunnel.pending.is_empty(),
        }))
    }

    pub fn serve(&mut self, ready: &[bool], emit: &mut Emit<'_>) -> io::Result<()> {
        let (listener, ready) = ready.split_at(usize::from(self.egress.is_some()));
        for ((&connection, tunnel), &is_ready) in self.open.iter_mut().zip(ready) {
            if is_ready {
                tunnel.write(connection, emit)?;
                tunnel.read(connection, emit)?;
            }
        }
        if listener == [true] {
            self.accept(emit)?;
        }
        Ok(())
    }

    /// One connection at a time; the next look takes the next.
    fn accept(&mut self, emit: &mut Emit<'_>) -> io::Result<()> {
        let Some(egress) = &mut self.egress else {
            return Ok(());
        };
        // Whoever has connected may be gone again.
        let Ok(tunnel) = egress
            .listener
            .accept()
            .and_then(|(stream, _)| Tunnel::new(stream))
        else {
            return Ok(());
        };
        let connection = INCOMING_FROM + egress.accepted;
        egress.accepted += 1;
        self.open.insert(connection, tunnel);
        emit(Event::Incoming { connection }, &[])
    }
}

impl Tunnel {
    fn read(&mut self, connection: u64, emit: &mut Emit<'_>) -> io::Result<()> {
        let room = usize::try_from(self.credit).unwrap_or(usize::MAX);
        if room == 0 || self.has_ended {
            return Ok(());
        }
        let mut buffer = vec![0_u8; room.min(READ_BYTES)];
        match self.stream.read(&mut buffer) {
            Err(error) if is_temporary(&error) => Ok(()),
            Ok(count) if count > 0 => {
                self.credit -= count as u64;
                emit(Event::Data { connection }, &buffer[..count])
            }
            // Ended or broken: nothing more comes either way.
            _ => {
                self.has_ended = true;
                emit(Event::End { connection }, &[])
            }
        }
    }

    fn write(&mut self, connection: u64, emit: &mut Emit<'_>) -> io::Result<()> {
        let mut taken = 0;
        while taken < self.pending.len() {
            match self.stream.write(&self.pending[taken..]) {
                Ok(count) if count > 0 => taken += count,
                Err(error) if is_temporary(&error) => break,
                // Nobody reads it any more: what the host still sends is dropped.
                _ => taken = self.pending.len(),
            }
        }
        self.pending.drain(..taken);
        if self.is_finishing && self.pending.is_empty() {
            self.is_finishing = false;
            // Whoever has gone needs no notice.
            drop(self.stream.shutdown(Shutdown::Write));
        }
        if taken == 0 {
            return Ok(());
        }
        let bytes = taken as u64;
        emit(Event::Grant { connection, bytes }, &[])
    }
}

fn is_temporary(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

fn connect(port: u16, look: &mut Look<'_>) -> io::Result<Tunnel> {
    let four = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let six = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
    let deadline = Instant::now() + CONNECT;
    loop {
        let tried = TcpStream::connect_timeout(&four, CONNECT_TRY)
            .or_else(|error| TcpStream::connect_timeout(&six, CONNECT_TRY).map_err(|_| error));
        match tried {
            Err(error) if error.kind() == io::ErrorKind::TimedOut && Instant::now() < deadline => {
                look();
            }
            done => return Tunnel::new(done?),
        }
    }
}
