//! `hindcast-guest NAME relay PORT SOCKET PROGRAM [ARGUMENT…]`: runs a program that can speak TCP only, in a network
//! without a way out, and connects each of its connections to `PORT` with a Unix socket that was bound into the sandbox.

use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode};
use std::thread;

/// Small: a relay thread only copies.
const STACK_BYTES: usize = 64 * 1024;

pub fn run(arguments: &[String]) -> Result<ExitCode, String> {
    let [port, socket, program, rest @ ..] = arguments else {
        return Err("relay needs a port, a socket and a program".to_owned());
    };
    let port: u16 = port
        .parse()
        .map_err(|_| format!("{port} is no port number"))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .map_err(|error| format!("listening on port {port}: {error}"))?;
    let path = socket.clone();
    thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(move || serve(&listener, &path))
        .map_err(|error| format!("starting the relay: {error}"))?;
    let status = Command::new(program)
        .args(rest)
        .status()
        .map_err(|error| format!("starting {program}: {error}"))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

fn serve(listener: &TcpListener, socket: &str) {
    for inside in listener.incoming().flatten() {
        // A connection that cannot be made is closed, which is all that its client could be told.
        let _ = relay(inside, socket);
    }
}

fn relay(inside: TcpStream, socket: &str) -> io::Result<()> {
    let outside = UnixStream::connect(socket)?;
    let (mut from_inside, mut to_outside) = (inside.try_clone()?, outside.try_clone()?);
    let (mut from_outside, mut to_inside) = (outside, inside);
    let copier = || thread::Builder::new().stack_size(STACK_BYTES);
    copier().spawn(move || {
        let _ = io::copy(&mut from_inside, &mut to_outside);
        let _ = to_outside.shutdown(Shutdown::Write);
    })?;
    copier().spawn(move || {
        let _ = io::copy(&mut from_outside, &mut to_inside);
        let _ = to_inside.shutdown(Shutdown::Write);
    })?;
    Ok(())
}
