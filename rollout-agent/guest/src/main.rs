//! PID 1 of a Hindcast sandbox. bubblewrap has made the namespaces; this program finishes the world inside, gives up
//! its privileges, and then serves the host over its standard input and output: run a command in the session, tell the
//! state, read and write files, archive and restore. It trusts the host and nothing that the commands have made.

mod exec;
mod files;
mod frame;
mod git_index;
mod guest;
mod output;
mod protocol;
mod relay;
mod seccomp;
mod session;
mod setup;
mod snapshot;
mod state;
mod sys;
mod tree;
mod tunnel;
mod volatile;
mod watch;

use std::os::fd::OwnedFd;
use std::process::ExitCode;

use crate::protocol::Fault;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // The first names the episode, for whoever looks at the machine's processes.
    if let [_, mode, rest @ ..] = arguments.as_slice()
        && mode == "relay"
    {
        return relay::run(rest).unwrap_or_else(|problem| {
            guest::say(&problem);
            ExitCode::FAILURE
        });
    }
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            guest::say(&fault.message);
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<(), Fault> {
    use std::os::fd::AsFd;
    let failed = |error: std::io::Error| Fault::at("opening the channel", &error);
    let input: OwnedFd = std::io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .map_err(failed)?;
    let output: OwnedFd = std::io::stdout()
        .as_fd()
        .try_clone_to_owned()
        .map_err(failed)?;
    guest::run(input.into(), output.into())
}
