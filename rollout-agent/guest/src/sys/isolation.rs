//! What cuts this process off from the host and its commands off from this process.
use std::io;

use super::{c_str, check};

pub fn mount(
    source: &str,
    target: &str,
    kind: &str,
    flags: libc::c_ulong,
    data: &str,
) -> io::Result<()> {
    let (source, target, kind, data) = (c_str(source)?, c_str(target)?, c_str(kind)?, c_str(data)?);
    // SAFETY: four NUL-terminated strings that outlive the call.
    check(unsafe {
        libc::mount(
            source.as_ptr(),
            target.as_ptr(),
            kind.as_ptr(),
            flags,
            data.as_ptr().cast(),
        )
    })?;
    Ok(())
}

/// A file system in memory. gVisor's knows no limit of names; there the machine's memory is the limit.
pub fn mount_memory(
    name: &str,
    target: &str,
    flags: libc::c_ulong,
    options: &str,
    names_max: u64,
) -> io::Result<()> {
    let limited = format!("{options},nr_inodes={names_max}");
    match mount(name, target, "tmpfs", flags, &limited) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
            mount(name, target, "tmpfs", flags, options)
        }
        result => result,
    }
}

pub fn detach(target: &str) -> io::Result<()> {
    let target = c_str(target)?;
    // SAFETY: one NUL-terminated string that outlives the call.
    check(unsafe { libc::umount2(target.as_ptr(), libc::MNT_DETACH) })?;
    Ok(())
}

pub fn set_umask(mask: libc::mode_t) {
    // SAFETY: umask cannot fail and takes no pointer.
    unsafe { libc::umask(mask) };
}

const CAP_VERSION_3: u32 = 0x2008_0522;
const CAP_DAC_OVERRIDE: u32 = 1;

#[repr(C)]
struct CapHeader {
    version: u32,
    pid: libc::c_int,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Keeps `CAP_DAC_OVERRIDE` in this process alone, so that files of mode 000 can be hashed and archived. The ambient,
/// inheritable and bounding sets become empty: no program started from here can hold any capability.
pub fn drop_capabilities() -> io::Result<()> {
    // SAFETY: prctl with integer arguments.
    unsafe {
        // EINVAL where there are no such sets (gVisor).
        if libc::prctl(
            libc::PR_CAP_AMBIENT,
            libc::PR_CAP_AMBIENT_CLEAR_ALL,
            0,
            0,
            0,
        ) < 0
        {
            let error = io::Error::last_os_error();
            if error.raw_os_error() != Some(libc::EINVAL) {
                return Err(error);
            }
        }
        for capability in 0..64 {
            // EINVAL after the last capability that this kernel knows.
            if libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) < 0 {
                let error = io::Error::last_os_error();
                if error.raw_os_error() == Some(libc::EINVAL) {
                    break;
                }
                return Err(error);
            }
        }
        set_capabilities(1 << CAP_DAC_OVERRIDE)?;
        check(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
    }
    Ok(())
}

/// Effective and permitted become these of the first 32; nothing is inheritable.
pub fn set_capabilities(kept: u32) -> io::Result<()> {
    let header = CapHeader {
        version: CAP_VERSION_3,
        pid: 0,
    };
    let first = CapData {
        effective: kept,
        permitted: kept,
        inheritable: 0,
    };
    let data = [first, CapData::default()];
    // SAFETY: capset reads two structures of the layout that version 3 prescribes.
    if unsafe { libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Not dumpable: `/proc/1` of this process is closed to the commands, which run under the same user id.
pub fn hide_from_peers() -> io::Result<()> {
    // SAFETY: prctl with integer arguments.
    check(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) })?;
    Ok(())
}

/// Dies with the process that started it, whatever that process dies of.
pub fn die_with_parent() -> io::Result<()> {
    // SAFETY: prctl with integer arguments.
    check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0) })?;
    Ok(())
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct BpfInstruction {
    pub code: u16,
    pub jump_true: u8,
    pub jump_false: u8,
    pub value: u32,
}

/// Whether the kernel says of itself that it is gVisor's: its log is its own, and begins with its name.
pub fn is_user_space_kernel() -> bool {
    let mut log = vec![0_u8; 4096];
    let length = libc::c_int::try_from(log.len()).unwrap_or(0);
    // SAFETY: a buffer of the stated length that outlives the call.
    let read = unsafe { libc::klogctl(SYSLOG_READ_ALL, log.as_mut_ptr().cast(), length) };
    log.truncate(usize::try_from(read).unwrap_or(0));
    String::from_utf8_lossy(&log).contains("gVisor")
}

const SYSLOG_READ_ALL: libc::c_int = 3;

pub fn install_seccomp(program: &[BpfInstruction]) -> io::Result<()> {
    let length =
        u16::try_from(program.len()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    let program = libc::sock_fprog {
        len: length,
        filter: program.as_ptr().cast_mut().cast(),
    };
    // SAFETY: BpfInstruction has the layout of sock_filter, and the kernel copies the program during the call.
    check(unsafe {
        libc::prctl(
            libc::PR_SET_SECCOMP,
            libc::SECCOMP_MODE_FILTER,
            &raw const program,
        )
    })?;
    Ok(())
}
