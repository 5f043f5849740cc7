//! PID 1 of a Hindcast sandbox. bubblewrap, a container runtime or (in a virtual machine) this program itself has made
//! the namespaces; this program finishes the world inside, gives up its privileges, and then serves the host over its standard input and output: run a command in the session, tell the
//! state, read and write files, archive and restore. It trusts the host and nothing that the commands have made.

mod container;
mod devices;
mod exec;
mod files;
mod frame;
mod git_index;
mod guest;
mod machine;
mod output;
mod protocol;
mod relay;
mod seccomp;
mod session;
mod setup;
mod snapshot;
mod state;
mod sys;
mod terminal;
mod tree;
mod tunnel;
mod volatile;
mod watch;

use std::os::fd::OwnedFd;
use std::process::ExitCode;

use crate::protocol::Fault;
use crate::setup::World;

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

/// The first argument names the sandbox for whoever lists processes; the second tells what is around it.
/// Sealing is no part of a sandbox's life: the first argument is then the folder of an image.
fn serve() -> Result<(), Fault> {
    match std::env::args().nth(2).as_deref() {
        Some("--machine") => {
            let (input, output) =
                machine::boot().map_err(|error| Fault::at("starting the machine", &error))?;
            guest::run(input, output, World::Machine)
        }
        Some("--container") => {
            container::enter().map_err(|error| Fault::at("entering the container", &error))?;
            serve_standard_streams(World::Container)
        }
        Some("--pod") => {
            container::enter_pod().map_err(|error| Fault::at("entering the pod", &error))?;
            serve_standard_streams(World::Container)
        }
        Some("--user-space-kernel") => {
            container::enter_user_space_kernel()
                .map_err(|error| Fault::at("entering the container", &error))?;
            serve_standard_streams(World::UserSpaceKernel)
        }
        Some("--seal") => setup::seal(&std::env::args().nth(1).unwrap_or_default())
            .map_err(|error| Fault::at("sealing the image", &error)),
        _ => serve_standard_streams(World::Namespaces),
    }
}

fn serve_standard_streams(world: World) -> Result<(), Fault> {
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
    guest::run(input.into(), output.into(), world)
}
