//! The first process of a virtual machine: finds its disks, puts a writable layer over the read-only root, and starts the
//! guest as first process of a namespace of its own, so that commands see none of the kernel's threads. When the guest
//! ends, so does the machine.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::sys::{self, Interest};
use crate::{devices, setup};

const MODULES: &str = "/modules";
const LOWER: &str = "/lower";
const LAYER: &str = "/layer";
const ROOT: &str = "/root";
const DEVICE_PATIENCE: Duration = Duration::from_secs(10);
const AGENT: u32 = 1000;
/// Told once the guest waits for its first request: the moment at which a machine is worth keeping.
const READY: &[u8] = b"ready\n";

/// Returns in the guest's process, with both directions of the channel.
pub fn boot() -> io::Result<(File, File)> {
    for (kind, path) in [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev")] {
        sys::mount(kind, path, kind, libc::MS_NOSUID, "")?;
    }
    for name in fs::read_to_string(format!("{MODULES}/order"))?.lines() {
        sys::load_module(&File::open(format!("{MODULES}/{name}"))?)?;
    }
    mount_root()?;
    sys::set_host_name("sandbox")?;
    sys::raise_loopback()?;
    let port = open_port()?;
    sys::unshare(libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS)?;
    if let Some(guest) = sys::fork()? {
        drop(port);
        sys::wait_for(guest);
        return Err(sys::power_off());
    }
    sys::mount("proc", "/proc", "proc", setup::SAFE | libc::MS_NOEXEC, "")?;
    devices::replace()?;
    sys::become_user(AGENT, sys::TO_BUILD_A_MACHINE)?;
    let mut output = port.try_clone()?;
    output.write_all(READY)?;
    Ok((port, output))
}

/// What a machine restored from a snapshot cannot know: the time, and anything that no other copy of it knows.
pub fn refresh(now_ms: u64, entropy: &[u8]) -> io::Result<()> {
    sys::set_clock(now_ms)?;
    sys::add_entropy(&File::open("/dev/random")?, entropy)
}

fn mount_root() -> io::Result<()> {
    let command_line = fs::read_to_string("/proc/cmdline")?;
    let word = |name: &str| {
        command_line
            .split_whitespace()
            .find_map(|word| word.strip_prefix(name))
    };
    let kind = word("hindcast.disk=").unwrap_or("ext4");
    for path in [LOWER, LAYER, ROOT] {
        fs::create_dir_all(path)?;
    }
    let read_only = libc::MS_RDONLY | setup::SAFE;
    sys::mount(wait_for_disk(0)?.as_str(), LOWER, kind, read_only, "")?;
    sys::mount("layer", LAYER, "tmpfs", setup::SAFE, "size=16m,mode=0755")?;
    for name in ["upper", "work"] {
        fs::create_dir(format!("{LAYER}/{name}"))?;
    }
    let layers = format!("lowerdir={LOWER},upperdir={LAYER}/upper,workdir={LAYER}/work");
    sys::mount("root", ROOT, "overlay", setup::SAFE, &layers)?;
    let mounts = word("hindcast.mounts=").unwrap_or("");
    for (index, target) in mounts
        .split(',')
        .filter(|path| !path.is_empty())
        .enumerate()
    {
        let target = format!("{ROOT}{target}");
        fs::create_dir_all(&target)?;
        sys::mount(
            wait_for_disk(index + 1)?.as_str(),
            &target,
            kind,
            read_only,
            "",
        )?;
    }
    for path in ["proc", "sys", "dev"] {
        let target = format!("{ROOT}/{path}");
        fs::create_dir_all(&target)?;
        sys::mount(&format!("/{path}"), &target, "", libc::MS_MOVE, "")?;
    }
    std::env::set_current_dir(ROOT)?;
    sys::mount(".", "/", "", libc::MS_MOVE, "")?;
    std::os::unix::fs::chroot(".")?;
    std::env::set_current_dir("/")
}

/// The host has given each a serial number; the kernel's names come in any order.
fn wait_for_disk(index: usize) -> io::Result<String> {
    let serial = format!("disk{index}");
    let deadline = Instant::now() + DEVICE_PATIENCE;
    loop {
        for entry in fs::read_dir("/sys/block")?.flatten() {
            let found = fs::read_to_string(entry.path().join("serial")).unwrap_or_default();
            let path = format!("/dev/{}", entry.file_name().to_string_lossy());
            if found.trim_end_matches(['\0', '\n']) == serial && fs::metadata(&path).is_ok() {
                return Ok(path);
            }
        }
        wait_before(deadline, &serial)?;
    }
}

/// The channel. A port that the host has not connected yet reads as ended.
fn open_port() -> io::Result<File> {
    let path = "/dev/vport0p1";
    wait_until(path, || fs::metadata(path).is_ok())?;
    let port = OpenOptions::new().read(true).write(true).open(path)?;
    let is_connected = || {
        let source = Interest {
            write: true,
            read: false,
            fd: port.as_raw_fd(),
        };
        sys::is_connected(source)
    };
    wait_until("the host", is_connected)?;
    Ok(port)
}

fn wait_until(what: &str, is_there: impl Fn() -> bool) -> io::Result<()> {
    let deadline = Instant::now() + DEVICE_PATIENCE;
    while !is_there() {
        wait_before(deadline, what)?;
    }
    Ok(())
}

fn wait_before(deadline: Instant, what: &str) -> io::Result<()> {
    if Instant::now() > deadline {
        return Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("{what} did not appear"),
        ));
    }
    sleep(Duration::from_millis(2));
    Ok(())
}
