//! The right to make network namespaces: one that the process has, or one that it takes in a user namespace of its own.
//!
//! Invariant: where it is refused, the error says what refuses it and what to do. Deliberately absent: dropping rights
//! again; a process in a user namespace has none outside it.

use std::io::{self, Write};

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Gid, Uid, getgid, getuid};

/// Where the right comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privilege {
    /// The process had it: it is root, or has `CAP_SYS_ADMIN` and `CAP_NET_ADMIN`.
    Own,
    /// It is root of a user namespace now, and who it was outside.
    UserNamespace,
}

/// What stands in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// `kernel.unprivileged_userns_clone` is 0 (Debian and its relatives).
    UsernsClone,
    /// `user.max_user_namespaces` or `user.max_net_namespaces` is reached, or 0.
    Limit,
    /// `kernel.apparmor_restrict_unprivileged_userns` is 1 (Ubuntu since 23.10).
    AppArmor,
    /// A seccomp filter refuses it, as in most containers.
    Seccomp,
    /// The kernel was built without namespaces.
    Unsupported,
    /// User namespaces are made by processes with one thread only, and this one has more.
    Threads,
    /// Nothing in particular: capabilities are missing.
    Capabilities,
}

impl Obstacle {
    const fn explanation(self) -> &'static str {
        match self {
            Self::UsernsClone => {
                "kernel.unprivileged_userns_clone is 0, which keeps user namespaces to root; \
                 run as root, or: sysctl -w kernel.unprivileged_userns_clone=1"
            }
            Self::Limit => {
                "the limit of namespaces is reached; run as root, or raise it: \
                 sysctl -w user.max_user_namespaces=1000 user.max_net_namespaces=1000"
            }
            Self::AppArmor => {
                "kernel.apparmor_restrict_unprivileged_userns is 1, which takes the rights away in user namespaces; \
                 run as root, or: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
            }
            Self::Seccomp => {
                "a seccomp filter refuses it, as containers have one; run the container with \
                 --cap-add SYS_ADMIN --cap-add NET_ADMIN --cap-add NET_RAW, or run outside it"
            }
            Self::Unsupported => "this kernel was built without network or user namespaces",
            Self::Threads => {
                "CAP_SYS_ADMIN is missing, and a process with several threads cannot make a user namespace; \
                 acquire the privilege before any thread starts, or run as root"
            }
            Self::Capabilities => "CAP_SYS_ADMIN and CAP_NET_ADMIN are missing; run as root",
        }
    }
}

/// The right is not to be had.
#[derive(Debug, thiserror::Error)]
#[error("{}", obstacle.explanation())]
pub struct PrivilegeError {
    /// What stands in the way, as far as can be told.
    pub obstacle: Obstacle,
    /// What the system said.
    source: io::Error,
}

/// Gets the right, by a user namespace if need be. Must be called before the process has a second thread; what it opened
/// stays open, and files belong to the same user outside as before.
pub fn acquire() -> Result<Privilege, PrivilegeError> {
    if capable(&std::fs::read_to_string("/proc/self/status").unwrap_or_default()) {
        return Ok(Privilege::Own);
    }
    enter_user_namespace().map_err(diagnose)?;
    Ok(Privilege::UserNamespace)
}

/// Makes the process root of a user namespace in which its user is the only one. Only system calls: it may run between
/// fork and exec.
pub fn enter_user_namespace() -> io::Result<()> {
    let (user, group) = (getuid(), getgid());
    unshare(CloneFlags::CLONE_NEWUSER)?;
    map_to_root(user, group)
}

/// `user_namespaces(7)`: a user may map only themselves, and their group only once `setgroups` is denied.
fn map_to_root(user: Uid, group: Gid) -> io::Result<()> {
    std::fs::write("/proc/self/setgroups", "deny")?;
    write_map("/proc/self/uid_map", user.as_raw())?;
    write_map("/proc/self/gid_map", group.as_raw())
}

/// Without allocating: another thread may have held the allocator's lock when this process was forked.
fn write_map(file: &str, id: u32) -> io::Result<()> {
    let mut line = [0_u8; 24];
    let mut rest = line.as_mut_slice();
    write!(rest, "0 {id} 1")?;
    let unused = rest.len();
    std::fs::write(file, &line[..line.len() - unused])
}

/// Whether the effective capabilities of `/proc/self/status` contain `CAP_NET_ADMIN` and `CAP_SYS_ADMIN` (`capability.h`).
fn capable(status: &str) -> bool {
    const NEEDED: u64 = 1 << 12 | 1 << 21;
    let effective = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("CapEff:")?.trim(), 16).ok());
    effective.is_some_and(|capabilities| capabilities & NEEDED == NEEDED)
}

/// What an error of `unshare` means on this system.
pub(super) fn diagnose(source: io::Error) -> PrivilegeError {
    let setting = |path: &str| std::fs::read_to_string(path).ok()?.trim().parse().ok();
    let system = System {
        userns_clone: setting("/proc/sys/kernel/unprivileged_userns_clone"),
        apparmor: setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
        limits: ["user", "net"].map(|kind| setting(&format!("/proc/sys/user/max_{kind}_namespaces"))),
        status: std::fs::read_to_string("/proc/self/status").unwrap_or_default(),
    };
    PrivilegeError {
        obstacle: system.obstacle(source.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw)),
        source,
    }
}

/// What there is to know about the reasons; absent where the system does not have the setting.
struct System {
    userns_clone: Option<u64>,
    apparmor: Option<u64>,
    limits: [Option<u64>; 2],
    status: String,
}

impl System {
    fn obstacle(&self, errno: Errno) -> Obstacle {
        let field =
            |name: &str| self.status.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
        match errno {
            Errno::ENOSPC | Errno::EUSERS => Obstacle::Limit,
            Errno::EINVAL if field("Threads:").is_some_and(|threads| threads > 1) => Obstacle::Threads,
            Errno::ENOSYS | Errno::EINVAL => Obstacle::Unsupported,
            _ if self.userns_clone == Some(0) => Obstacle::UsernsClone,
            _ if self.limits.contains(&Some(0)) => Obstacle::Limit,
            _ if self.apparmor == Some(1) => Obstacle::AppArmor,
            _ if field("Seccomp:") == Some(2) => Obstacle::Seccomp,
            _ => Obstacle::Capabilities,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_read_from_the_status() {
        for (status, expect) in [
            ("Name:\tx\nCapEff:\t000001ffffffffff\n", true),
            ("CapEff:\t0000000000201000\n", true),
            ("CapEff:\t0000000000200000\n", false),
            ("CapEff:\t0000000000001000\n", false),
            ("CapEff:\t0000000000000000\n", false),
            ("", false),
        ] {
            assert_eq!(capable(status), expect, "{status}");
        }
    }

    #[test]
    fn each_obstacle_is_recognised() {
        let plain =
            || System { userns_clone: None, apparmor: None, limits: [Some(100), Some(100)], status: String::new() };
        let with_status = |status: &str| System { status: status.to_owned(), ..plain() };
        for (system, errno, expect) in [
            (System { userns_clone: Some(0), ..plain() }, Errno::EPERM, Obstacle::UsernsClone),
            (System { userns_clone: Some(1), ..plain() }, Errno::EPERM, Obstacle::Capabilities),
            (System { apparmor: Some(1), ..plain() }, Errno::EPERM, Obstacle::AppArmor),
            (System { apparmor: Some(1), ..plain() }, Errno::EACCES, Obstacle::AppArmor),
            (System { limits: [Some(0), None], ..plain() }, Errno::EPERM, Obstacle::Limit),
            (plain(), Errno::ENOSPC, Obstacle::Limit),
            (with_status("Threads:\t4\n"), Errno::EINVAL, Obstacle::Threads),
            (with_status("Threads:\t1\n"), Errno::EINVAL, Obstacle::Unsupported),
            (with_status("Seccomp:\t2\n"), Errno::EPERM, Obstacle::Seccomp),
            (with_status("Seccomp:\t0\n"), Errno::EPERM, Obstacle::Capabilities),
            (plain(), Errno::ENOSYS, Obstacle::Unsupported),
        ] {
            assert_eq!(system.obstacle(errno), expect, "{errno}");
        }
    }

    #[test]
    fn an_error_names_the_setting_and_the_next_step() {
        let error = PrivilegeError { obstacle: Obstacle::UsernsClone, source: Errno::EPERM.into() };
        let text = error.to_string();
        assert!(text.contains("unprivileged_userns_clone is 0") && text.contains("sysctl -w"), "{text}");
    }
}
