//! Every call that the standard library does not have, wrapped so that the rest of the crate is safe code.
#![expect(
    unsafe_code,
    reason = "thin wrappers around system calls; nothing else in the crate may use unsafe"
)]

mod beneath;
mod files;
mod isolation;
mod machine;
mod processes;
mod routes;
mod terminal;

use std::ffi::{CString, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt;

pub use files::*;
pub use isolation::*;
pub use machine::*;
pub use processes::*;
pub use routes::*;
pub use terminal::*;

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}

fn c_string(value: &OsStr) -> io::Result<CString> {
    CString::new(value.as_bytes()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}

fn c_str(value: &str) -> io::Result<CString> {
    c_string(OsStr::new(value))
}
