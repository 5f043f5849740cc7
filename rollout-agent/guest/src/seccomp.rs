//! The system calls that commands may not make. A list of refusals, with an edge: numbers newer than this list read
//! as "not implemented", so a kernel cannot add a way out behind our back.

use crate::sys::BpfInstruction;

const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const JUMP_EQUAL: u16 = 0x15;
const JUMP_GREATER_OR_EQUAL: u16 = 0x35;
const JUMP_ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

const ALLOW: u32 = 0x7fff_0000;
const KILL_PROCESS: u32 = 0x8000_0000;
const ERRNO: u32 = 0x0005_0000;

// Offsets in struct seccomp_data; the low half of an argument on little-endian machines, which both supported
// architectures are.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGUMENT_0: u32 = 16;
const ARGUMENT_1: u32 = 24;
const ARGUMENT_2: u32 = 32;

#[cfg(target_arch = "x86_64")]
const NATIVE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const NATIVE: u32 = 0xc000_00b7;

/// The first number after mseal(2), the newest call of Linux 6.10; also below the x32 range.
const FIRST_UNKNOWN: u32 = 463;

/// New namespaces of any kind in clone(2).
const CLONE_NAMESPACES: u32 = 0x7e02_0000;

const F_SETPIPE_SZ: u32 = 1031;

/// Of the modes of files, those of devices, and of links, which are made otherwise.
const S_IFCHR: u32 = 0x2000;

const TIOCSTI: u32 = 0x5412;
const TIOCLINUX: u32 = 0x541c;
/// Another line discipline: old drivers for modems and amateur radio, which a kernel loads on request.
const TIOCSETD: u32 = 0x5423;

#[rustfmt::skip]
const REFUSED: &[libc::c_long] = &[
    // Namespaces and mounts.
    libc::SYS_unshare, libc::SYS_setns, libc::SYS_mount, libc::SYS_umount2, libc::SYS_pivot_root, libc::SYS_chroot,
    libc::SYS_move_mount, libc::SYS_open_tree, libc::SYS_fsopen, libc::SYS_fsconfig, libc::SYS_fsmount,
    libc::SYS_fspick, libc::SYS_mount_setattr,
    // Other processes' memory and descriptors.
    libc::SYS_ptrace, libc::SYS_process_vm_readv, libc::SYS_process_vm_writev, libc::SYS_kcmp, libc::SYS_pidfd_getfd,
    // Parts of the kernel with a long history of holes.
    libc::SYS_keyctl, libc::SYS_add_key, libc::SYS_request_key, libc::SYS_bpf, libc::SYS_perf_event_open,
    libc::SYS_userfaultfd, libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register,
    libc::SYS_fanotify_init, libc::SYS_vhangup, libc::SYS_lookup_dcookie,
    // The machine itself.
    libc::SYS_kexec_load, libc::SYS_init_module, libc::SYS_finit_module, libc::SYS_delete_module,
    libc::SYS_reboot, libc::SYS_swapon, libc::SYS_swapoff, libc::SYS_acct, libc::SYS_quotactl, libc::SYS_syslog,
    libc::SYS_settimeofday, libc::SYS_clock_settime, libc::SYS_adjtimex, libc::SYS_clock_adjtime,
    libc::SYS_sethostname, libc::SYS_setdomainname, libc::SYS_name_to_handle_at, libc::SYS_open_by_handle_at,
    libc::SYS_mbind, libc::SYS_set_mempolicy, libc::SYS_move_pages, libc::SYS_migrate_pages,
    SYS_QUOTACTL_FD, SYS_SET_MEMPOLICY_HOME_NODE,
    #[cfg(target_arch = "x86_64")] libc::SYS_kexec_file_load,
    #[cfg(target_arch = "x86_64")] libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")] libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")] libc::SYS_modify_ldt,
];

/// Newer than the names that the C library's crate has for both architectures; the numbers are the same on both.
const SYS_QUOTACTL_FD: libc::c_long = 443;
const SYS_SET_MEMPOLICY_HOME_NODE: libc::c_long = 450;

/// Calls that programs try and fall back from. `clone3` hides its flags behind a pointer; memory of `memfd_create`, of
/// System V segments, messages and semaphores, and pages that `vmsplice` has put into a pipe belong to no process, so no
/// limit would see them; requests of `io_setup` come out of one supply for the whole machine.
const NOT_IMPLEMENTED: &[libc::c_long] = &[
    libc::SYS_clone3,
    libc::SYS_memfd_create,
    libc::SYS_memfd_secret,
    libc::SYS_shmget,
    libc::SYS_msgget,
    libc::SYS_semget,
    libc::SYS_vmsplice,
    libc::SYS_io_setup,
];

/// As on a file system that has none of it. Access lists are memory of the kernel's that no limit of a file system counts,
/// and neither they nor other attributes are part of a sandbox's state.
const NOT_SUPPORTED: &[libc::c_long] =
    &[libc::SYS_setxattr, libc::SYS_lsetxattr, libc::SYS_fsetxattr];

fn load(offset: u32) -> BpfInstruction {
    instruction(LOAD, 0, 0, offset)
}

fn give(verdict: u32) -> BpfInstruction {
    instruction(RETURN, 0, 0, verdict)
}

fn instruction(code: u16, jump_true: u8, jump_false: u8, value: u32) -> BpfInstruction {
    BpfInstruction {
        code,
        jump_true,
        jump_false,
        value,
    }
}

fn errno(code: libc::c_int) -> u32 {
    ERRNO | code.unsigned_abs()
}

fn number(call: libc::c_long) -> u32 {
    u32::try_from(call).unwrap_or(u32::MAX)
}

/// `call` gets its own instructions, each of which ends in a verdict.
fn on_call(program: &mut Vec<BpfInstruction>, call: libc::c_long, body: &[BpfInstruction]) {
    let length = u8::try_from(body.len()).unwrap_or(u8::MAX);
    program.push(instruction(JUMP_EQUAL, 0, length, number(call)));
    program.extend_from_slice(body);
}

/// Kernels refuse devices to who may not make them, but for gVisor's, whose devices nobody can open then.
fn refuse_devices(program: &mut Vec<BpfInstruction>) {
    for (call, mode) in [
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_mknod, ARGUMENT_1),
        (libc::SYS_mknodat, ARGUMENT_2),
    ] {
        on_call(
            program,
            call,
            &[
                load(mode),
                instruction(JUMP_ANY_BIT, 0, 1, S_IFCHR),
                give(errno(libc::EPERM)),
                give(ALLOW),
            ],
        );
    }
}

pub fn program() -> Vec<BpfInstruction> {
    let mut program = vec![
        load(ARCHITECTURE),
        instruction(JUMP_EQUAL, 1, 0, NATIVE),
        give(KILL_PROCESS),
        load(NUMBER),
        instruction(JUMP_GREATER_OR_EQUAL, 0, 1, FIRST_UNKNOWN),
        give(errno(libc::ENOSYS)),
    ];
    on_call(
        &mut program,
        libc::SYS_clone,
        &[
            load(ARGUMENT_0),
            instruction(JUMP_ANY_BIT, 0, 1, CLONE_NAMESPACES),
            give(errno(libc::EPERM)),
            give(ALLOW),
        ],
    );
    for call in [libc::SYS_socket, libc::SYS_socketpair] {
        on_call(
            &mut program,
            call,
            &[
                load(ARGUMENT_0),
                instruction(JUMP_EQUAL, 3, 0, libc::AF_UNIX.unsigned_abs()),
                instruction(JUMP_EQUAL, 2, 0, libc::AF_INET.unsigned_abs()),
                instruction(JUMP_EQUAL, 1, 0, libc::AF_INET6.unsigned_abs()),
                give(errno(libc::EAFNOSUPPORT)),
                give(ALLOW),
            ],
        );
    }
    on_call(
        &mut program,
        libc::SYS_ioctl,
        &[
            load(ARGUMENT_1),
            instruction(JUMP_EQUAL, 2, 0, TIOCSTI),
            instruction(JUMP_EQUAL, 1, 0, TIOCSETD),
            instruction(JUMP_EQUAL, 0, 1, TIOCLINUX),
            give(errno(libc::EPERM)),
            give(ALLOW),
        ],
    );
    // `watch.rs` reckons with buffers of the usual sizes, so none is made larger. A socket that keeps its size is what
    // programs expect of a system that allows no more, so that reads as done.
    on_call(
        &mut program,
        libc::SYS_fcntl,
        &[
            load(ARGUMENT_1),
            instruction(JUMP_EQUAL, 0, 1, F_SETPIPE_SZ),
            give(errno(libc::EPERM)),
            give(ALLOW),
        ],
    );
    on_call(
        &mut program,
        libc::SYS_setsockopt,
        &[
            load(ARGUMENT_1),
            instruction(JUMP_EQUAL, 0, 3, libc::SOL_SOCKET.unsigned_abs()),
            load(ARGUMENT_2),
            instruction(JUMP_EQUAL, 0, 1, libc::SO_SNDBUF.unsigned_abs()),
            give(errno(0)),
            give(ALLOW),
        ],
    );
    // Only its own limits: lowering those of PID 1 would cripple the guest.
    on_call(
        &mut program,
        libc::SYS_prlimit64,
        &[
            load(ARGUMENT_0),
            instruction(JUMP_EQUAL, 1, 0, 0),
            give(errno(libc::EPERM)),
            give(ALLOW),
        ],
    );
    refuse_devices(&mut program);
    for &call in NOT_SUPPORTED {
        on_call(&mut program, call, &[give(errno(libc::EOPNOTSUPP))]);
    }
    for &call in NOT_IMPLEMENTED {
        on_call(&mut program, call, &[give(errno(libc::ENOSYS))]);
    }
    for &call in REFUSED {
        on_call(&mut program, call, &[give(errno(libc::EPERM))]);
    }
    program.push(give(ALLOW));
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_jump_lands_inside_the_program() {
        let program = program();
        for (index, step) in program.iter().enumerate() {
            if step.code == LOAD || step.code == RETURN {
                continue;
            }
            let furthest = index + 1 + usize::from(step.jump_true.max(step.jump_false));
            assert!(furthest < program.len());
        }
    }

    #[test]
    fn the_program_ends_in_a_verdict() {
        assert_eq!(program().last().map(|step| step.code), Some(RETURN));
    }
}
