//! Routes of the sandbox's own network, which has nothing but the loopback device.
use std::io;

use super::check;

/// The kernel's `struct rtentry`, which libc has for musl only.
#[repr(C)]
struct Route {
    pad1: libc::c_ulong,
    destination: libc::sockaddr,
    gateway: libc::sockaddr,
    mask: libc::sockaddr,
    flags: libc::c_ushort,
    pad2: libc::c_short,
    pad3: libc::c_ulong,
    pad4: *mut libc::c_void,
    metric: libc::c_short,
    device: *mut libc::c_char,
    mtu: libc::c_ulong,
    window: libc::c_ulong,
    round_trip: libc::c_ushort,
}

const ADD_ROUTE: libc::Ioctl = 0x890B;
const ROUTE_UP: libc::c_ushort = 1;

/// Sends packets for other addresses to the loopback device, which drops them: whoever connects to one waits, as behind
/// a router that answers nothing, and is not told at once that there is no way.
pub fn lose_packets() -> io::Result<()> {
    let mut device = *b"lo\0";
    // SAFETY: the structure is plain data for which zero is valid (no address, no mask); it and the name of the device
    // live while the call reads them; the socket is closed on every way out.
    unsafe {
        let socket = check(libc::socket(libc::AF_INET, libc::SOCK_DGRAM, 0))?;
        let mut route = std::mem::zeroed::<Route>();
        let family = libc::sa_family_t::try_from(libc::AF_INET).unwrap_or(2);
        route.destination.sa_family = family;
        route.mask.sa_family = family;
        route.flags = ROUTE_UP;
        route.device = device.as_mut_ptr().cast();
        let result = check(libc::ioctl(socket, ADD_ROUTE, &raw const route));
        libc::close(socket);
        result?;
    }
    Ok(())
}
