//! The one privilege that capturing needs: `CAP_NET_RAW` (capabilities(7)).
//!
//! Capabilities belong to threads. [`give_up`] takes this one from the calling thread and from those that it starts later; a
//! thread that was started before keeps what it had.

#![expect(unsafe_code, reason = "capabilities have no safe wrapper")]

use std::io;

const NET_RAW: u32 = 13;
/// Two words of bits (`_LINUX_CAPABILITY_VERSION_3`).
const VERSION: u32 = 0x2008_0522;

#[repr(C)]
struct Header {
    version: u32,
    /// 0: the calling thread.
    thread: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct Word {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Gives it up for good, in the calling thread and those that it starts from now on.
pub(super) fn give_up() -> io::Result<()> {
    let mut words = get()?;
    words[0].effective &= !(1 << NET_RAW);
    words[0].permitted &= !(1 << NET_RAW);
    words[0].inheritable &= !(1 << NET_RAW);
    let mut header = Header { version: VERSION, thread: 0 };
    // SAFETY: both pointers are valid for the length of the call, and point to what this version of the call reads: one header
    // and two words.
    let status = unsafe { libc::syscall(libc::SYS_capset, &raw mut header, words.as_ptr()) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn get() -> io::Result<[Word; 2]> {
    let mut header = Header { version: VERSION, thread: 0 };
    let mut words = [Word::default(); 2];
    // SAFETY: both pointers are valid for the length of the call; of this version, the call reads one header and writes two
    // words.
    let status = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, words.as_mut_ptr()) };
    if status == 0 { Ok(words) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may_capture() -> bool {
        get().unwrap()[0].effective & (1 << NET_RAW) != 0
    }

    #[test]
    fn what_was_given_up_is_gone_from_this_thread_alone() {
        let before = may_capture();
        let after = std::thread::spawn(|| {
            give_up().unwrap();
            (may_capture(), std::thread::spawn(may_capture).join().unwrap())
        });
        assert_eq!(after.join().unwrap(), (false, false));
        assert_eq!(may_capture(), before);
    }
}
